/* All trades of a phase: sorted, filtered, and only the rows in view in the document.

   <div class="ledger" id data-strategy data-phase data-title [data-coins='["BTC"]']>
   A row is a link to the market page at that trade. */
(() => {
  "use strict";
  const { all } = ff;
  const { clock, duration, number, price } = ff.said;
  const SPARE = 8; // rows beyond the view, above and below
  const made = (tag, properties = {}, ...inside) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...inside);
    return element;
  };
  const bps = (value) => number(value, 0, true);
  const sides = (side) => (side > 0 ? "▲ bought" : "▼ sold");

  /* name, width in rem, how it is shown, by what it is sorted, whether the largest come first */
  const ALL = [
    { name: "Coin", width: 4.1, show: (t, i) => t.coins[t.coin[i]], by: (t, i) => t.coins[t.coin[i]], text: true },
    { name: "Stance", width: 4.6, show: (t, i, stance) => stance, by: (t, i, stance) => stance, text: true },
    { roomy: true, name: "Side", width: 5.2, show: (t, i) => sides(t.side[i]), by: (t, i) => t.side[i] },
    { name: "Entered (UTC)", width: 8.7, show: (t, i) => clock(t.entry[i]), by: (t, i) => t.entry[i], down: true, link: true },
    { name: "Net", width: 4.5, show: (t, i) => bps(t.gain[i]), by: (t, i) => t.gain[i], down: true, n: true, net: true, tip: "Net of all costs, bps of the money put in." },
    { name: "MAE", of: "mae", width: 4.5, show: (t, i) => bps(t.mae[i]), by: (t, i) => t.mae[i], n: true, tip: "Maximum adverse excursion: the worst return by price alone while it was held, bps." },
    { name: "MFE", of: "mfe", width: 4.5, show: (t, i) => bps(t.mfe[i]), by: (t, i) => t.mfe[i], down: true, n: true, tip: "Maximum favourable excursion: the best return by price alone while it was held, bps." },
    { name: "Funding", width: 5.0, show: (t, i) => bps(t.funding[i]), by: (t, i) => t.funding[i], down: true, n: true, tip: "Funding received (+) or paid, bps of the money put in; part of the net." },
    { name: "Held", width: 4.1, show: (t, i) => duration(t.exit[i] - t.entry[i]), by: (t, i) => t.exit[i] - t.entry[i], down: true, n: true },
    { name: "In at", width: 4.9, show: (t, i) => price(t.price[i]), by: (t, i) => t.price[i], down: true, n: true },
    { name: "Out at", width: 4.9, show: (t, i) => (Number.isNaN(t.left[i]) ? "—" : price(t.left[i])), by: (t, i) => t.left[i], down: true, n: true },
    { name: "Left by", width: 5.8, show: (t, i) => t.reason[i] + (t.lone.has(i) ? " ✕" : ""), by: (t, i) => t.reason[i], text: true },
  ];

  const build = (box, table) => {
    const { strategy, phase, title } = box.dataset;
    const coins = box.dataset.coins && JSON.parse(box.dataset.coins);
    const stances = new Map(); // by row
    for (const group of table.groups.filter((one) => one.strategy === strategy && one.phase === phase)) {
      for (let row = group.first; row < group.last; row += 1) if (!coins || coins.includes(table.coins[table.coin[row]])) stances.set(row, group.stance);
    }
    const rows = [...stances.keys()];
    const columns = ALL.filter(({ of }) => !of || table[of].length); // runs of earlier versions lack excursions
    const newest = columns.findIndex(({ link }) => link);
    const view = { shown: rows, first: -1, last: -1, column: newest, way: -1 };

    /* ---- the parts ---- */
    const id = (name) => `${box.id}-${name}`;
    const field = (label, control) => made("p", {}, made("label", { htmlFor: control.id }, label), control);
    const select = (name, options) => made("select", { id: id(name) }, ...options.map(([value, text]) => made("option", { value }, text)));
    const search = made("input", { type: "search", id: id("text"), autocomplete: "off", spellcheck: false, placeholder: "coin, exit or day" });
    const stance = select("stance", [["", "both"], ...[...new Set(stances.values())].map((name) => [name, name])]);
    const result = select("result", [["", "all"], ["1", "gains"], ["-1", "losses"]]);
    const output = made("output", { id: id("count") });
    output.setAttribute("aria-live", "polite");
    const form = made("form", { className: "filters" }, field("Find", search), ...(stance.options.length > 2 ? [field("Stance", stance)] : []), field("Result", result), output);
    form.setAttribute("role", "search");
    form.setAttribute("aria-label", `Filter the trades of ${title}`);

    const kind = ({ n, roomy }) => [n && "n", roomy && "roomy"].filter(Boolean).join(" ");
    const heads = columns.map(({ name, tip, ...column }) => {
      const button = made("button", { type: "button", className: "sort" }, name);
      if (tip) button.dataset.tip = tip;
      return made("th", { scope: "col", className: kind(column) }, button);
    });
    const group = made("colgroup", {}, ...columns.map((column) => {
      const part = made("col", { className: kind(column) });
      part.style.width = `${column.width}rem`;
      return part;
    }));
    const body = made("tbody");
    const grid = made("table", { className: "plain trades-of" }, made("caption", { className: "sr" }, `All trades of ${title}`), group, made("thead", {}, made("tr", {}, ...heads)), body);
    const scroller = made("div", { className: "scroll tall", tabIndex: 0 }, grid);
    scroller.setAttribute("role", "region");
    scroller.setAttribute("aria-label", `All trades of ${title}`);
    box.replaceChildren(form, scroller);

    /* ---- only what is in view ---- */
    const row = (at) => {
      const i = view.shown[at];
      const cells = columns.map((column, at) => {
        const { show, link, net } = column;
        const text = show(table, i, stances.get(i));
        const cell = made(at ? "td" : "th", { className: kind(column) });
        if (!at) cell.scope = "row";
        if (net) cell.append(made("b", { className: table.gain[i] > 0 ? "gain" : "loss" }, text));
        else if (link && figureOf(i)) cell.append(made("a", { href: `#market-${figureOf(i)}` }, text));
        else cell.append(text);
        if (column.name === "Stance") cell.className = `${text}-head`;
        return cell;
      });
      const line = made("tr", {}, ...cells);
      line.setAttribute("aria-rowindex", String(at + 2));
      if (figureOf(i)) Object.assign(line.dataset, { market: figureOf(i), from: table.entry[i], to: table.exit[i], ofStance: stances.get(i) });
      return line;
    };
    /* the number of its coin's market figure, if it has one */
    const figureOf = (i) => (document.getElementById(`market-${table.coin[i] + 1}-data`) ? table.coin[i] + 1 : 0);
    const pad = (height) => {
      const cell = made("td", { colSpan: columns.length });
      cell.style.height = `${height}px`;
      const line = made("tr", { className: "pad" }, cell);
      line.setAttribute("aria-hidden", "true");
      return line;
    };
    const draw = () => {
      const style = getComputedStyle(scroller);
      const height = parseFloat(style.getPropertyValue("--row")), tall = parseFloat(style.maxHeight);
      const first = Math.max(Math.floor(scroller.scrollTop / height) - SPARE, 0);
      const last = Math.min(Math.ceil((scroller.scrollTop + tall) / height) + SPARE, view.shown.length);
      if (first === view.first && last === view.last) return;
      Object.assign(view, { first, last });
      const focused = body.contains(document.activeElement) ? document.activeElement.closest("tr").getAttribute("aria-rowindex") : null;
      const lines = [];
      for (let at = first; at < last; at += 1) lines.push(row(at));
      body.replaceChildren(pad(first * height), ...lines, pad((view.shown.length - last) * height));
      if (focused) (body.querySelector(`[aria-rowindex="${focused}"] a`) ?? scroller).focus({ preventScroll: true });
    };

    /* ---- sorting and filtering ---- */
    const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
    const arrange = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const text = (i) => `${table.coins[table.coin[i]]} ${table.reason[i]} ${table.lone.has(i) ? "lone print" : ""} ${clock(table.entry[i])}`.toLowerCase();
      const kept = rows.filter((i) => (!stance.value || stances.get(i) === stance.value)
        && (!result.value || Math.sign(table.gain[i]) === Number(result.value))
        && (!words.length || words.every((word) => text(i).includes(word))));
      const { by, text: letters } = columns[view.column];
      const compare = letters ? collator.compare : (a, b) => a - b;
      const keyed = kept.map((i) => [by(table, i, stances.get(i)), i]);
      const unknown = ([value]) => Number.isNaN(value);
      keyed.sort((a, b) => unknown(a) - unknown(b) || (unknown(a) ? 0 : view.way * compare(a[0], b[0])));
      view.shown = keyed.map(([, i]) => i);
      view.first = -1;
      heads.forEach((head, column) => {
        if (column === view.column) head.setAttribute("aria-sort", view.way > 0 ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
      });
      const many = number(rows.length);
      output.textContent = kept.length === rows.length ? `${many} trades` : `${number(kept.length)} of ${many} trades`;
      grid.setAttribute("aria-rowcount", String(kept.length + 1));
      scroller.scrollTop = 0;
      draw();
    };
    heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
      view.way = column === view.column ? -view.way : columns[column].down ? -1 : 1;
      view.column = column;
      arrange();
    }));
    form.addEventListener("input", arrange);
    form.addEventListener("submit", (event) => event.preventDefault());
    scroller.addEventListener("scroll", draw, { passive: true });
    addEventListener("resize", draw);
    arrange();
    box.dataset.drawn = "true";
  };

  const watch = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((e) => e.isIntersecting)) {
      watch.unobserve(target);
      ff.trades.load().then((table) => table && build(target, table));
    }
  }, { rootMargin: "400px" });
  ff.ledgers = (inside) => all(".ledger", inside).forEach((box) => watch.observe(box));
  ff.ledgers(document);
})();
