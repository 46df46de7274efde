/* Charts: drawn when they come into view, in the colours of the theme. */
(() => {
  "use strict";
  const { root, all } = ff;
  const charts = all(".chart");
  const coarse = matchMedia("(pointer: coarse)").matches;
  if (!charts.length) return;

  /* ---- charts: `@name` and `@name/alpha` are colours of the theme ---- */
  const colour = (style, name) => {
    const [token, alpha] = name.slice(1).split("/");
    const hex = style.getPropertyValue(`--${token}`).trim();
    if (!alpha) return hex;
    const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return `rgba(${parts.join(",")},${alpha})`;
  };
  /* ---- data: arrays as bytes, times as steps ---- */
  const kinds = { f4: Float32Array, f8: Float64Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array, i1: Int8Array };
  const unpacked = ({ dtype, bdata, start, step }) => {
    const array = ff.bytes(bdata, kinds[dtype]);
    return step === undefined ? array : Float64Array.from(array, (count) => start + step * count);
  };
  const expanded = (trace) => (trace.x?.step === undefined ? trace : { ...trace, x: unpacked(trace.x) });
  /* what all charts and axes have in common */
  const none = "rgba(0,0,0,0)";
  const chartStyle = {
    paper_bgcolor: none,
    plot_bgcolor: none,
    font: { size: 12, color: "@ink" },
    margin: { l: 52, r: 14, t: 30, b: 38 },
    legend: { orientation: "h", x: 0, y: 1, xanchor: "left", yanchor: "bottom", font: { size: 12 }, bgcolor: none },
    hoverlabel: { bgcolor: "@card", bordercolor: "@rule", font: { color: "@ink" } },
  };
  const axisStyle = {
    gridcolor: "@grid", linecolor: "@rule", zerolinecolor: "@zero", tickcolor: "@rule",
    zeroline: false, automargin: true, tickfont: { size: 11, color: "@muted" },
  };
  const titleStyle = { font: { size: 11, color: "@muted" }, standoff: 6 };
  const styled = (layout) => Object.fromEntries(
    Object.entries({ ...chartStyle, ...layout }).map(([key, value]) => {
      if (!/^[xy]axis\d*$/.test(key)) return [key, value];
      const title = value.title ? { title: { ...titleStyle, ...value.title } } : {};
      return [key, { ...axisStyle, ...value, ...title }];
    }),
  );
  const themed = (value, style, painted = false) => {
    if (typeof value === "string") return painted && value[0] === "@" ? colour(style, value) : value;
    if (Array.isArray(value)) return value.map((inner) => themed(inner, style, painted));
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, themed(inner, style, /color$/.test(key))]),
    );
  };
  const config = {
    responsive: true,
    displaylogo: false,
    displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
  };
  /* the figures of a phase come packed together */
  const held = new Map(); // by id, once asked for
  const within = (box) => {
    const id = box.dataset.within;
    if (!held.has(id)) held.set(id, ff.unzipped(id).then((text) => held.set(id, JSON.parse(text))));
    return held.get(id);
  };
  /* Charts of a kind of their own: by `data-figure`, `ready(box)` and `make(box)`. */
  const makers = {};
  const figureOf = (box) => {
    const maker = makers[box.dataset.figure];
    if (maker) box.figure = maker.make(box);
    else if (box.dataset.within) box.figure ??= within(box)[box.dataset.chart];
    else box.figure ??= JSON.parse(document.getElementById(box.dataset.chart).textContent);
    const style = getComputedStyle(root);
    const { layout, data: traces } = box.figure;
    const { data, layout: shape } = themed({ layout: styled(layout), data: traces.map(expanded) }, style);
    shape.font.family = getComputedStyle(document.body).fontFamily;
    // a chart that is made anew says itself what it shows
    shape.uirevision = maker ? undefined : "kept";
    shape.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour(style, "@muted"), activecolor: colour(style, "@ink") };
    if (coarse) shape.dragmode = false;
    else if (maker) shape.dragmode = box.layout?.dragmode ?? "zoom";
    return [data, shape, { ...config, ...maker?.config }];
  };
  const seen = (box) => box.offsetWidth > 0 && !box.closest("details:not([open])");
  /* Plotly comes packed: unpacked once the page stands, run when the first chart is seen */
  let source = null;
  const plotly = () => {
    if (!window.Plotly) {
      const script = document.createElement("script");
      script.textContent = source;
      document.head.append(script);
      source = "";
    }
    return window.Plotly;
  };
  ff.charts = { makers };
  /* Draw a chart if it can be seen; whether it needs no more watching. */
  ff.charts.draw = (box) => {
    if (box.dataset.drawn) return true;
    if (source === null || !seen(box)) return false;
    if (makers[box.dataset.figure]?.ready(box) === false) return false;
    if (box.dataset.within && within(box) instanceof Promise) {
      within(box).then(() => ff.charts.draw(box));
      return false;
    }
    box.dataset.drawn = "begun";
    plotly().newPlot(box, ...figureOf(box)).then(() => {
      box.dataset.drawn = "true";
      box.dispatchEvent(new Event("drawn", { bubbles: true }));
    });
    return true;
  };
  ff.charts.redraw = (box) => { if (box.dataset.drawn) window.Plotly.react(box, ...figureOf(box)); };
  ff.charts.seen = seen;
  /* the data of all charts in a part of the page is at hand */
  ff.charts.prepare = (inside) => Promise.all(all(".chart[data-within]", inside).map(within));
  ff.repaint = () => charts.forEach(ff.charts.redraw);
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target } of entries.filter((e) => e.isIntersecting)) if (ff.charts.draw(target)) watch.unobserve(target);
    },
    { rootMargin: "400px" },
  );
  /* a chart that came after the page */
  ff.charts.add = (box) => {
    charts.push(box);
    if (source !== null) watch.observe(box);
  };
  const unpack = async () => {
    try {
      source = await ff.unzipped("plotly-source");
      charts.forEach((box) => watch.observe(box));
    } catch (error) {
      for (const box of charts) { box.textContent = "This browser is too old to draw the chart."; box.style.height = "auto"; }
    }
  };
  ff.charts.ready = unpack();
})();
