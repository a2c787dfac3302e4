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
