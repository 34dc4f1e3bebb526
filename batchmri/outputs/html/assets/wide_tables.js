// A table that is wider than its box scrolls sideways: a line above it says so.
"use strict";
for (const box of document.querySelectorAll(".table-box")) {
  const hint = document.createElement("p");
  hint.className = "note";
  hint.textContent = "The table has more columns: scroll it to the right →";
  hint.hidden = true;
  box.before(hint);
  const sizes = new ResizeObserver(() => { hint.hidden = box.scrollWidth <= box.clientWidth + 1; });
  sizes.observe(box);
  sizes.observe(box.querySelector("table"));
}
