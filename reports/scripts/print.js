/* Printing: what is on show, drawn in full, in the light theme, as wide as the paper. */
(() => {
  "use strict";
  const { root, all } = ff;
  const charts = () => all(".chart");
  let before = null;
  let opened = [];
  const fit = () => {
    for (const box of charts()) {
      ff.charts.draw(box);
      if (box.dataset.drawn && ff.charts.seen(box)) window.Plotly.relayout(box, { width: box.offsetWidth, height: box.offsetHeight });
    }
  };
  addEventListener("beforeprint", () => {
    before = root.dataset.theme ?? "";
    opened = all("details:is(#coverage-notes, #untestable, #findings):not([open])");
    for (const block of opened) block.open = true;
    root.classList.add("printing");
    if (!root.classList.contains("deep")) for (const page of all(".phase.prints")) ff.drawn(page);
    ff.setTheme("light");
    fit();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    for (const block of opened) block.open = false;
    ff.setTheme(before);
    for (const box of charts()) if (box.dataset.drawn) window.Plotly.relayout(box, { width: null, height: box.figure.layout.height, autosize: true });
  });
})();
