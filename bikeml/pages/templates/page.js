// The page works without this script. It makes tables sortable and commands copyable.
"use strict";

function sortKey(row, column) {
  const cell = row.cells[column];
  const key = cell.dataset.sort ?? cell.textContent.trim();
  return key === "" ? null : key;
}

function compareKeys(a, b) {
  const [left, right] = [Number(a), Number(b)];
  return Number.isNaN(left) || Number.isNaN(right) ? a.localeCompare(b, undefined, { numeric: true }) : left - right;
}

function sortTable(table, heading) {
  const before = heading.getAttribute("aria-sort");
  const ascending = before === null ? !("down" in heading.dataset) : before === "descending";
  const column = heading.cellIndex;
  const rows = [...table.tBodies[0].rows].map((row) => [sortKey(row, column), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null); // rows without a value stay last
    return ascending ? compareKeys(a, b) : compareKeys(b, a);
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortTable(table, heading));
    heading.append(button);
  }
}

async function copy(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(code); // the browser refuses the clipboard, so the user presses Ctrl-C
    button.textContent = "selected";
  }
  setTimeout(() => (button.textContent = "copy"), 1500);
}

for (const code of document.querySelectorAll(".command code")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "copy";
  button.addEventListener("click", () => copy(code, button));
  code.parentNode.after(button);
}
