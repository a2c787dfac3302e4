(function () {
  "use strict";
  var tools = document.getElementById("tools");
  var table = document.getElementById("pupils");
  if (!tools || !table) { return; }
  var body = table.tBodies[0];
  var rows = Array.prototype.slice.call(body.rows);
  var school = document.getElementById("school");
  var search = document.getElementById("search");
  var count = document.getElementById("count");
  var headers = Array.prototype.slice.call(table.querySelectorAll("th[data-sort]"));
  var language = document.documentElement.lang;
  var orders = {
    school: new Intl.Collator(language, { numeric: true }).compare,
    pupil: new Intl.Collator(language).compare,
    rank: function (one, two) { return one - two; },
    risk: function (one, two) { return one - two; }
  };

  function plain(text) { return text.toLowerCase().replace(/-/g, ""); }

  function show() {
    var wanted = plain(search.value.trim());
    var shown = 0;
    rows.forEach(function (row) {
      var found = (!school.value || row.dataset.school === school.value) &&
        (!wanted || plain(row.dataset.id).indexOf(wanted) === 0 ||
          plain(row.dataset.school).indexOf(wanted) !== -1);
      row.hidden = !found;
      if (found) { shown += 1; }
    });
    count.textContent = tools.dataset.shown.replace("[shown]", shown).replace("[total]", rows.length);
  }

  function sort(header, direction) {
    var key = header.dataset.sort;
    var sign = direction === "ascending" ? 1 : -1;
    headers.forEach(function (other) { other.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", direction);
    rows.map(function (row, index) { return { row: row, index: index }; })
      .sort(function (a, b) {
        return sign * orders[key](a.row.dataset[key], b.row.dataset[key]) || a.index - b.index;
      })
      .forEach(function (entry) { body.appendChild(entry.row); });
  }

  headers.forEach(function (header) {
    var button = document.createElement("button");
    button.type = "button";
    var label = document.createElement("span");
    label.className = "print-only";
    label.textContent = button.textContent = header.textContent;
    header.textContent = "";
    header.appendChild(button);
    header.appendChild(label);
    button.addEventListener("click", function () {
      var first = header.dataset.sort === "risk" ? "descending" : "ascending";
      var second = first === "ascending" ? "descending" : "ascending";
      sort(header, header.getAttribute("aria-sort") === first ? second : first);
    });
  });
  school.addEventListener("change", show);
  search.addEventListener("input", show);
  tools.addEventListener("submit", function (event) { event.preventDefault(); });
  tools.addEventListener("reset", function () {
    window.setTimeout(function () {
      headers.forEach(function (header) { header.removeAttribute("aria-sort"); });
      rows.forEach(function (row) { body.appendChild(row); });
      show();
      search.focus();
    }, 0);
  });
  tools.hidden = false;
  show();
}());
