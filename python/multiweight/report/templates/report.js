"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const value = (row, n) => {
    const text = row.cells[n].textContent.trim();
    const number = parseFloat(text);
    return Number.isNaN(number) ? text : number;
  };
  heads.forEach((head, n) => head.querySelector("button").addEventListener("click", () => {
    const falling = head.getAttribute("aria-sort") !== "descending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const rows = [...body.rows].filter((row) => !row.classList.contains("foot"));
    const feet = [...body.rows].filter((row) => row.classList.contains("foot"));
    rows.sort((a, b) => {
      const x = value(a, n), y = value(b, n);
      // A dash is no value: it goes last either way.
      if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
      const order = typeof x === "number" ? x - y : x.localeCompare(y);
      return falling ? -order : order;
    });
    body.append(...rows, ...feet);
  }));
}
// A method that is not ticked leaves the tables and the gallery: its row of the summary, its columns elsewhere.
const boxes = [...document.querySelectorAll("input[name=method]")];
const ticked = (id) => { const box = boxes.find((one) => one.value === id); return !box || box.checked; };
const hideMethods = () => {
  for (const box of boxes) {
    const names = [box.dataset.name, "paper " + box.dataset.name];
    for (const table of document.querySelectorAll("#groups-table, #labels-table")) {
      [...table.tHead.rows[0].cells].forEach((head, n) => {
        if (names.includes(head.textContent.trim())) for (const row of table.rows) row.cells[n].hidden = !box.checked;
      });
    }
    for (const row of document.querySelectorAll("#summary-table tbody tr")) {
      if (row.cells[0].textContent.trim() === box.dataset.name) row.hidden = !box.checked;
    }
  }
};
boxes.forEach((box) => box.addEventListener("change", hideMethods));
const holder = document.getElementById("gallery-data");
if (holder) {
  const data = JSON.parse(holder.textContent);
  const group = document.getElementById("group");
  const failures = document.getElementById("failures");
  const place = document.getElementById("queries");
  const make = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const shares = (a, b, name) => {
    const mine = a.labels[name] || [], theirs = b.labels[name] || [];
    return mine.some((label) => theirs.includes(label));
  };
  const photo = (image, name, mark) => {
    const made = make("div", "photo" + (mark === undefined ? "" : mark ? " yes" : " no"));
    const picture = make("img");
    picture.src = image.src;
    const words = (image.labels[name] || []).map((n) => data.catalog[name][n]).join(", ");
    picture.alt = image.key + ": " + (words || "no label of " + name);
    picture.title = Object.entries(image.labels).map(([g, found]) =>
      g + ": " + found.map((n) => (data.catalog[g] ? data.catalog[g][n] : n)).join(", ")).join("\n");
    made.append(picture, make("span", "", words || "–"));
    return made;
  };
  const draw = () => {
    const name = group.value;
    const shown = data.methods.filter((m) => ticked(m.id));
    const order = data.queries[name].map((query, n) => {
      const known = shown.map((m) => data.ap[m.id][name][n]).filter((v) => v !== null);
      return { query, n, ap: known.reduce((a, b) => a + b, 0) / known.length };
    });
    if (failures.checked) order.sort((a, b) => a.ap - b.ap);
    place.replaceChildren(...order.map(({ query, n }) => {
      const row = make("article", "query");
      const image = data.images[query];
      row.dataset.key = image.key;
      row.append(photo(image, name));
      const lists = make("div", "lists");
      for (const m of shown) {
        const ap = data.ap[m.id][name][n];
        lists.append(make("div", "name", m.name + (ap === null ? "" : ", AP " + (100 * ap).toFixed(1))));
        const line = make("div", "row");
        line.dataset.method = m.id;
        line.append(...data.lists[m.id][query].map((i) => photo(data.images[i], name, shares(image, data.images[i], name))));
        lists.append(line);
      }
      row.append(lists);
      return row;
    }));
  };
  for (const control of [group, failures, ...boxes]) control.addEventListener("change", draw);
  draw();
}
