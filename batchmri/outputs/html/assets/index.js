// The index page: filters, table, charts and the state in the address.
"use strict";
(() => {
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const words = batchmri.list;
  // Places in a row; see index_data.py.
  const [UID, SOURCE, STATUS, VERDICT, REASON, P, OOD, CLASSES, FLAGS, WHY, SEQUENCES, SCANNERS,
    N_SERIES, N_SLICES, THUMB] = Array(15).keys();
  const rows = batchmri.all;
  const word = (number) => (number === null ? "" : words[number]);
  // Some codes, such as without_contrast, are both a flag and a reason.
  const flagInWords = (code) => settings.flag_words[code] || code.replaceAll("_", " ");
  const reasonInWords = (code) => settings.reason_words[code] || code.replaceAll("_", " ");
  const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const decimals = (value) => (value === null ? "" : value.toFixed(2));
  const outside = (row) => ["out_of_distribution", "other_sequence"].includes(word(row[REASON]));
  const kind = (row) => {
    const verdict = word(row[VERDICT]);
    if (outside(row)) return "outside";
    if (verdict === settings.no_tumor) return "notumor";
    return verdict === "indeterminate" ? "indeterminate" : "tumor";
  };

  // The folder of a study; two digits of a hash, computed by the report (thumb has them too).
  const page = (row) => `studies/${row[UID]}.html`;
  const thumb = (row) => {
    if (!row[THUMB]) return "";
    const path = `../gradcam/${row[UID]}/${row[THUMB]}_thumb.jpg`;
    return `<img src="${escape(path)}" width="48" height="48" loading="lazy" alt="">`;
  };
  const uid = (row) => row[UID].slice(3);

  // --- state: what is in the address after #

  const form = document.getElementById("filters");
  const SELECTS = ["verdict", "reason", "flag", "status", "why", "sequence", "scanner"];
  const NUMBERS = ["pmin", "pmax", "omin", "omax"];
  const FIELDS = ["q", ...SELECTS, ...NUMBERS];
  let state = {};
  const readAddress = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    state = Object.fromEntries([...FIELDS, "sort", "page"].map((key) => [key, given.get(key) || ""]));
    for (const key of FIELDS) form.elements[key].value = state[key];
  };
  const writeAddress = () => {
    const kept = Object.entries(state).filter(([, value]) => value);
    const hash = new URLSearchParams(kept).toString();
    if (hash !== location.hash.slice(1)) {
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
    }
    try { sessionStorage.setItem("batchmri", hash); } catch { /* not allowed here */ }
  };

  const one = (place) => (row) => (row[place] === null ? [] : [word(row[place])]);
  const several = (place) => (row) => row[place].map(word);
  const VALUES = {
    verdict: one(VERDICT), reason: one(REASON), flag: several(FLAGS), status: one(STATUS),
    why: several(WHY), sequence: several(SEQUENCES), scanner: several(SCANNERS),
  };

  const fillSelects = () => {
    for (const key of SELECTS) {
      const counts = new Map();
      for (const row of rows) {
        for (const value of VALUES[key](row)) counts.set(value, (counts.get(value) || 0) + 1);
      }
      const select = form.elements[key];
      select.append(new Option("any", ""));
      for (const [value, n] of [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))) {
        const inWords = key === "flag" ? flagInWords : reasonInWords;
        const shown = ["sequence", "scanner"].includes(key) ? value : inWords(value);
        select.append(new Option(`${shown} (${n})`, value));
      }
      select.closest("label").hidden = counts.size === 0;
    }
  };

  const number = (text, missing) => (text === "" ? missing : Number(text));
  const shown = (row) => {
    for (const key of SELECTS) {
      if (state[key] && !VALUES[key](row).includes(state[key])) return false;
    }
    for (const [place, low, high] of [[P, "pmin", "pmax"], [OOD, "omin", "omax"]]) {
      if (!state[low] && !state[high]) continue;
      if (row[place] === null) return false;
      if (row[place] < number(state[low], -Infinity) || row[place] > number(state[high], Infinity)) {
        return false;
      }
    }
    const wanted = state.q.trim().toLowerCase();
    return !wanted || wanted.split(/\s+/).every((part) => text(row).includes(part));
  };
  const text = (row) => {
    const flags = row[FLAGS].map(word);
    const parts = [row[SOURCE], uid(row), word(row[VERDICT]), ...flags, ...flags.map(flagInWords),
      reasonInWords(word(row[REASON]))];
    return parts.join(" ").toLowerCase();
  };

  // --- table

  const why = (row) => {
    if (row[VERDICT] === null) {
      return row[WHY].map((n) => reasonInWords(word(n))).join("; ");
    }
    const reason = word(row[REASON]);
    return ["tumor", "no_tumor"].includes(reason) ? "" : reasonInWords(reason);
  };
  const COLUMNS = [
    { title: "Picture", orderable: false, name: "picture", html: thumb, value: () => "" },
    {
      title: "Study", name: "source", value: (row) => row[SOURCE],
      html: (row) => `<a class="path" href="${escape(page(row))}">${escape(row[SOURCE] || uid(row))}</a>`,
    },
    {
      title: "Verdict", name: "verdict", value: (row) => word(row[VERDICT]) || word(row[STATUS]),
      html: (row) => (row[VERDICT] === null
        ? escape(word(row[STATUS]))
        : `<span class="badge ${kind(row)}">${escape(outside(row) ? "no verdict" : word(row[VERDICT]))}</span>`),
    },
    { title: "Reason", name: "why", value: why },
    { title: "p_tumor", name: "p_tumor", number: true, value: (row) => row[P] },
    ...settings.classes.map((name, i) => ({
      title: name, name: `p_${name}`, number: true,
      value: (row) => (row[CLASSES].length ? row[CLASSES][i] : null),
    })),
    { title: "ood_score", name: "ood_score", number: true, value: (row) => row[OOD] },
    {
      title: "Flags", name: "flags",
      value: (row) => row[FLAGS].map((n) => flagInWords(word(n))).join("; "),
    },
    { title: "Sequence", name: "sequence", value: (row) => row[SEQUENCES].map(word).join("; ") },
    { title: "Series", name: "series", number: true, value: (row) => row[N_SERIES], whole: true },
    { title: "Slices", name: "slices", number: true, value: (row) => row[N_SLICES], whole: true },
  ];

  const render = (column) => (row, type) => {
    const value = column.value(row);
    if (type === "sort" || type === "type") return column.number && value === null ? -1 : value;
    if (type === "filter") return "";
    if (column.html) return column.html(row);
    if (column.number) return column.whole ? value.toLocaleString("en") : decimals(value);
    return escape(value);
  };

  let table;
  const order = () => {
    const [name, direction] = state.sort.split(".");
    const place = COLUMNS.findIndex((column) => column.name === name && column.orderable !== false);
    return place < 0 ? [] : [[place, direction === "asc" ? "asc" : "desc"]];
  };
  const makeTable = () => {
    table = new DataTable("#studies", {
      data: rows,
      columns: COLUMNS.map((column) => ({
        title: column.title,
        data: null,
        render: (_, type, row) => render(column)(row, type),
        className: column.number ? "num" : column.name,
        orderable: column.orderable !== false,
        type: column.number ? "num" : "string",
        orderSequence: column.number ? ["desc", "asc", ""] : ["asc", "desc", ""],
      })),
      autoWidth: false,
      deferRender: true,
      pageLength: 25,
      lengthMenu: [25, 100, 500],
      order: order(),
      displayStart: 25 * Math.max(Number(state.page || 1) - 1, 0),
      layout: { topStart: null, topEnd: null, bottomStart: ["info", "pageLength"], bottomEnd: "paging" },
      language: {
        info: "_START_ to _END_ of _TOTAL_ studies",
        infoEmpty: "no studies",
        infoFiltered: "",
        lengthMenu: "_MENU_ per page",
        emptyTable: "No studies.", zeroRecords: "No study matches these filters." },
    });
    table.search.fixed("state", (_, row) => shown(row));
    table.on("draw", () => {
      const [first] = table.order();
      const set = first && first[1] !== "";
      state.sort = set ? `${COLUMNS[first[0]].name}.${first[1]}` : "";
      const now = table.page();
      state.page = now > 0 ? String(now + 1) : "";
      tell();
    });
    table.draw(false);
    // The sort order of a page that is not the first is lost by draw() with new filters.
    if (state.page) table.page(Number(state.page) - 1).draw(false);
  };

  const tell = () => {
    writeAddress();
    const count = table.page.info().recordsDisplay;
    const all = rows.length.toLocaleString("en");
    document.getElementById("shown").textContent =
      count === rows.length ? `all ${all}` : `${count.toLocaleString("en")} of ${all}`;
    for (const bar of document.querySelectorAll("[data-filter]")) {
      bar.setAttribute("aria-pressed", String(isChosen(bar)));
    }
  };

  // --- charts

  const RANGES = { p: ["pmin", "pmax"], ood: ["omin", "omax"] };
  const isChosen = (bar) => {
    const { filter, value, low, high } = bar.dataset;
    if (!RANGES[filter]) return state[filter] === value;
    const [from, to] = RANGES[filter];
    return state[from] === low && state[to] === high && Boolean(low || high);
  };
  const choose = (bar) => {
    const { filter, value, low, high } = bar.dataset;
    const chosen = isChosen(bar);
    if (RANGES[filter]) {
      const [from, to] = RANGES[filter];
      [state[from], state[to]] = chosen ? ["", ""] : [low, high];
    } else {
      state[filter] = chosen ? "" : value;
    }
    apply();
    document.getElementById("studies-title").scrollIntoView({ block: "nearest" });
  };
  const apply = () => {
    state.page = "";
    for (const key of FIELDS) form.elements[key].value = state[key];
    table.draw();
    drawScatter();
  };

  const canvas = document.getElementById("scatter");
  let points = [];
  const drawScatter = () => {
    if (!canvas) return;
    const width = canvas.clientWidth, height = 190, ratio = window.devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(`--${name}`);
    const box = { left: 34, right: width - 8, top: 8, bottom: height - 22 };
    const x = (p) => box.left + p * (box.right - box.left);
    const y = (score) => box.bottom
      - (Math.min(score, settings.ood_highest) / settings.ood_highest) * (box.bottom - box.top);
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = color("quiet");
    pen.strokeStyle = color("line");
    pen.textAlign = "right";
    for (const score of [0, 1, 2]) {
      pen.beginPath(); pen.moveTo(box.left, y(score)); pen.lineTo(box.right, y(score)); pen.stroke();
      pen.fillText(String(score), box.left - 6, y(score) + 4);
    }
    pen.textAlign = "center";
    for (const p of [0, 0.5, 1]) pen.fillText(String(p), Math.min(x(p), box.right - 4), height - 6);
    pen.fillText("p_tumor", x(0.75), height - 6);
    pen.strokeStyle = color("threshold");
    pen.setLineDash([4, 3]);
    const lines = [[[0, settings.ood_limit], [1, settings.ood_limit]],
      [[settings.low, 0], [settings.low, 9]], [[settings.high, 0], [settings.high, 9]]];
    for (const [[x1, y1], [x2, y2]] of lines) {
      pen.beginPath(); pen.moveTo(x(x1), y(y1)); pen.lineTo(x(x2), y(y2)); pen.stroke();
    }
    pen.setLineDash([]);
    points = [];
    pen.globalAlpha = rows.length > 2000 ? 0.35 : 0.8;
    for (const row of rows) {
      if (row[P] === null || row[OOD] === null || !shown(row)) continue;
      const at = { x: x(row[P]), y: y(row[OOD]), row };
      points.push(at);
      mark(pen, at, kind(row), color);
    }
    pen.globalAlpha = 1;
  };
  // Shape and color differ: tumor a filled circle, no tumor a ring, open a triangle, outside a cross.
  const mark = (pen, { x, y }, name, color) => {
    pen.fillStyle = pen.strokeStyle = color(name);
    pen.lineWidth = 1.4;
    pen.beginPath();
    if (name === "tumor") { pen.arc(x, y, 2.8, 0, 7); pen.fill(); return; }
    if (name === "notumor") { pen.arc(x, y, 2.6, 0, 7); }
    if (name === "indeterminate") {
      pen.moveTo(x, y - 3.2); pen.lineTo(x + 3, y + 2.4); pen.lineTo(x - 3, y + 2.4); pen.closePath();
    }
    if (name === "outside") {
      pen.moveTo(x - 2.5, y - 2.5); pen.lineTo(x + 2.5, y + 2.5);
      pen.moveTo(x + 2.5, y - 2.5); pen.lineTo(x - 2.5, y + 2.5);
    }
    pen.stroke();
  };
  const nearest = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    const x = event.clientX - left, y = event.clientY - top;
    let best = null, least = 100;
    for (const point of points) {
      const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
      if (distance < least) { least = distance; best = point; }
    }
    return best;
  };

  // --- CSV

  const cell = (value) => {
    let out = value === null ? "" : String(value);
    if (/^[=+\-@]/.test(out) && typeof value !== "number") out = `'${out}`;
    return /[",\r\n]/.test(out) ? `"${out.replaceAll('"', '""')}"` : out;
  };
  const csv = () => {
    const columns = [
      { name: "study_uid", value: uid },
      ...COLUMNS.filter((column) => column.name !== "picture" && column.name !== "why" && column.name !== "flags"),
      { name: "verdict_reason", value: (row) => word(row[REASON]) },
      { name: "flags", value: (row) => row[FLAGS].map(word).sort().join(";") },
    ];
    const lines = [columns.map((column) => column.name).join(",")];
    table.rows({ search: "applied", order: "applied" }).data().each((row) => {
      lines.push(columns.map((column) => cell(column.value(row))).join(","));
    });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\r\n"), "\r\n"], { type: "text/csv" }));
    link.download = "studies-selected.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // --- events

  fillSelects();
  readAddress();
  makeTable();
  drawScatter();
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    state[event.target.name] = event.target.value;
    apply();
  });
  document.getElementById("clear").addEventListener("click", () => {
    for (const key of FIELDS) state[key] = "";
    apply();
  });
  document.getElementById("csv").addEventListener("click", csv);
  for (const bar of document.querySelectorAll("[data-filter]")) {
    bar.addEventListener("click", () => choose(bar));
  }
  addEventListener("hashchange", () => {
    readAddress();
    const page = state.page;
    table.order(order());
    table.draw();
    if (page) table.page(Number(page) - 1).draw(false);
    drawScatter();
  });
  if (canvas) {
    const tip = document.getElementById("scatter-tip");
    canvas.addEventListener("mousemove", (event) => {
      const point = nearest(event);
      tip.hidden = !point;
      canvas.style.cursor = point ? "pointer" : "";
      if (!point) return;
      const { row } = point;
      tip.textContent = `${row[SOURCE]}: p_tumor ${decimals(row[P])}, ood_score ${decimals(row[OOD])}`;
      tip.style.left = `${Math.min(point.x, canvas.clientWidth - 180)}px`;
      tip.style.top = `${point.y + 10}px`;
    });
    canvas.addEventListener("mouseleave", () => { tip.hidden = true; });
    canvas.addEventListener("click", (event) => {
      const point = nearest(event);
      if (point) location.href = page(point.row);
    });
    new ResizeObserver(drawScatter).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawScatter);
  }
})();
