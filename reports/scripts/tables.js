/* Long tables: their small drawings. */
(() => {
  "use strict";
  const { all } = ff;

  /* the small drawings in long tables: mean and interval of fade above those of follow */
  const strips = (table) => {
    for (const cell of table.querySelectorAll("[data-strip]:empty")) {
      const rows = cell.dataset.strip.split(";").map((row, place) => {
        if (!row) return "";
        const [mean, low, high] = row.split(",").map(Number);
        const y = place ? 28 : 12;
        return `<g class="${place ? "follow" : "fade"}"><path class="ci" d="M${low} ${y}H${high}"/><circle class="mean" cx="${mean}" cy="${y}" r="4"/></g>`;
      });
      const zero = Number(table.dataset.zero);
      cell.innerHTML = `<svg class="forest" viewBox="0 0 260 40" aria-hidden="true"><path class="zero" d="M${zero} 0V40"/>${rows.join("")}</svg>`;
    }
  };
  for (const table of all("table[data-zero]")) {
    const block = table.closest("details");
    if (!block || block.open) strips(table);
    else block.addEventListener("toggle", () => strips(table), { once: true });
  }
})();
