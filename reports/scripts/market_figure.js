/* The market's figure: price, phases and panels above each other on one time axis. */
(() => {
  "use strict";
  const { candles, extremes, from } = ff.marketData;

  const LEANS = { 1: "@long", "-1": "@short", 0: "@muted" };
  const SHADES = [0.1, 0.17, 0.26]; // of the weakest, middle and strongest third
  const MOST = { bands: 5000, marks: 300, triangles: 150 };
  const HOUR = 3.6e6;
  const THIN = "\u202f";

  /* text for a Plotly label, which would otherwise obey some HTML tags */
  const inert = (text) => text.replace(/\s+/g, " ").replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
  const number = (value, decimals = 0, sign = false) => {
    if (!Number.isFinite(value)) return "—";
    const [whole, part] = Math.abs(value).toFixed(decimals).split(".");
    const digits = whole.replace(/\B(?=(\d{3})+$)/g, THIN) + (part ? `.${part}` : "");
    if (!/[1-9]/.test(digits)) return digits;
    return (value < 0 ? "−" : sign ? "+" : "") + digits;
  };
  const price = (value) => number(value, Math.min(8, Math.max(0, 4 - Math.floor(Math.log10(value)))));
  const duration = (ms) => {
    const hours = ms / HOUR;
    if (hours < 1) return `${number(hours * 60)}${THIN}min`;
    return hours > 96 ? `${number(hours / 24, hours % 24 ? 1 : 0)}${THIN}days` : `${number(hours, hours % 1 ? 1 : 0)}${THIN}h`;
  };
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const DAY = 24 * HOUR;
  /* Dates in a window, at most so many: whole hours, days, months or years apart. */
  const dates = (since, until, most) => {
    const fits = (step) => (until - since) / step <= most;
    const hours = [1, 2, 3, 6, 12].find((many) => fits(many * HOUR));
    const days = [1, 2, 4, 7, 14].find((many) => fits(many * DAY));
    const months = [1, 2, 3, 6, 12, 24, 60].find((many) => fits(many * 30.4 * DAY)) ?? 120;
    const name = (time, hour) => {
      const at = new Date(time), year = `’${String(at.getUTCFullYear()).slice(2)}`;
      if (hours) return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${hour}`;
      if (days) return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${year}`;
      return months < 12 ? `${MONTHS[at.getUTCMonth()]} ${year}` : String(at.getUTCFullYear());
    };
    const found = [];
    if (hours || days) {
      const step = hours ? hours * HOUR : days * DAY;
      for (let time = Math.ceil(since / step) * step; time <= until; time += step) found.push(time);
    } else {
      const first = new Date(since);
      for (let month = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months; ; month += months) {
        const time = Date.UTC(Math.floor(month / 12), month % 12);
        if (time > until) break;
        if (time >= since) found.push(time);
      }
    }
    return found.map((time) => ({ time, text: name(time, new Date(time).toISOString().slice(11, 16)) }));
  };
  const clock = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");

  /* Rectangles as one path: a line with gaps would become one for each stretch, which is slow. */
  const areas = (rectangles, fillcolor, more) => ({
    type: "scatter", mode: "none", hoverinfo: "skip", fill: "toself", fillcolor, ...more,
    x: rectangles.flatMap(([left, right]) => [left, left, right, right, null]),
    y: rectangles.flatMap(([, , low, high]) => [low, high, high, low, null]),
  });
  /* the panels of a coin with their domains, from top to bottom */
  const arranged = (common, coin, rows, narrow) => {
    const { heights } = common;
    const boxes = [{ name: "price", height: heights.price, space: 0 }, { name: "lanes", height: rows * (narrow ? heights.narrowLane : heights.lane), space: heights.title }];
    common.panels.forEach((panel, number) => {
      const curves = coin.curves.filter((curve) => curve.panel === number);
      if (curves.length) boxes.push({ name: "panel", panel, curves, height: heights.panel, space: heights.title });
    });
    const total = boxes.reduce((sum, { height, space }) => sum + height + space, 0);
    let top = total;
    boxes.forEach((box, place) => {
      top -= box.space;
      box.domain = [Math.max((top - box.height) / total, 0), top / total];
      top -= box.height;
      box.axis = `y${place + 2}`;
    });
    return { boxes, height: total + heights.margins };
  };

  /* ---- price ---- */
  const shownPrice = (coin, view, axis, room) => {
    const most = Math.max(Math.round(0.8 * view.width), 100);
    const c = candles(coin, view.from, view.to, most);
    const span = c.size * coin.width;
    const low = Math.min(...c.low.filter(Number.isFinite)), high = Math.max(...c.high.filter(Number.isFinite));
    const pad = Math.max(Math.log10(high / low) * room, 1e-4);
    const range = [Math.log10(low) - pad, Math.log10(high) + pad];
    const found = { span, range };
    if (c.x.length * 5 <= view.width) {
      found.traces = [{
        type: "candlestick", name: "price", x: c.x.map((x) => x + span / 2), open: c.open, high: c.high, low: c.low, close: c.close,
        yaxis: axis, hoverinfo: "none", line: { width: 1 },
        increasing: { line: { color: "@ink" }, fillcolor: "@card" }, decreasing: { line: { color: "@ink" }, fillcolor: "@ink" },
      }];
      return found;
    }
    const outline = { x: [], y: [] };
    for (let at = 0; at < c.x.length; at += 1) {
      const first = at;
      while (at < c.x.length && !Number.isNaN(c.low[at])) at += 1;
      for (let i = first; i < at; i += 1) { outline.x.push(c.x[i], c.x[i] + span); outline.y.push(c.low[i], c.low[i]); }
      for (let i = at - 1; i >= first; i -= 1) { outline.x.push(c.x[i] + span, c.x[i]); outline.y.push(c.high[i], c.high[i]); }
      if (at > first) { outline.x.push(null); outline.y.push(null); }
    }
    found.traces = [
      { type: "scatter", mode: "none", name: "low to high", yaxis: axis, hoverinfo: "skip", ...outline, fill: "toself", fillcolor: "@muted/0.25" },
      { type: "scatter", mode: "lines", name: "close", yaxis: axis, hoverinfo: "none", x: c.x.map((x) => Math.min(x + span, coin.end)), y: c.close, line: { width: 1.1, color: "@ink" } },
    ];
    return found;
  };

  /* ---- phases ---- */
  /* the events that are shown in the window, with the end of the longest trade on each */
  const eventsIn = (common, coin, view) => {
    const { x, phase, strength, door } = coin.events;
    const found = [];
    for (let i = 0; i < x.length && x[i] < view.to; i += 1) {
      const { hold, lean } = common.phases[phase[i]];
      if (view.phases && !view.phases.has(phase[i])) continue;
      const until = x[i] + Math.max(hold * HOUR, coin.bar);
      if (until > view.from) found.push({ x: x[i], until, lean, phase: phase[i], strength: strength[i], door: door[i] ?? 0 });
    }
    return found;
  };
  /* how strong an event is among those of its phase on this coin: 0, 1 or 2 */
  const tiers = (coin) => {
    if (!coin.thirds) {
      const strengths = new Map();
      coin.events.phase.forEach((phase, i) => strengths.set(phase, [...(strengths.get(phase) ?? []), coin.events.strength[i]]));
      const thirds = (all) => [1, 2].map((part) => all.sort((a, b) => a - b)[Math.floor((part * all.length) / 3)]);
      coin.thirds = new Map([...strengths].map(([phase, all]) => [phase, thirds(all)]));
    }
    return ({ phase, strength }) => coin.thirds.get(phase).filter((limit) => strength >= limit).length;
  };
  /* stretches in order, those that touch as one */
  const joined = (spans) => {
    const out = [];
    for (const [since, until] of [...spans].sort((a, b) => a[0] - b[0])) {
      const last = out.at(-1);
      if (last && since <= last[1]) last[1] = Math.max(last[1], until);
      else out.push([since, until]);
    }
    return out;
  };
  /* what of joined stretches lies outside of others that are joined, too */
  const without = (spans, taken) => {
    const out = [];
    let next = 0;
    for (const [since, until] of spans) {
      let begin = since;
      while (next < taken.length && taken[next][1] <= begin) next += 1;
      for (let at = next; at < taken.length && taken[at][0] < until; at += 1) {
        if (taken[at][0] > begin) out.push([begin, taken[at][0]]);
        begin = Math.max(begin, taken[at][1]);
      }
      if (begin < until) out.push([begin, until]);
    }
    return out;
  };
  const bands = (coin, events) => {
    const tier = tiers(coin);
    const drawn = events.length > MOST.bands ? [...events].sort((a, b) => b.strength - a.strength).slice(0, MOST.bands).sort((a, b) => a.x - b.x) : events;
    const traces = [];
    for (const lean of [1, -1, 0]) {
      let taken = [];
      for (const third of [2, 1, 0]) {
        const spans = joined(drawn.filter((event) => event.lean === lean && tier(event) === third).map(({ x, until }) => [x, until]));
        const free = without(spans, taken);
        if (free.length) traces.push(areas(free.map(([since, until]) => [since, until, 0, 1]), `${LEANS[lean]}/${SHADES[third]}`, { name: "bands", yaxis: "y" }));
        taken = joined([...taken, ...spans]);
      }
    }
    return traces;
  };
  const lanes = (common, coin, view, events, rows, axis, narrow) => {
    // on a narrow page each row has its name above its marks
    const row = new Map(rows.map((phase, place) => [phase, place + (narrow ? 0.22 : 0)]));
    const half = narrow ? 0.2 : 0.34;
    const planted = coin.planted.filter(([since, until, phase]) => row.has(phase) && until > view.from && since < view.to);
    const around = ([since, until, phase]) => [since, until, row.get(phase) - 0.8 * half, row.get(phase) + 0.8 * half];
    const traces = planted.length ? [areas(planted.map(around), "@muted/0.5", { name: "planted (truth)", yaxis: axis })] : [];
    const pixel = (view.to - view.from) / view.width;
    for (const lean of [1, -1, 0]) {
      const mine = events.filter((event) => event.lean === lean);
      if (!mine.length) continue;
      const ticks = mine.map(({ x, phase }) => [x - 0.6 * pixel, x + 0.6 * pixel, row.get(phase) - half, row.get(phase) + half]);
      const holds = mine.filter(({ x, until }) => until - x > 3 * pixel).map(({ x, until, phase }) => [x, until, row.get(phase) - 0.05, row.get(phase) + 0.05]);
      traces.push(areas([...ticks, ...holds], LEANS[lean], { name: "phases", yaxis: axis }));
      if (events.length > MOST.triangles) continue;
      traces.push({
        type: "scatter", mode: "markers", name: "phases", yaxis: axis,
        x: mine.map(({ x }) => x), y: mine.map(({ phase }) => row.get(phase)),
        marker: { size: 9, color: LEANS[lean], symbol: { 1: "triangle-up", "-1": "triangle-down", 0: "circle" }[lean] },
        customdata: mine.map((e) => [inert(common.phases[e.phase].title), clock(e.x), String(e.strength), e.door ? `, door ${e.door}` : ""]),
        hovertemplate: "%{customdata[0]}%{customdata[3]}<br>known at %{customdata[1]} UTC<br>strength %{customdata[2]}<extra></extra>",
      });
    }
    return traces;
  };
  /* Doors with their numbers, beyond the price; of those that would lie on each other the later in the game. */
  const doors = (common, coin, view, events, { range }, axis) => {
    const numbered = events.filter((event) => event.door > 0 && event.x >= view.from);
    const kept = [], pixel = (view.to - view.from) / view.width;
    for (const event of [...numbered].sort((a, b) => b.door - a.door || b.strength - a.strength)) {
      if (!kept.some((other) => other.lean === event.lean && Math.abs(other.x - event.x) < 17 * pixel)) kept.push(event);
    }
    const { high, low } = coin.price;
    const lift = 10 ** (((range[1] - range[0]) * 15) / common.heights.price);
    const traces = [1, -1].map((lean) => {
      const mine = kept.filter((event) => event.lean === lean);
      const at = ({ x }) => Math.min(Math.max(Math.ceil((x - coin.start) / coin.width) - 1, 0), high.length - 1);
      return {
        type: "scatter", mode: "markers+text", name: "doors", yaxis: axis, cliponaxis: true,
        x: mine.map(({ x }) => x), y: mine.map((event) => (lean > 0 ? high[at(event)] * lift : low[at(event)] / lift)),
        text: mine.map(({ door }) => String(door)), textfont: { size: 11, color: "@card" }, textposition: "middle center",
        marker: { size: 16, color: LEANS[lean], line: { width: 1, color: "@card" } },
        customdata: mine.map((e) => [inert(common.phases[e.phase].title), e.door, clock(e.x), String(e.strength)]),
        hovertemplate: "%{customdata[0]}, door %{customdata[1]}<br>known at %{customdata[2]} UTC<br>strength %{customdata[3]}<extra></extra>",
      };
    });
    return { traces: traces.filter(({ x }) => x.length), left: numbered.length - kept.length };
  };

  /* ---- trades: strokes from entry to exit, marks at the entries ---- */
  const trades = (common, coin, view, axis) => {
    const traces = [], open = [], pixel = (view.to - view.from) / view.width;
    let unmarked = 0;
    for (const t of coin.trades) {
      if (view.stance && view.stance !== t.stance) continue;
      let here = [];
      for (let i = 0; i < t.entry.length; i += 1) {
        if (t.exit[i] < view.from || t.entry[i] > view.to) continue;
        if (view.strategy === "" || t.strategy[i] === Number(view.strategy)) here.push(i);
      }
      if (!here.length) continue;
      const colour = `@${t.stance}`;
      for (const i of here) open.push({ stance: t.stance, phase: t.phase[i], side: t.side[i], entry: t.entry[i], exit: t.exit[i], price: t.price[i], gain: t.gain[i] });
      const alone = here.filter((i) => t.lone[i]);
      if (alone.length) traces.push({
        type: "scatter", mode: "markers", name: "lone prints", yaxis: axis, x: alone.map((i) => t.exit[i]), y: alone.map((i) => t.left[i]),
        marker: { symbol: "x", size: 9, color: "@bad", line: { width: 1, color: "@card" } },
        customdata: alone.map((i) => [inert(t.reason[i]), price(t.left[i]), clock(t.exit[i])]),
        hovertemplate: `left by %{customdata[0]} at %{customdata[1]}, %{customdata[2]} UTC,<br>by a print that the coin's other series do not share<extra>${t.stance}</extra>`,
      });
      const long = here.filter((i) => t.exit[i] - t.entry[i] > 2 * pixel);
      if (long.length) traces.push({
        type: "scatter", mode: "lines", name: `${t.stance} trades`, yaxis: axis, hoverinfo: "none", line: { color: `${colour}/0.75`, width: 1.6 },
        x: long.flatMap((i) => [t.entry[i], t.exit[i], null]), y: long.flatMap((i) => [t.price[i], t.left[i], null]),
      });
      if (here.length > MOST.marks) {
        unmarked += here.length - MOST.marks;
        here = here.sort((a, b) => Math.abs(t.gain[b]) - Math.abs(t.gain[a])).slice(0, MOST.marks);
      }
      traces.push({
        type: "scatter", mode: "markers", name: `${t.stance} trades`, yaxis: axis,
        x: here.map((i) => t.entry[i]), y: here.map((i) => t.price[i]),
        marker: {
          size: 9, color: colour, line: { width: 1, color: colour },
          symbol: here.map((i) => `triangle-${t.side[i] > 0 ? "up" : "down"}${t.gain[i] > 0 ? "" : "-open"}`),
        },
        customdata: here.map((i) => [
          inert(`${common.strategies[t.strategy[i]]}, ${common.phases[t.phase[i]].title}`), t.side[i] > 0 ? "bought" : "sold short",
          inert(t.reason[i]), duration(t.exit[i] - t.entry[i]), `${number(t.gain[i], 0, true)}${THIN}bps`, price(t.price[i]), clock(t.entry[i]),
          price(t.left[i]), clock(t.exit[i]), number(t.mae[i], 0, true), number(t.mfe[i], 0, true),
        ]),
        hovertemplate: "%{customdata[0]}<br>%{customdata[1]} at %{customdata[5]}, %{customdata[6]} UTC<br>left by %{customdata[2]} at %{customdata[7]}, %{customdata[8]} UTC, after %{customdata[3]}<br>"
          + `<b>%{customdata[4]}</b> net, MAE %{customdata[9]}, MFE %{customdata[10]}<extra>${t.stance}</extra>`,
      });
    }
    return { traces, unmarked, open };
  };

  /* ---- panels ---- */
  const curveTrace = (panel, curve, view, axis) => {
    const { name, sign, colour } = panel.curves[curve.curve];
    const first = Math.max(from(curve.x, view.from) - 1, 0), last = Math.min(from(curve.x, view.to) + 1, curve.x.length);
    const kept = extremes(curve.value, first, last, 2 * view.width);
    return {
      type: "scatter", mode: "lines", name, yaxis: axis, hoverinfo: "none",
      x: kept.map((i) => curve.x[i]), y: kept.map((i) => sign * curve.value[i]),
      line: { width: 1.1, color: colour, shape: panel.held ? "hv" : "linear" },
      ...(panel.zero && panel.held ? { fill: "tozeroy", fillcolor: `${colour}/0.2` } : {}),
    };
  };
  /* The scale of a panel: all of it, unless a few values would flatten the rest. */
  const scale = (curves, panel, view) => {
    const values = [];
    for (const curve of curves) {
      const { sign } = panel.curves[curve.curve];
      const first = Math.max(from(curve.x, view.from) - 1, 0), last = from(curve.x, view.to);
      const step = Math.max(Math.floor((last - first) / 4000), 1);
      for (let i = first; i < last; i += step) if (Number.isFinite(curve.value[i])) values.push(sign * curve.value[i]);
    }
    if (!values.length) return { range: [0, 1], beyond: "nothing known in this time", empty: true };
    values.sort((a, b) => a - b);
    const at = (share) => values[Math.round(share * (values.length - 1))];
    const [least, most] = curves.flatMap((curve) => {
      const { sign } = panel.curves[curve.curve];
      const kept = extremes(curve.value, Math.max(from(curve.x, view.from) - 1, 0), from(curve.x, view.to), 2 * view.width);
      return kept.map((i) => sign * curve.value[i]);
    }).filter(Number.isFinite).reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    const body = at(0.995) - at(0.005) || Math.abs(most) || 1;
    const low = at(0.005) - least > body ? at(0.005) - 0.5 * body : least;
    const high = most - at(0.995) > body ? at(0.995) + 0.5 * body : most;
    const [decimals] = curves.map((curve) => curve.decimals);
    const beyond = [low > least && number(least, decimals), high < most && number(most, decimals)].filter(Boolean);
    const pad = 0.06 * (high - low || Math.abs(high) || 1);
    return { range: [low - pad, high + pad], beyond: beyond.length ? `beyond the scale: ${beyond.join(", ")}` : "" };
  };

  /* The figure of one coin in one view, and what it does not show.
     view: from, to (ms), width (px), phases (a set, or null for all), strategy, stance ("" for all). */
  ff.marketFigure = (common, coin, view) => {
    const there = new Set([...coin.events.phase, ...coin.planted.map(([, , phase]) => phase)]);
    const rows = [...there].filter((phase) => !view.phases || view.phases.has(phase)).sort((a, b) => a - b);
    const narrow = view.width < 520;
    const { boxes, height } = arranged(common, coin, Math.max(rows.length, 1), narrow);
    const [priceBox, laneBox] = boxes;
    const events = eventsIn(common, coin, view);
    const prices = shownPrice(coin, view, priceBox.axis, events.some(({ door }) => door) ? 0.12 : 0.05);
    const numbered = doors(common, coin, view, events, prices, priceBox.axis);
    const traded = trades(common, coin, view, priceBox.axis);
    const note = (text, box, right = false) => ({
      text, xref: "paper", yref: "paper", x: right ? 1 : 0, xanchor: right ? "right" : "left", y: box.domain[1], yanchor: "bottom",
      showarrow: false, font: { size: 11, color: "@muted" }, borderpad: 0,
    });
    const ticks = dates(view.from, view.to, Math.max(Math.floor(view.width / 95), 2));
    const layout = {
      height, margin: { l: 52, r: 10, t: 8, b: 30 }, showlegend: false, hovermode: "closest", hoverdistance: 12, separators: `.${THIN}`,
      xaxis: { type: "date", range: [view.from, view.to], anchor: boxes.at(-1).axis, showgrid: true, rangeslider: { visible: false }, tickvals: ticks.map(({ time }) => time), ticktext: ticks.map(({ text }) => text), tickangle: 0 },
      yaxis: { domain: [0, 1], range: [0, 1], visible: false, fixedrange: true },
      annotations: [],
    };
    layout[`yaxis${priceBox.axis.slice(1)}`] = { type: "log", domain: priceBox.domain, range: prices.range, fixedrange: true, nticks: 6, minorloglabels: "complete" };
    const marks = { 1: " ▲", "-1": " ▼", 0: "" };
    layout[`yaxis${laneBox.axis.slice(1)}`] = {
      domain: laneBox.domain, range: [Math.max(rows.length, 1) - 0.45, -0.55], fixedrange: true, showgrid: false,
      tickvals: rows.map((_, place) => place), ticktext: rows.map((phase) => inert(common.phases[phase].title) + marks[common.phases[phase].lean]),
      showticklabels: !narrow, ...(narrow ? { ticks: "" } : {}),
    };
    if (narrow) rows.forEach((phase, place) => layout.annotations.push({
      text: inert(common.phases[phase].title) + marks[common.phases[phase].lean], xref: "paper", x: 0, xanchor: "left", yref: laneBox.axis, y: place - 0.24,
      yanchor: "middle", showarrow: false, font: { size: 10, color: "@ink" }, borderpad: 0,
    }));
    layout.annotations.push(note(rows.length ? "Phases, from when each was known" : "No event of it is drawn on this coin", laneBox));
    const data = [...bands(coin, events), ...prices.traces, ...traded.traces, ...numbered.traces, ...lanes(common, coin, view, events, rows, laneBox.axis, narrow)];
    for (const box of boxes.slice(2)) {
      const { range, beyond, empty } = scale(box.curves, box.panel, view);
      layout[`yaxis${box.axis.slice(1)}`] = { domain: box.domain, range, fixedrange: true, zeroline: box.panel.zero && !empty, showticklabels: !empty, showgrid: !empty, nticks: 4, tickformat: "~s" };
      layout.annotations.push(note(box.panel.title, box));
      if (beyond) layout.annotations.push({ ...note(beyond, box, true), yanchor: narrow ? "top" : "bottom" });
      data.push(...box.curves.map((curve) => curveTrace(box.panel, curve, view, box.axis)));
    }
    // the last panel has the axis itself
    const edge = (30 * (view.to - view.from)) / view.width;
    const side = (time) => (time - view.from < edge ? "left" : view.to - time < edge ? "right" : "center");
    // a date at an edge is moved inwards: where there are others, it would lie on one of them
    const named = ticks.filter(({ time }) => ticks.length < 4 || side(time) === "center");
    for (const box of boxes.slice(0, -1)) layout.annotations.push(...named.map(({ time, text }) => ({
      text, x: time, xref: "x", xanchor: side(time), y: box.domain[0], yref: "paper", yanchor: "top", showarrow: false,
      font: { size: 10, color: "@muted" }, borderpad: 0, name: "date",
    })));
    const left = [
      numbered.left && `${number(numbered.left)} doors are not numbered`,
      traded.unmarked && `${number(traded.unmarked)} smaller trades have no mark`,
      events.length > MOST.bands && `${number(events.length - MOST.bands)} weaker phases have no band`,
    ].filter(Boolean);
    return { data, layout, height, span: prices.span, left, events, open: traded.open };
  };
  ff.said = { clock, duration, number, price };
})();
