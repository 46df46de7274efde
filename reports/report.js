/* The report's behaviour: theme, charts drawn when seen, coin tabs, explanations, printing. */
(() => {
  "use strict";
  const root = document.documentElement;
  const all = (query) => [...document.querySelectorAll(query)];
  const charts = all(".chart");
  const coarse = matchMedia("(pointer: coarse)").matches;

  /* ---- theme: follows the system until a choice is made ---- */
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const button = document.getElementById("theme");
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
  };
  const setTheme = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    label();
    repaint();
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    setTheme(theme);
    try { localStorage.setItem("fadefollow-theme", theme); } catch (error) { /* not for files */ }
  });
  system.addEventListener("change", () => { label(); repaint(); });

  /* ---- charts: `@name` and `@name/alpha` are colours of the theme ---- */
  const colour = (style, name) => {
    const [token, alpha] = name.slice(1).split("/");
    const hex = style.getPropertyValue(`--${token}`).trim();
    if (!alpha) return hex;
    const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return `rgba(${parts.join(",")},${alpha})`;
  };
  const themed = (value, style, painted = false) => {
    if (typeof value === "string") return painted && value[0] === "@" ? colour(style, value) : value;
    if (Array.isArray(value)) return value.map((inner) => themed(inner, style, painted));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, themed(inner, style, /color$/.test(key))]),
    );
  };
  const plotly = () => {
    if (!window.Plotly) {
      const script = document.createElement("script");
      script.textContent = document.getElementById("plotly-source").textContent;
      document.head.append(script);
    }
    return window.Plotly;
  };
  const config = {
    responsive: true,
    displaylogo: false,
    displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
  };
  const figureOf = (box) => {
    box.figure ??= JSON.parse(document.getElementById(box.dataset.chart).textContent);
    const style = getComputedStyle(root);
    const { data, layout } = themed(box.figure, style);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    layout.uirevision = "kept";
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour(style, "@muted"), activecolor: colour(style, "@ink") };
    if (coarse) layout.dragmode = false;
    return [data, layout];
  };
  const draw = (box) => {
    if (box.dataset.drawn || !box.offsetWidth) return;
    box.dataset.drawn = "begun";
    plotly().newPlot(box, ...figureOf(box), config).then(() => { box.dataset.drawn = "true"; });
  };
  function repaint() {
    for (const box of charts) if (box.dataset.drawn) window.Plotly.react(box, ...figureOf(box), config);
  }
  if ("IntersectionObserver" in window) {
    const watch = new IntersectionObserver(
      (seen) => {
        for (const entry of seen.filter((e) => e.isIntersecting)) {
          watch.unobserve(entry.target);
          draw(entry.target);
        }
      },
      { rootMargin: "400px" },
    );
    charts.forEach((box) => watch.observe(box));
  } else charts.forEach(draw);

  /* ---- coin tabs: radio buttons, so that arrow keys work by themselves ---- */
  for (const tabs of all("[data-tabs]")) {
    const panels = all(`[data-panel="${tabs.dataset.tabs}"]`);
    const show = (value) => panels.forEach((panel) => { panel.classList.toggle("away", panel.dataset.value !== value); });
    tabs.hidden = false;
    tabs.addEventListener("change", (event) => show(event.target.value));
    show(tabs.querySelector("input:checked").value);
  }
  /* a link to a closed block opens it */
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();

  /* ---- explanations: on hover, on focus, away with Escape ---- */
  const tip = document.getElementById("tip");
  const hide = () => {
    tip.hidden = true;
    document.querySelector("[aria-describedby=tip]")?.removeAttribute("aria-describedby");
  };
  const explain = (target) => {
    hide();
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    target.setAttribute("aria-describedby", "tip");
    const at = target.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left), root.clientWidth - tip.offsetWidth - 8);
    const above = at.top - tip.offsetHeight - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : at.bottom + 8}px`;
  };
  const about = (event) => event.target.closest?.("[data-tip]");
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (e) => { if (about(e)) explain(about(e)); });
  for (const kind of ["pointerout", "focusout"]) document.addEventListener(kind, (e) => { if (about(e)) hide(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", hide, { passive: true });

  /* ---- printing: everything drawn, in the light theme, as wide as the paper ---- */
  let before = null;
  let opened = [];
  const fit = () => {
    for (const box of charts) {
      draw(box);
      if (box.dataset.drawn && box.offsetWidth) window.Plotly.relayout(box, { width: box.offsetWidth });
    }
  };
  addEventListener("beforeprint", () => {
    before = root.dataset.theme ?? "";
    opened = all("details.numbers:not([open]), details.trades:not([open])");
    for (const block of opened) block.open = true;
    root.classList.add("printing");
    setTheme("light");
    fit();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    for (const block of opened) block.open = false;
    setTheme(before);
    for (const box of charts) if (box.dataset.drawn) window.Plotly.relayout(box, { width: null, autosize: true });
  });
  label();
})();
