(function () {
  "use strict";
  var tools = document.getElementById("tools");
  var table = document.getElementById("pupils");
  if (!tools || !table) { return; }
  var body = table.tBodies[0];
  var rows = Array.prototype.slice.call(body.rows);
  var school = document.getElementById("school");
  var group = document.getElementById("class");
  var search = document.getElementById("search");
  var count = document.getElementById("count");
  var more = document.getElementById("more");
  var headers = Array.prototype.slice.call(table.querySelectorAll("th[data-sort]"));
  var language = document.documentElement.lang;
  var orders = {
    school: new Intl.Collator(language, { numeric: true }).compare,
    pupil: new Intl.Collator(language).compare,
    rank: function (one, two) { return one - two; },
    risk: function (one, two) { return one - two; }
  };

  function plain(text) { return text.toLowerCase().replace(/-/g, ""); }

  // Only so many rows are laid out at once: the others wait for the button below the list.
  var STEP = 200;
  var limit = STEP;
  var matched = rows;

  function render() {
    matched = Array.prototype.filter.call(body.rows, matches);
    var place = 0;
    Array.prototype.forEach.call(body.rows, function (row) {
      var isMatched = row === matched[place];
      row.hidden = !isMatched || place >= limit;
      if (isMatched) { place += 1; }
    });
    more.hidden = matched.length <= limit;
    count.textContent = tools.dataset.shown
      .replace("[shown]", Math.min(limit, matched.length)).replace("[total]", rows.length);
  }

  // A class is one of the chosen school's.
  function offerClasses() {
    if (!group) { return; }
    var there = {};
    rows.forEach(function (row) {
      if (!school.value || row.dataset.school === school.value) { there[row.dataset.class] = true; }
    });
    Array.prototype.forEach.call(group.options, function (option) {
      option.hidden = option.disabled = option.value !== "" && !there[option.value];
    });
    if (group.value && !there[group.value]) { group.value = ""; }
  }

  function matches(row) {
    var wanted = plain(search.value.trim());
    return (!school.value || row.dataset.school === school.value) &&
      (!group || !group.value || row.dataset.class === group.value) &&
      (!wanted || plain(row.dataset.id).indexOf(wanted) === 0 ||
        plain(row.dataset.school).indexOf(wanted) !== -1);
  }

  function show() {
    limit = STEP;
    render();
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
    show();
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
  school.addEventListener("change", function () {
    offerClasses();
    show();
  });
  if (group) { group.addEventListener("change", show); }
  search.addEventListener("input", show);
  tools.addEventListener("submit", function (event) { event.preventDefault(); });
  tools.addEventListener("reset", function () {
    window.setTimeout(function () {
      headers.forEach(function (header) { header.removeAttribute("aria-sort"); });
      rows.forEach(function (row) { body.appendChild(row); });
      offerClasses();
      show();
      search.focus();
    }, 0);
  });

  var cards = JSON.parse(document.getElementById("cards").textContent);
  var labels = cards.labels;
  var dialog = document.getElementById("card");
  var holder = document.getElementById("card-body");
  var prints = document.getElementById("prints");
  var current = null;

  function make(name, text, kind) {
    var node = document.createElement(name);
    if (text !== undefined) { node.textContent = text; }
    if (kind) { node.className = kind; }
    return node;
  }

  function add(parent, name, text, kind) { return parent.appendChild(make(name, text, kind)); }

  function bar(share, text) {
    var track = make("span", undefined, "meter");
    var fill = add(track, "i");
    fill.style.width = share + "%";
    if (text) {
      track.setAttribute("role", "img");
      track.setAttribute("aria-label", text);
    } else {
      track.setAttribute("aria-hidden", "true");
    }
    return track;
  }

  function addReasons(parent, title, areas, level) {
    add(parent, level, title);
    if (!areas.length) { add(parent, "p", labels.nothing, "unsaid"); }
    areas.forEach(function (area) {
      add(parent, "p", area.area, "area");
      var list = add(parent, "ul", undefined, "reasons");
      area.reasons.forEach(function (reason) {
        var entry = add(list, "li", reason.main);
        if (reason.aside) { add(entry, "span", " " + reason.aside, "aside"); }
        if (reason.changeable) {
          entry.appendChild(document.createTextNode(" "));
          add(entry, "span", labels.changeable, "tag");
        }
        if (reason.weight) {
          entry.appendChild(bar(20 * reason.weight, reason.weight + ", " + labels.bar));
        }
      });
    });
  }

  function addTable(parent, title, note, heads, lines) {
    var table = add(parent, "table");
    var caption = add(table, "caption");
    add(caption, "strong", title);
    if (note) { add(caption, "span", note); }
    var top = add(add(table, "thead"), "tr");
    heads.forEach(function (head) { add(top, "th", head).scope = "col"; });
    var rest = add(table, "tbody");
    lines.forEach(function (line) {
      var row = add(rest, "tr");
      line.forEach(function (cell, index) {
        var made = add(row, index ? "td" : "th", cell === null ? undefined : cell.text || cell);
        if (!index) { made.scope = "row"; }
        if (cell && cell.share !== undefined) { made.appendChild(bar(cell.share)); }
      });
    });
  }

  function number(text) { return parseFloat(text.replace(",", ".")); }

  function build(card, level, id) {
    var part = make("article", undefined, "pupil-card");
    var title = add(part, level, labels.title + " " + card.id);
    if (id) { title.id = id; }
    var below = level === "h2" ? "h3" : "h4";
    var facts = add(part, "dl", undefined, "facts");
    card.facts.forEach(function (fact) {
      var pair = add(facts, "div");
      add(pair, "dt", fact[0]);
      add(pair, "dd", fact[1]);
    });
    card.notes.forEach(function (note) { add(part, "p", note, "caution"); });
    var columns = add(part, "div", undefined, "card-columns");
    addReasons(add(columns, "div"), labels.raising, card.raising, below);
    if (card.protecting.length) {
      addReasons(add(columns, "div"), labels.protecting, card.protecting, below);
    }
    if (card.moved.length) {
      add(part, below, labels.moved);
      var list = add(part, "ul");
      card.moved.forEach(function (line) { add(list, "li", line); });
    }
    var tables = add(part, "div", undefined, "card-columns");
    if (card.absence.length) {
      addTable(add(tables, "div"), labels.absence, labels.absence_note, [labels.period, labels.share],
        card.absence.map(function (share, index) {
          return [cards.periods[index], share === null ? labels.unreported :
            { text: share, share: number(share) }];
        }));
    }
    if (card.grades) {
      addTable(add(tables, "div"), labels.grades, "", [labels.subject].concat(card.grades.terms),
        card.grades.lines.map(function (line) {
          return line.map(function (grade) { return grade || labels.no_grade; });
        }));
    }
    add(part, "p", labels.reminder, "note");
    return part;
  }

  function open(row) {
    current = row;
    var place = matched.indexOf(row);
    holder.textContent = "";
    holder.appendChild(build(cards.pupils[rows.indexOf(row)], "h2", "card-title"));
    document.getElementById("card-previous").disabled = place <= 0;
    document.getElementById("card-next").disabled = place === matched.length - 1;
    if (!dialog.open) { dialog.showModal(); }
    dialog.scrollTop = 0;
  }

  function step(by) {
    var next = matched[matched.indexOf(current) + by];
    if (next) { open(next); }
  }

  rows.forEach(function (row) {
    var button = make("button", dialog.dataset.open, "open");
    button.type = "button";
    button.setAttribute("aria-label", dialog.dataset.openFor + " " + row.dataset.pupil);
    row.cells[row.cells.length - 1].appendChild(button);
  });
  body.addEventListener("click", function (event) {
    var button = event.target.closest("button.open");
    if (button) { open(button.closest("tr")); }
  });
  document.getElementById("card-previous").addEventListener("click", function () { step(-1); });
  document.getElementById("card-next").addEventListener("click", function () { step(1); });
  document.getElementById("card-close").addEventListener("click", function () { dialog.close(); });
  dialog.addEventListener("close", function () {
    if (current && current.hidden) {
      limit = Math.max(limit, matched.indexOf(current) + 1);
      render();
    }
    var button = current && current.querySelector("button.open");
    if (button) { button.focus(); }
  });
  document.getElementById("print").addEventListener("click", function () {
    matched.forEach(function (row) {
      prints.appendChild(build(cards.pupils[rows.indexOf(row)], "h2"));
    });
    document.documentElement.classList.add("printing-cards");
    window.print();
  });
  more.addEventListener("click", function () {
    var first = matched[limit];
    limit += STEP;
    render();
    first.querySelector("button.open").focus();
  });
  window.addEventListener("beforeprint", function () {
    limit += rows.length;
    render();
  });
  window.addEventListener("afterprint", function () {
    limit = Math.max(STEP, limit - rows.length);
    render();
    document.documentElement.classList.remove("printing-cards");
    prints.textContent = "";
  });
  tools.hidden = false;
  show();
}());
