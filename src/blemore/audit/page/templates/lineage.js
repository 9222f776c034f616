(function () {
  "use strict";
  var all = document.getElementById("lineage-all");
  var records = document.getElementById("lineage-records");
  var heading = records.querySelector(".chosen");
  var filled = Array.prototype.slice.call(records.querySelectorAll(".filled"));
  var nodes = Array.prototype.slice.call(all.querySelectorAll(".node"));

  // Without this script all records stand below the drawing; with it, those of the chosen box.
  function choose(number) {
    filled.forEach(function (one) {
      one.hidden = one.id !== "lineage-box-" + number;
      if (!one.hidden) {
        heading.textContent = one.dataset.title;
        var alone = one.querySelector("details[data-alone]");
        if (alone) { alone.open = true; }
      }
    });
    nodes.forEach(function (one) {
      if (one.dataset.node === number) { one.setAttribute("aria-current", "true"); } else { one.removeAttribute("aria-current"); }
    });
  }
  filled.forEach(function (one) { one.hidden = true; });
  heading.textContent = "No box is chosen yet.";
  all.classList.add("choosing");

  // Links stay inside this part: the report's tabs keep the address.
  all.addEventListener("click", function (event) {
    var link = event.target.closest("a[href^='#']");
    if (!link) { return; }
    event.preventDefault();
    if (link.dataset.node !== undefined) {
      choose(link.dataset.node);
      records.scrollIntoView({ block: "nearest" });
      return;
    }
    var target = document.getElementById(link.getAttribute("href").slice(1));
    var fold = target.nextElementSibling;
    if (fold && fold.tagName === "DETAILS") { fold.open = true; }
    target.scrollIntoView({ block: "start" });
  });
  window.addEventListener("beforeprint", function () {
    filled.forEach(function (one) { one.dataset.was = String(one.hidden); one.hidden = false; });
  });
  window.addEventListener("afterprint", function () {
    filled.forEach(function (one) { one.hidden = one.dataset.was === "true"; });
  });
})();
