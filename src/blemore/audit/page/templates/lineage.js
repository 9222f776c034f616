// Links stay inside this part: the report's tabs keep the address.
document.getElementById("lineage-all").addEventListener("click", function (event) {
  "use strict";
  var link = event.target.closest("a[href^='#']");
  if (!link) { return; }
  event.preventDefault();
  var target = document.getElementById(link.getAttribute("href").slice(1));
  var fold = target.nextElementSibling;
  if (fold && fold.tagName === "DETAILS") { fold.open = true; }
  target.scrollIntoView({ block: "start" });
});
