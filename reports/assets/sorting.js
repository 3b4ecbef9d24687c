// Long tables are sorted by their headings.

const kLeastRows = 8;

// Numbers by value, "-" last, all else by letter.
function keyOf(cell) {
  const text = cell.textContent.trim();
  const number = parseFloat(text.replace(/[,<]/g, ""));
  return Number.isNaN(number) ? { text, number: Infinity } : { text, number };
}

function compare(a, b) {
  if (a.number !== b.number) return a.number < b.number ? -1 : 1;
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}

function sortBy(table, heading, column) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: keyOf(row.cells[column]) }));
  rows.sort((a, b) => (descending ? compare(b.key, a.key) : compare(a.key, b.key)));
  body.append(...rows.map((entry) => entry.row));
}

export function makeSortable(table) {
  if (table.tBodies[0].rows.length < kLeastRows) return;
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    if (heading.tagName !== "TH") return;
    const press = document.createElement("button");
    press.type = "button";
    press.append(...heading.childNodes);
    press.addEventListener("click", () => sortBy(table, heading, column));
    heading.append(press);
  });
}
