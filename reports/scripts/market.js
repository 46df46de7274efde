/* The market page: which coin, which time, what is shown on it, and what was known at the cursor. */
(() => {
  "use strict";
  const { all } = ff;
  const section = document.getElementById("market");
  const told = document.getElementById("market-common");
  if (!section || !told || !ff.charts) return;
  const common = JSON.parse(told.textContent);
  const { clock, duration, number, price } = ff.said;
  const DAY = 8.64e7;
  const LEAST = 12; // bars of the shortest window

  const panels = all("[data-panel=coin]", section);
  const field = (name) => section.querySelector(`[name="${name}"]`);
  const [form] = all("form", section);
  const boxOf = (panel) => panel.querySelector(".chart");
  const view = { window: null };
  const coins = new Map(); // by number, once unpacked

  /* ---- of many coins one panel is in the page; those of others are made like it ---- */
  const model = common.listed ? panels[0].cloneNode(true) : null;
  const made = (tag, properties = {}, ...inside) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...inside);
    return element;
  };
  const cells = (row, body) => made("tr", {}, ...row.map((value, at) => made(body && at ? "td" : "th", { scope: body ? "row" : "col" }, value)));
  const table = (caption, { head, rows }) => made("div", { className: "scroll" }, made("table", { className: "plain" },
    made("caption", { className: "sr" }, caption), made("thead", {}, cells(head)), made("tbody", {}, ...rows.map((row) => cells(row, true)))));
  /* a panel without what is packed with the coin's data */
  const panelLike = (value, name) => {
    const panel = model.cloneNode(true), mine = `market-${model.dataset.value}`, its = `market-${value}`;
    for (const part of [panel, ...all("*", panel)]) {
      for (const attribute of ["id", "for", "aria-labelledby", "data-chart"]) {
        const old = part.getAttribute(attribute);
        if (old === mine || old?.startsWith(`${mine}-`)) part.setAttribute(attribute, its + old.slice(mine.length));
      }
    }
    panel.dataset.value = value;
    panel.querySelector("h3").textContent = name;
    for (const part of all("figcaption p", panel)) part.remove();
    const box = panel.querySelector(".chart");
    if (document.getElementById(`${its}-data`) && box) {
      box.setAttribute("aria-label", `Market of ${name}: price, phases and trades over time, in numbers in the tables below`);
      for (const part of all("details .scroll", panel)) part.remove();
    } else {
      panel.querySelector("figcaption").append(made("p", {}, common.barless));
      for (const part of all(".plot, .slide, details", panel)) part.remove();
    }
    return panel;
  };
  const fill = (panel, { note, height, ...tables }) => {
    const name = panel.querySelector("h3").textContent;
    if (note) panel.querySelector("figcaption").append(made("p", {}, note));
    boxOf(panel).style.height = `${height}px`;
    panel.querySelector("details").append(...Object.entries(tables).map(([kind, told]) => table(`${common.captions[kind]} ${name}`, told)));
    ff.reach(panel);
  };
  const open = (value) => {
    if (!model || panels.some((panel) => panel.dataset.value === value)) return;
    const option = [...field("coin").options].find((one) => one.value === value);
    if (!option) return;
    const panel = panelLike(value, option.textContent);
    panels.at(-1).after(panel);
    panels.push(panel);
    prepare(panel);
    if (!boxOf(panel)) return;
    load(value).then(({ panel: rest }) => fill(panel, rest));
    ff.charts.add(boxOf(panel));
  };
  /* whether there is such a coin */
  const known = (value) => panels.some((panel) => panel.dataset.value === value) || (model !== null && [...field("coin").options].some((option) => option.value === value));

  /* ---- data ---- */
  const underway = new Map();
  const load = (value) => {
    if (!underway.has(value)) {
      underway.set(value, Promise.all([ff.unzipped(`market-${value}-data`), ff.trades.load()]).then(([text, trades]) => {
        const told = JSON.parse(text);
        const coin = ff.marketData.unpack(told, common.priceUnit);
        if (trades) coin.trades = ff.trades.ofCoin(trades, Number(value) - 1, common);
        coins.set(value, coin);
        return told;
      }));
    }
    return underway.get(value);
  };

  /* ---- the window: null is all there is ---- */
  const limits = (coin) => {
    const whole = [coin.start, coin.end];
    if (!view.window || document.documentElement.classList.contains("printing")) return whole;
    const least = LEAST * coin.width;
    let [from, to] = view.window.map((edge) => Math.min(Math.max(edge, coin.start), coin.end));
    if (to <= from) return whole; // this coin was not there then
    if (to - from < least) {
      from = Math.max((from + to - least) / 2, coin.start);
      to = Math.min(from + least, coin.end);
    }
    return [from, to];
  };
  const current = () => panels.find((panel) => !panel.classList.contains("away")) ?? panels[0];
  const coinOf = (panel) => coins.get(panel.dataset.value);

  /* ---- drawing ---- */
  const drawn = new WeakMap(); // by box, what its figure shows
  ff.charts.makers.market = {
    config: { doubleClick: false, modeBarButtons: [["zoom2d", "pan2d", "toImage"]] },
    ready: (box) => {
      const { value } = box.closest("[data-panel]").dataset;
      if (coins.has(value)) return true;
      load(value).then(() => ff.charts.draw(box));
      return false;
    },
    make: (box) => {
      const coin = coinOf(box.closest("[data-panel]"));
      const [from, to] = limits(coin);
      const chosen = field("phases").value;
      const figure = ff.marketFigure(common, coin, {
        from, to, width: Math.max(box.offsetWidth - 62, 200), phases: chosen ? new Set(chosen.split(",").map(Number)) : null,
        strategy: field("strategy")?.value ?? "", stance: field("stance")?.value ?? "",
      });
      box.style.height = `${figure.height}px`;
      drawn.set(box, { ...figure, coin, from, to, key: key() });
      return figure;
    },
  };
  const key = () => JSON.stringify([view.window, ...["phases", "strategy", "stance"].map((name) => field(name)?.value)]);
  const say = () => {
    const panel = current();
    const shown = panel && drawn.get(boxOf(panel));
    if (!shown) return;
    const { coin, from, to, span, left } = shown;
    const finer = span > coin.width ? `; zoom in for ${duration(coin.width)}` : "";
    section.querySelector(".shown").textContent = `${clock(from)} to ${clock(to)} UTC. Each price spans ${duration(span)}${finer}. ${left.map((part) => `${part}. `).join("")}`;
    field("from").value = clock(from).slice(0, 10);
    field("to").value = clock(Math.max(to - 1, from)).slice(0, 10);
    for (const button of all("[data-span]", form)) {
      const days = Number(button.dataset.span);
      button.setAttribute("aria-pressed", String(days ? Math.round((to - from) / DAY) === days : from === coin.start && to === coin.end));
    }
    const slider = panel.querySelector("input[type=range]");
    slider.min = from;
    slider.max = to - coin.width;
    slider.step = coin.width;
    if (!slider.dataset.moved) slider.value = slider.max;
  };
  const refresh = () => {
    const box = current() && boxOf(current());
    away();
    if (!box?.dataset.drawn) return;
    if (drawn.get(box).key !== key()) ff.charts.redraw(box);
    if (Math.abs(box._fullLayout.width - box.offsetWidth) > 1) window.Plotly.Plots.resize(box); // was hidden meanwhile
    say();
  };
  const look = (from, to) => {
    view.window = from === null ? null : [from, to];
    refresh();
  };

  /* ---- what was known at a time ---- */
  const MOST = 3; // open trades that are told
  const facts = ({ coin, events, open: trades }, time) => {
    const rows = [];
    const at = Math.min(Math.max(Math.floor((time - coin.start) / coin.width), 0), coin.price.close.length - 1);
    const opened = coin.start + at * coin.width, known = opened + coin.width;
    const { open, high, low, close } = coin.price;
    const coarse = coin.width > coin.bar; // then only highs and lows are there
    const bar = Number.isNaN(close[at]) ? "no bar" : price(close[at]);
    rows.push(["Close", bar]);
    if (bar !== "no bar") rows.push(["Open", price(open[at])], ["High", price(high[at])], ["Low", price(low[at])]);
    for (const curve of coin.curves) {
      const panel = common.panels[curve.panel];
      const { name } = panel.curves[curve.curve];
      const value = number(ff.marketData.known(curve, known), curve.decimals);
      rows.push([name[0].toUpperCase() + name.slice(1), value === "—" ? value : `${coarse ? "≈ " : ""}${value} ${panel.unit}`]);
    }
    // of each phase the latest event on which a trade may still be open
    const active = new Map(events.filter((event) => event.x <= known && event.until > known).map((event) => [event.phase, event]));
    for (const event of [...active.values()].slice(-5)) rows.push([common.phases[event.phase].title + (event.door ? ` ${event.door}` : ""), `since ${clock(event.x)}`]);
    const held = trades.filter((trade) => trade.entry <= opened && trade.exit > opened).sort((a, b) => b.entry - a.entry);
    for (const { stance, phase, side, entry, price: paid, gain } of held.slice(0, MOST)) {
      rows.push([`${stance}: ${common.phases[phase].title}`, `${side > 0 ? "bought" : "sold"} ${clock(entry)}`]);
      rows.push([`at ${price(paid)}`, `ended ${number(gain, 0, true)} bps`]);
    }
    if (held.length > MOST) rows.push(["More trades", number(held.length - MOST)]);
    return { time: opened, title: coarse ? `${duration(coin.width)} from ${clock(opened)} UTC` : `Bar of ${clock(opened)} UTC`, rows };
  };
  const place = (box) => {
    const { l, w, t, h } = box._fullLayout._size;
    return { l, w, t, h };
  };
  const point = (panel, time) => {
    const box = boxOf(panel), shown = drawn.get(box);
    if (!shown || !box._fullLayout) return null;
    const found = facts(shown, time);
    const { l, w, t, h } = place(box);
    const x = l + ((found.time + shown.coin.width / 2 - shown.from) / (shown.to - shown.from)) * w;
    const cursor = panel.querySelector(".cursor"), card = panel.querySelector(".readout");
    Object.assign(cursor.style, { left: `${x}px`, top: `${t}px`, height: `${h}px` });
    const list = document.createElement("dl");
    for (const [name, value] of found.rows) {
      const term = document.createElement("dt"), detail = document.createElement("dd");
      term.textContent = name;
      detail.textContent = value;
      const row = document.createElement("div");
      row.append(term, detail);
      list.append(row);
    }
    const head = document.createElement("p");
    head.textContent = found.title;
    card.replaceChildren(head, list);
    cursor.hidden = card.hidden = false;
    if (getComputedStyle(card).position === "absolute") card.style.left = x < l + w / 2 ? `${l + w - card.offsetWidth - 4}px` : `${l + 4}px`;
    return found;
  };
  const away = () => { for (const part of all(".cursor, .readout", section)) part.hidden = true; };

  const prepare = (panel) => {
    const plot = panel.querySelector(".plot");
    if (!plot) return;
    panel.querySelector(".slide").hidden = false;
    const box = boxOf(panel);
    const follow = (event) => {
      const shown = drawn.get(box), mouse = event.pointerType === "mouse";
      if (!shown || !box._fullLayout || (mouse && event.buttons)) return;
      const { l, w } = place(box);
      const share = (event.clientX - box.getBoundingClientRect().left - l) / w;
      if (share < 0 || share > 1) away();
      else point(panel, shown.from + share * (shown.to - shown.from));
    };
    plot.addEventListener("pointerdown", ({ pointerType }) => { plot.dataset.pointer = pointerType; });
    plot.addEventListener("pointermove", follow);
    plot.addEventListener("pointerdown", follow);
    plot.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") away(); });
    const slider = panel.querySelector("input[type=range]");
    slider.addEventListener("input", () => {
      slider.dataset.moved = "true";
      const found = point(panel, Number(slider.value));
      if (found) slider.setAttribute("aria-valuetext", `${found.title}: ${found.rows.map((row) => row.join(" ")).join(", ")}`);
    });
    slider.addEventListener("blur", away);
    box.addEventListener("drawn", () => {
      box.on("plotly_relayout", (change) => {
        const range = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
        if (range[0] === undefined) return;
        look(...range.map((edge) => (typeof edge === "number" ? edge : Date.parse(`${String(edge).replace(" ", "T")}Z`))));
      });
      // Plotly takes a finger's tap for a double click
      box.on("plotly_doubleclick", () => { if (plot.dataset.pointer === "mouse") look(null); });
      say();
    });
  };
  panels.forEach(prepare);

  // a finger leaves when it is lifted: what it showed stays until the next touch elsewhere
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest?.(".plot, .slide")) away(); });

  /* ---- controls ---- */
  const choose = (value) => {
    const radio = section.querySelector(`input[name=coin][value="${value}"]`);
    if (radio) {
      radio.checked = true;
      radio.dispatchEvent(new Event("change", { bubbles: true }));
    } else if (field("coin")) {
      field("coin").value = value;
      open(value);
      for (const panel of panels) panel.classList.toggle("away", panel.dataset.value !== value);
      refresh();
    }
    const box = current() && boxOf(current());
    if (box) ff.charts.draw(box);
  };
  const span = (days) => {
    const shown = drawn.get(boxOf(current()));
    if (!shown) return;
    if (!days) { look(null); return; }
    const { coin, from, to } = shown;
    const whole = from === coin.start && to === coin.end;
    const until = whole ? coin.end : Math.min(Math.max((from + to) / 2 + (days * DAY) / 2, coin.start + days * DAY), coin.end);
    look(until - days * DAY, until);
  };
  const shift = (sign) => {
    const shown = drawn.get(boxOf(current()));
    if (!shown) return;
    const { coin, from, to } = shown;
    const by = Math.min(Math.max(sign * 0.75 * (to - from), coin.start - from), coin.end - to);
    look(from + by, to + by);
  };
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("click", ({ target }) => {
    if (target.dataset.span !== undefined) span(Number(target.dataset.span));
    if (target.dataset.shift) shift(Number(target.dataset.shift));
  });
  for (const [name, value] of Object.entries(common.first)) {
    const select = field(name);
    if (select && [...select.options].some((option) => option.value === value)) select.value = value;
  }
  section.addEventListener("change", ({ target }) => {
    if (target.name === "coin") { if (target.tagName === "SELECT") choose(target.value); refresh(); }
    else if (["from", "to"].includes(target.name)) {
      const [from, to] = ["from", "to"].map((name) => Date.parse(`${field(name).value}T00:00Z`));
      if (Number.isNaN(from + to)) return; /* a day is being typed */
      const wrong = !(from < to + DAY);
      field("to").setCustomValidity(wrong ? "The last day must not be before the first." : "");
      if (wrong) field("to").reportValidity(); else look(from, to + DAY);
    } else if (["phases", "strategy", "stance"].includes(target.name)) {
      // a phase brings its trades: those of its strategy, in the stance that its claim is about
      const [strategy, stance] = (target.name === "phases" && common.of[target.value]) || [];
      for (const [name, value] of [["strategy", strategy], ["stance", stance]]) {
        const select = field(name);
        if (select && [...select.options].some((option) => option.value === value)) select.value = value;
      }
      refresh();
    }
  });
  if (model) choose(model.dataset.value);

  /* ---- links into it ---- */
  ff.market = {
    /* Show a coin by its number, and a stretch of time (ms) with as much on both sides. */
    show: (value, from, to) => {
      choose(String(value));
      if (Number.isFinite(from) && Number.isFinite(to)) look(2 * from - to, 2 * to - from);
      const panel = document.getElementById(`market-${value}`);
      location.hash = `#market-${value}`;
      /* once the address has brought the overview back */
      setTimeout(() => {
        panel?.scrollIntoView();
        panel?.querySelector("h3")?.focus({ preventScroll: true });
        const box = panel && boxOf(panel);
        if (box) { ff.charts.draw(box); refresh(); }
      });
    },
    /* what the figure of a coin shows now: from, to and span of a price (ms) */
    shown: (value) => {
      const shown = drawn.get(boxOf(document.getElementById(`market-${value}`)));
      return shown && { from: shown.from, to: shown.to, span: shown.span, bar: shown.coin.width };
    },
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-market]");
    if (!link) return;
    event.preventDefault();
    // a trade is shown with its phase, its strategy and its stance
    for (const [name, names] of [["phases", common.phaseNames], ["strategy", common.strategyNames], ["stance", null]]) {
      const told = link.closest(`[data-of-${name}]`)?.getAttribute(`data-of-${name}`);
      const value = told && names ? String(names.indexOf(told)) : told;
      const select = field(name);
      if (select && [...select.options].some((option) => option.value === value)) select.value = value;
    }
    ff.market.show(link.dataset.market, Number(link.dataset.from ?? NaN), Number(link.dataset.to ?? NaN));
  });
  /* #market-2, or #market-2/2021-05-01/2021-06-01 */
  const follow = () => {
    const [, value, from, to] = location.hash.match(/^#market-(\d+)(?:\/([\d-]+)\/([\d-]+))?$/) ?? [];
    if (!value || !known(value)) return;
    if (from) { look(Date.parse(`${from}T00:00Z`), Date.parse(`${to}T00:00Z`)); }
    if (current().dataset.value !== value || from) {
      choose(value);
      if (from) document.getElementById(`market-${value}`).scrollIntoView();
    }
  };
  addEventListener("hashchange", follow);
  follow();

  /* printing cannot wait: with few coins, all are ready for it */
  const printable = model ? [] : panels.filter((panel) => panel.querySelector(".plot"));
  ff.charts.ready = Promise.all([ff.charts.ready, ...printable.map(({ dataset }) => load(dataset.value))]);
})();
