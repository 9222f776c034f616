(function () {
  "use strict";
  var links = Array.prototype.slice.call(document.querySelectorAll("nav.tabs a"));
  var panels = links.map(function (link) { return document.getElementById(link.hash.slice(1)); });

  // Without this script the page shows all parts, one after another; with it they become tabs.
  document.documentElement.classList.add("tabbed");
  links[0].closest("ul").setAttribute("role", "tablist");
  links.forEach(function (link, k) {
    link.parentNode.setAttribute("role", "presentation");
    link.setAttribute("role", "tab");
    link.setAttribute("aria-controls", panels[k].id);
    panels[k].setAttribute("role", "tabpanel");
    panels[k].setAttribute("aria-labelledby", link.id);
    link.addEventListener("click", function (event) { event.preventDefault(); open(k, true); });
    link.addEventListener("keydown", function (event) {
      var last = links.length - 1;
      var to = { ArrowRight: k === last ? 0 : k + 1, ArrowLeft: k === 0 ? last : k - 1, Home: 0, End: last }[event.key];
      if (event.key === " ") { to = k; }
      if (to === undefined) { return; }
      event.preventDefault();
      open(to, true);
      links[to].focus();
    });
  });

  function open(k, byHand) {
    links.forEach(function (link, other) {
      link.setAttribute("aria-selected", String(other === k));
      link.tabIndex = other === k ? 0 : -1;
      panels[other].hidden = other !== k;
    });
    var strip = document.querySelector("nav.tabs");
    var box = links[k].getBoundingClientRect();
    strip.scrollLeft += box.left + box.width / 2 - strip.clientWidth / 2;
    if (byHand) {
      history.replaceState(null, "", links[k].hash);
      var top = document.getElementById("content").getBoundingClientRect().top + window.scrollY - strip.offsetHeight;
      if (window.scrollY > top) { window.scrollTo(0, top); }
    }
  }

  function openByHash() {
    var names = panels.map(function (panel) { return panel.id; });
    open(Math.max(0, names.indexOf(location.hash.slice(1))), false);
  }
  window.addEventListener("hashchange", openByHash);
  openByHash();

  // A number tells where it stands.
  var place = document.getElementById("source");
  function tell(element) {
    var parts = element.dataset.source.split("#");
    place.textContent = element.value + " in " + parts[0] + (parts[1] ? " at " + parts[1] : "");
    place.hidden = false;
  }
  document.addEventListener("pointerover", function (event) {
    var found = event.target.closest("data[data-source]");
    if (found) { tell(found); } else { place.hidden = true; }
  });
  document.addEventListener("click", function (event) {
    var found = event.target.closest("data[data-source]");
    if (found) { tell(found); } else { place.hidden = true; }
  });
})();
