/* Panels behind tabs, and links into closed blocks. */
(() => {
  "use strict";
  const { all } = ff;

  /* ---- coin tabs: radio buttons, so that arrow keys work by themselves ---- */
  for (const tabs of all("[data-tabs]")) {
    const panels = all(`[data-panel="${tabs.dataset.tabs}"]`);
    const show = (value) => panels.forEach((panel) => { panel.classList.toggle("away", panel.dataset.value !== value); });
    tabs.hidden = false;
    tabs.addEventListener("change", (event) => show(event.target.value));
    show(tabs.querySelector("input:checked").value);
  }

  /* a link to a closed block opens it, and what it is in */
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let block = target.closest("details"); block; block = block.parentElement.closest("details")) block.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
