/* Long tables: sorted and filtered in the page, and their small drawings.

   <table id data-sort data-filter="LABEL" data-picks="NAME NAME" data-only="NAME">
     <th data-kind="text|number" data-first="down">   a column that can be sorted by
     <tr data-NAME>, <td data-value>                   what is sorted and filtered by
   Without a script all rows stand. */
(() => {
  "use strict";
  const { all } = ff;
  const made = (tag, properties = {}, ...inside) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...inside);
    return element;
  };

  const main = (table) => [...table.tBodies[0].rows];

  /* ---- sorting: up, down, and back to the order of the page ---- */
  const sortable = (table) => {
    const rows = main(table);
    const heads = [...table.tHead.rows].at(-1).cells;
    const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
    const valueOf = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const sort = (column, way, kind) => {
      const keyed = rows.map((row) => [valueOf(row, column), row]);
      const compare = kind === "number" ? (a, b) => Number(a) - Number(b) : collator.compare;
      keyed.sort(([a], [b]) => (a === "") - (b === "") || (a !== "" && b !== "" ? way * compare(a, b) : 0));
      return keyed.map(([, row]) => row);
    };
    for (const [column, head] of [...heads].entries()) {
      if (!head.dataset.kind) continue;
      const term = head.querySelector(".term");
      const button = made("button", { type: "button", className: "sort" }, head.textContent.trim());
      if (term?.dataset.term) button.dataset.term = term.dataset.term;
      if (term?.dataset.tip) button.dataset.tip = term.dataset.tip;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = head.dataset.first === "down" ? "descending" : "ascending";
        const other = first === "descending" ? "ascending" : "descending";
        const next = now === null ? first : now === first ? other : null;
        for (const one of heads) one.removeAttribute("aria-sort");
        if (next) head.setAttribute("aria-sort", next);
        table.classList.toggle("sorted", next !== null);
        const sorted = next ? sort(column, next === "ascending" ? 1 : -1, head.dataset.kind) : rows;
        table.tBodies[0].append(...sorted);
      });
    }
  };

  /* ---- filtering: a text, choices, and a box to tick ---- */
  const plain = (text) => text.normalize("NFKD").toLowerCase();
  const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const filterable = (table) => {
    const rows = main(table);
    const texts = new Map(rows.map((row) => [row, plain(row.textContent)]));
    const id = (name) => `${table.id || "table"}-${name}`;
    const field = (name, label, control) => made("p", {}, made("label", { htmlFor: control.id }, label), control);
    const search = made("input", { type: "search", id: id("text"), autocomplete: "off", spellcheck: false });
    const form = made("form", { className: "filters" }, field("text", table.dataset.filter, search));
    form.setAttribute("role", "search");
    form.setAttribute("aria-label", table.caption?.textContent.split(".")[0].trim() || "Filter the table");
    const picks = (table.dataset.picks ?? "").split(" ").filter(Boolean).flatMap((name) => {
      const values = [...new Set(rows.map((row) => row.dataset[name] ?? ""))].filter(Boolean);
      if (values.length < 2) return [];
      const select = made("select", { id: id(name) }, made("option", { value: "" }, "all"), ...values.map((value) => made("option", { value }, value)));
      form.append(field(name, upper(name), select));
      return [[name, select]];
    });
    const only = table.dataset.only ? made("input", { type: "checkbox", id: id("only") }) : null;
    if (only && rows.some((row) => !(table.dataset.only in row.dataset))) form.append(made("p", { className: "tick" }, only, made("label", { htmlFor: only.id }, `Only ${table.dataset.only}`)));
    const output = made("output", { id: id("count") });
    output.setAttribute("aria-live", "polite");
    form.append(output);
    const apply = () => {
      const words = plain(search.value).split(/\s+/).filter(Boolean);
      let left = 0;
      for (const row of rows) {
        const fits = words.every((word) => texts.get(row).includes(word))
          && picks.every(([name, select]) => !select.value || row.dataset[name] === select.value)
          && (!only?.checked || table.dataset.only in row.dataset);
        row.hidden = !fits;
        left += fits;
      }
      output.textContent = left === rows.length ? `${rows.length} rows` : `${left} of ${rows.length} rows`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    (table.closest(".scroll") ?? table).before(form);
    apply();
  };
  for (const table of all("table[data-sort]")) if (table.tBodies[0]) sortable(table);
  for (const table of all("table[data-filter]")) if (table.tBodies[0] && main(table).length > 3) filterable(table);

  /* ---- the small drawings: mean and interval of fade above those of follow ---- */
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
  /* a table wider than its box can be scrolled by keys where nothing in it takes the focus; looked
     at once the box has a size, as asking for it before makes the browser lay out the whole page */
  const sized = new ResizeObserver((entries) => {
    for (const { target: box } of entries) {
      const wide = box.scrollWidth > box.clientWidth && !box.querySelector("a, button, [tabindex]");
      box.toggleAttribute("tabindex", wide);
      if (wide) box.tabIndex = 0;
    }
  });
  ff.reach = (inside) => { for (const box of all(".scroll:not(.tall)", inside)) sized.observe(box); };
  /* what a page that is shown, or printed, needs; without one, the overview */
  ff.drawn = (page) => {
    const inside = page ?? document.getElementById("overview") ?? document;
    for (const table of all("table[data-zero]", inside)) strips(table);
    ff.reach(inside);
  };
  ff.reach(document);

  /* ---- long tables come packed, and are unpacked when the block that they are in is opened ---- */
  const unfold = async (packed) => {
    if (packed.dataset.begun) return;
    packed.dataset.begun = "true";
    const template = document.createElement("template");
    template.innerHTML = await ff.unzipped(packed.id);
    const block = packed.parentElement;
    packed.replaceWith(template.content);
    ff.reach(block);
  };
  document.addEventListener("toggle", ({ target }) => {
    if (target.open) for (const packed of all("script.folded", target)) unfold(packed);
  }, true);
  /* printing opens this block, and cannot wait */
  const printed = all("#findings script.folded");
  if (printed.length) (window.requestIdleCallback ?? ((act) => setTimeout(act, 50)))(() => printed.forEach(unfold));
})();
