(function () {
  "use strict";
  // Each table can be saved as CSV, with its numbers as the study's files have them, not as they are rounded here;
  // each figure as SVG. Made from the page itself: nothing is loaded.
  var VALUE = "data, [data-source], [data-key], [data-neutral], [data-published], .none";

  function plain(text) { return text.replace(/\s+/g, " ").trim(); }

  function title(element) {
    var caption = element.querySelector("caption"), box = element.closest(".box");
    if (caption) { return plain(caption.textContent); }
    if (box) { return box.getAttribute("aria-label"); }
    var before = Array.prototype.slice.call(element.closest("section").querySelectorAll("h2, h3, h4")).filter(function (heading) {
      return heading.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
    });
    return plain(before[before.length - 1].textContent);
  }

  var taken = {};
  function fileName(element, ending) {
    var words = element.closest("section").id + " " + title(element);
    var name = words.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 70);
    taken[name] = (taken[name] || 0) + 1;
    return name + (taken[name] > 1 ? "-" + taken[name] : "") + ending;
  }

  function save(name, type, text) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: type }));
    link.download = name;
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
  }

  function offer(element, ending, type, make) {
    var name = fileName(element, ending);
    var place = document.createElement("p");
    var button = document.createElement("button");
    place.className = "get";
    button.type = "button";
    button.textContent = ending.slice(1).toUpperCase();
    button.title = "save as " + name;
    button.setAttribute("aria-label", button.title);
    button.addEventListener("click", function () { save(name, type, make(element)); });
    place.append(button);
    (element.closest(".box") || element).after(place);
  }

  // The values of a cell by column: words before a value name its column, and the ends of an interval are low and high.
  function values(cell, column, row) {
    var walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    var words = "", found = false, node = walker.nextNode();
    function add(name, value) { row[name] = name in row ? row[name] + "; " + value : value; }
    while (node) {
      var inside = node;
      if (node.nodeType === Node.TEXT_NODE) {
        words += " " + node.textContent;
      } else if (node.matches(VALUE)) {
        var range = node.closest(".interval");
        var end = !range ? "" : range.querySelector("data") === node ? " low" : " high";
        words = plain(words.replace(/[^\p{L}\p{N}.]+/gu, " ")).replace(/^[. ]+|[ ]+$/g, "");
        var own = node.closest("[data-column]");
        add(own ? own.dataset.column : plain(column + " " + words) + end, node.matches("data") ? node.value : node.matches(".none") ? "" : guarded(node));
        words = "";
        found = true;
        while (inside.lastChild) { inside = inside.lastChild; }
        walker.currentNode = inside;
      }
      node = walker.nextNode();
    }
    if (!found) { add(column, guarded(cell)); }
  }

  // A spreadsheet runs no text of ours.
  function guarded(element) { return plain(element.textContent).replace(/^([=+@-])/, "'$1"); }

  function csv(table) {
    var heads = Array.prototype.map.call(table.querySelectorAll("thead th"), function (head) { return plain(head.textContent); });
    var columns = [];
    var group = "";
    var rows = Array.prototype.filter.call(table.querySelectorAll("tbody tr"), function (line) {
      return !line.hasAttribute("aria-hidden");
    }).map(function (line) {
      var row = group ? { group: group } : {};
      if (line.matches(".steps")) {  // a line of its own that heads those below
        group = guarded(line);
        return null;
      }
      Array.prototype.forEach.call(line.cells, function (cell, k) {
        var column = heads[k] || (k ? title(table) : "name");
        var coded = cell.querySelectorAll("[data-encoder]");
        if (cell.matches("th")) {
          row[column] = guarded(coded.length === 1 ? coded[0] : cell);
          if (coded.length === 1) { row["code name"] = coded[0].title; }
        } else if (!cell.matches(".plot")) { values(cell, column, row); }
      });
      Object.keys(row).forEach(function (name, k) {
        if (columns.indexOf(name) < 0) { columns.splice(columns.indexOf(Object.keys(row)[k - 1]) + 1, 0, name); }
      });
      return row;
    }).filter(Boolean);
    function line(cells) {
      return cells.map(function (cell) { return /[",\n]/.test(cell) ? '"' + cell.replace(/"/g, '""') + '"' : cell; }).join(",");
    }
    return [columns].concat(rows.map(function (row) {
      return columns.map(function (name) { return name in row ? row[name] : ""; });
    })).map(line).join("\n") + "\n";
  }

  // The page's colours become those of its light side: outside of it there is no style sheet.
  function svg(drawing) {
    var colours = document.styleSheets[0].cssRules[0].style, copy = drawing.cloneNode(true);
    copy.removeAttribute("class");
    return new XMLSerializer().serializeToString(copy).replace(/var\((--[a-z-]+)\)/g, function (_, name) {
      return colours.getPropertyValue(name).trim();
    });
  }

  document.querySelectorAll("main table").forEach(function (table) { offer(table, ".csv", "text/csv", csv); });
  document.querySelectorAll("main svg.drawing").forEach(function (drawing) { offer(drawing, ".svg", "image/svg+xml", svg); });
})();
