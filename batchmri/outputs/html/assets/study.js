// The page of a study: the slice slider, the heat map, and the curve.
"use strict";
(() => {
  const back = document.getElementById("back");
  try {
    const hash = sessionStorage.getItem("batchmri");
    if (hash) back.hash = hash; // return to the same filters and the same page of the table
  } catch { /* not allowed here */ }

  for (const data of JSON.parse(document.getElementById("study").textContent)) {
    const section = document.getElementById(`series-${data.number}`);
    const viewer = section.querySelector(".viewer");
    if (viewer) connect(section, viewer, data);
  }

  function connect(section, viewer, { slices, cells, curve }) {
    const find = (selector) => viewer.querySelector(selector);
    const slider = find(".slider"), overlay = find(".overlay"), opacity = find(".opacity");
    const gray = find(".gray"), brain = find(".brain"), heat = find(".heat");
    const now = section.querySelector(".curve .now");
    const p = new Map(slices.map((slice) => [slice.n, slice.p]));
    const place = (element, [left, top, width, height]) => {
      Object.assign(element.style, {
        left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%`,
      });
    };
    const show = () => {
      const cell = cells[Number(slider.value)];
      gray.style.backgroundPosition = `0 ${cell.gray_y}%`;
      if (heat) {
        place(brain, cell.box);
        place(heat, cell.square);
        heat.style.backgroundPosition = `50% ${cell.heat_y}%`;
        heat.style.opacity = opacity.value / 100;
        brain.hidden = !overlay.checked;
      }
      const words = `slice ${cell.n}, p_tumor ${p.get(cell.n).toFixed(2)}${cell.deciding ? ", deciding" : ""}`;
      find(".where").textContent = words;
      find(".slice").setAttribute("aria-label", words[0].toUpperCase() + words.slice(1));
      find(".slice").classList.toggle("deciding", cell.deciding);
      slider.setAttribute("aria-valuetext", words);
      const span = Math.max(curve.last - curve.first, 1);
      const x = curve.left + ((cell.n - curve.first) / span) * (curve.right - curve.left);
      now.setAttribute("x1", x);
      now.setAttribute("x2", x);
      now.setAttribute("visibility", "visible");
    };
    const select = (k) => { slider.value = k; show(); };
    for (const control of [slider, overlay, opacity]) {
      if (control) control.addEventListener("input", show);
    }
    find(".slice").addEventListener("wheel", (event) => {
      event.preventDefault();
      select(Number(slider.value) + Math.sign(event.deltaY));
    }, { passive: false });
    section.querySelector(".curve svg").addEventListener("click", (event) => {
      const { left, width } = event.currentTarget.getBoundingClientRect();
      const at = ((event.clientX - left) / width) * curve.width;
      const n = curve.first
        + ((at - curve.left) / (curve.right - curve.left)) * (curve.last - curve.first);
      const distances = cells.map((cell) => Math.abs(cell.n - n));
      select(distances.indexOf(Math.min(...distances)));
    });
    for (const key of section.querySelectorAll(".key button")) {
      key.addEventListener("click", () => {
        select(Number(key.dataset.k));
        viewer.scrollIntoView({ block: "nearest" });
      });
    }
    show();
  }
})();
