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
  every.form.addEventListener("change", () => {
    const checked = [...boxes()].filter((box) => box.checked).length;
    every.checked = checked > 0 && checked === boxes().length;
    every.indeterminate = checked > 0 && checked < boxes().length;
  });
}
