"use strict";
// Tables over sizes of the list get a slider that draws one column at a time. Without this
// script, and for those who would rather read, the table holds every number.
for (const region of document.querySelectorAll("[data-slider]")) {
  const table = region.querySelector("table");
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const rows = [...table.tBodies[0].rows];
  const share = (text) => Number.parseFloat(text.replace(",", ".")) || 0;
  const id = `${table.id}-slider`;

  const box = document.createElement("div");
  box.className = "sweep";
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = region.dataset.slider;
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", id, min: 0, max: heads.length - 1, step: 1 });
  const chosen = document.createElement("output");
  chosen.htmlFor = id;
  const list = document.createElement("ul");
  const bars = rows.map((row) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = row.cells[0].textContent.trim();
    const track = document.createElement("span");
    track.className = "track";
    const bar = document.createElement("span");
    track.append(bar);
    const value = document.createElement("span");
    value.className = "value";
    item.append(name, track, value);
    list.append(item);
    return { bar, value, row };
  });
  const caption = document.createElement("p");
  caption.className = "sweep-title";
  caption.textContent = table.caption.textContent.trim();
  box.append(caption, label, slider, chosen, list);
  region.before(box);

  const draw = () => {
    const at = Number(slider.value) + 1;
    chosen.textContent = heads[at - 1].textContent.trim();
    slider.setAttribute("aria-valuetext", chosen.textContent);
    for (const { bar, value, row } of bars) {
      const text = row.cells[at].textContent.replace(/\s+/g, " ").trim();
      value.textContent = text;
      bar.style.width = `${Math.min(share(text), 100)}%`;
    }
    for (const row of table.rows) {
      [...row.cells].forEach((cell, place) => cell.classList.toggle("at", place === at));
    }
  };
  slider.value = String(Math.min(5, heads.length - 1));
  slider.addEventListener("input", draw);
  draw();
}

// Any measure of any division, drawn from the tables: choose both, read the intervals.
for (const region of document.querySelectorAll(".explorer")) {
  const divisions = [...region.querySelectorAll("[data-tables]")].map((one) => ({
    label: one.textContent,
    tables: one.dataset.tables.split(" ").map((id) => document.getElementById(id)),
  }));
  const choose = (name, text, labels) => {
    const label = document.createElement("label");
    label.append(text, " ");
    const select = document.createElement("select");
    select.name = name;
    labels.forEach((one, at) => select.add(new Option(one, at)));
    label.append(select);
    return { label, select };
  };
  const measures = divisions[0].tables.flatMap((table, place) =>
    [...table.tHead.rows[0].cells]
      .map((cell, column) => ({ label: cell.textContent.trim(), place, column }))
      .filter(({ column }) => table.querySelector(`td:nth-child(${column + 1})[data-numbers]`)));
  if (measures.length === 0) continue;
  const title = document.createElement("h3");
  title.textContent = region.dataset.title;
  const division = choose("division", region.dataset.division, divisions.map((one) => one.label));
  const measure = choose("measure", region.dataset.measure, measures.map((one) => one.label));
  const controls = document.createElement("p");
  controls.className = "controls";
  controls.append(division.label, measure.label);
  const list = document.createElement("ul");
  list.setAttribute("aria-live", "polite");
  region.replaceChildren(title, controls, list);
  region.hidden = false;

  const draw = () => {
    const { place, column } = measures[Number(measure.select.value)];
    const table = divisions[Number(division.select.value)].tables[place];
    const rows = [...table.tBodies[0].rows].map((row) => ({
      name: row.cells[0].textContent.replace(/\s+/g, " ").trim(),
      content: row.cells[column].cloneNode(true).childNodes,
      numbers: row.cells[column].dataset.numbers?.split(" ").map(Number),
    }));
    const largest = Math.max(0.05, ...rows.flatMap((row) => row.numbers ?? []));
    const average = rows.at(-1).numbers?.[0];
    list.replaceChildren(...rows.map(({ name, content, numbers }) => {
      const item = document.createElement("li");
      const named = document.createElement("span");
      named.textContent = name;
      const track = document.createElement("span");
      track.className = "track interval";
      const mark = (kind, from, width) => {
        const span = document.createElement("span");
        span.className = kind;
        span.style.left = `${(from / largest) * 100}%`;
        if (width !== undefined) span.style.width = `${(width / largest) * 100}%`;
        track.append(span);
      };
      if (average !== undefined) mark("average", average);
      if (numbers) {
        mark("band", numbers[1], numbers[2] - numbers[1]);
        mark("dot", numbers[0]);
      }
      const value = document.createElement("span");
      value.className = "value";
      value.append(...content);
      item.append(named, track, value);
      return item;
    }));
  };
  division.select.addEventListener("change", draw);
  measure.select.addEventListener("change", draw);
  measure.select.value = String(Math.max(0, measures.findIndex(({ place }) => place === 1)));
  draw();
}
