// What the fleet's pages do beyond plain HTML. Everything works without this file; nothing here decides anything.
"use strict";

// --- Filters: an address without what was left empty ----------------------------------------------
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "get") return;
  for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  // Coming back to this page must find them usable.
  addEventListener("pageshow", () => { for (const field of form.elements) field.disabled = false; }, { once: true });
});

// --- Select every account of the page -------------------------------------------------------------
for (const every of document.querySelectorAll("input[data-every]")) {
  const boxes = () => every.form.querySelectorAll('input[name="number"]');
  every.hidden = false;
  every.addEventListener("change", () => { for (const box of boxes()) box.checked = every.checked; });
  const acts = every.form.querySelector("details[data-bulk]");
  every.form.addEventListener("change", () => {
    const checked = [...boxes()].filter((box) => box.checked).length;
    // What may be done with them; it stays open when somebody takes a tick off.
    if (acts && checked > 0) acts.open = true;
    every.checked = checked > 0 && checked === boxes().length;
    every.indeterminate = checked > 0 && checked < boxes().length;
  });
}

// --- Movement, asked for again and again while somebody looks -------------------------------------
const AGAIN_MILLISECONDS = 10000;
for (const place of document.querySelectorAll("[data-again]")) {
  setInterval(async () => {
    // Whoever reads with the keyboard must not lose their place.
    if (document.hidden || place.contains(document.activeElement)) return;
    try {
      const answer = await fetch(place.dataset.again, { redirect: "error", headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const text = await answer.text();
      if (place.contains(document.activeElement)) return;
      const template = document.createElement("template");
      template.innerHTML = text;
      place.replaceChildren(template.content);
    } catch { /* the server is away for a moment: the next time tells */ }
  }, AGAIN_MILLISECONDS);
}

// --- What is fetched only when it is opened ---------------------------------------------------------
for (const place of document.querySelectorAll("details[data-from]")) {
  place.addEventListener("toggle", async () => {
    if (!place.open || place.querySelector("[data-part]")) return;
    try {
      const answer = await fetch(place.dataset.from, { redirect: "error", headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      place.querySelector("[data-way]").replaceWith(page.querySelector("[data-part]"));
    } catch { /* the link stays, and leads to the same */ }
  });
}

// --- The map as one stop of the Tab key: arrows walk its cells ------------------------------------
for (const grid of document.querySelectorAll("table[data-grid]")) {
  const rows = [...grid.tBodies[0].rows];
  const link = (row, column) => rows[row]?.cells[column]?.querySelector("a");
  for (const each of grid.tBodies[0].querySelectorAll("td a")) each.tabIndex = -1;
  const enter = link(0, 1);
  if (enter) enter.tabIndex = 0;
  grid.addEventListener("focusin", (event) => {
    if (!event.target.closest("td")) return;
    for (const each of grid.querySelectorAll('td a[tabindex="0"]')) each.tabIndex = -1;
    event.target.tabIndex = 0;
  });
  grid.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!cell || !step) return;
    event.preventDefault();
    let row = cell.parentElement.sectionRowIndex + step[0];
    let column = cell.cellIndex + step[1];
    // Over a region that an account was never read in.
    while (rows[row]?.cells[column] && !link(row, column)) { row += step[0]; column += step[1]; }
    link(row, column)?.focus();
  });
}
