"""What a report does beyond being read: tables that sort, and a search. Without it everything can still be read."""

from __future__ import annotations

SCRIPT = """
(() => {
"use strict";
const tables = [...document.querySelectorAll("table.rows")];
const order = new Intl.Collator("en", {numeric: true});
const value = (row, i, isNumber) => {
  const shown = row.cells[i].textContent;
  if (!isNumber) return shown;
  const found = parseFloat(shown.replace(/,/g, ""));
  return Number.isNaN(found) ? -Infinity : found;
};
const sort = (table, th, i) => {
  const isNumber = th.classList.contains("num");
  const was = th.getAttribute("aria-sort");
  const isDown = was === null ? isNumber : was === "ascending";
  const keyed = [...table.tBodies[0].rows].map((row) => [value(row, i, isNumber), row]);
  keyed.sort(isNumber ? (a, b) => a[0] - b[0] : (a, b) => order.compare(a[0], b[0]));
  if (isDown) keyed.reverse();
  for (const other of th.parentNode.cells) other.removeAttribute("aria-sort");
  th.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  table.tBodies[0].append(...keyed.map((pair) => pair[1]));
};
for (const table of tables) {
  [...table.tHead.rows[0].cells].forEach((th, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...th.childNodes);
    button.addEventListener("click", () => sort(table, th, i));
    th.append(button);
  });
}
const box = document.getElementById("report-search"), said = document.getElementById("report-found");
let texts = null, timer = 0;
const search = () => {
  const wanted = box.value.trim().toLowerCase();
  texts ??= tables.flatMap((table) => [...table.tBodies[0].rows].map((row) => {
    const words = [...row.cells].map((cell) => cell.textContent.toLowerCase()).join("\\n");
    return [row, words, table];
  }));
  const found = new Map();
  let count = 0;
  for (const [row, words, table] of texts) {
    const isFound = words.includes(wanted);
    if (row.hidden === isFound) row.hidden = !isFound;
    if (isFound) { count += 1; found.set(table, true); }
  }
  for (const table of tables) {
    const fold = table.closest("details");
    if (wanted && fold) fold.open = found.has(table);
  }
  said.textContent = wanted ? count + (count === 1 ? " row" : " rows") : "";
};
box.parentNode.hidden = tables.length === 0;
box.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, 120);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && event.target.tagName !== "INPUT") {
    event.preventDefault();
    box.focus();
  } else if (event.key === "Escape" && event.target === box) {
    box.value = "";
    search();
  }
});
const follow = () => {
  const part = location.hash && document.getElementById(location.hash.slice(1));
  const fold = part && part.querySelector("details");
  if (fold) fold.open = true;
};
addEventListener("hashchange", follow);
addEventListener("beforeprint", () => { for (const fold of document.querySelectorAll("details")) fold.open = true; });
follow();
})();
"""
