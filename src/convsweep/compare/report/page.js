// Sorts a table's rows by a column: first by its numbers or texts as they rise, at the next click as they fall.
// A number's cell holds what it sorts by in data-value; a cell without one sorts last.
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead th button").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const falling = head.getAttribute("aria-sort") === "ascending"
        || (!head.hasAttribute("aria-sort") && head.dataset.first === "descending");
      const place = [...head.parentNode.children].indexOf(head);
      const body = table.tBodies[0];
      const key = (row) => row.cells[place].dataset.value ?? "";
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        const [p, q] = [Number(x), Number(y)];
        const order = Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y) : p - q;
        return falling ? -order : order;
      };
      body.append(...[...body.rows].sort(compare));
      head.parentNode.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    });
  });
}
