/* Panels behind tabs, and links into closed blocks. */
(() => {
  "use strict";
  const { root, all } = ff;

  /* a jump needs to know how tall all is that lies above */
  const whole = () => { if (location.hash.length > 1) root.classList.add("whole"); };
  addEventListener("hashchange", whole);
  whole();

  /* ---- coin tabs: radio buttons, so that arrow keys work by themselves ---- */
  for (const tabs of all("[data-tabs]")) {
    const panels = all(`[data-panel="${tabs.dataset.tabs}"]`);
    const show = (value) => panels.forEach((panel) => { panel.classList.toggle("away", panel.dataset.value !== value); });
    tabs.hidden = false;
    tabs.addEventListener("change", (event) => show(event.target.value));
    show(tabs.querySelector("input:checked").value);
  }

  /* what the address points at, if anything */
  ff.target = () => {
    try {
      return document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch (error) {
      return null; /* a lone per cent sign */
    }
  };
  /* open the closed blocks that something is in, and go there */
  ff.reveal = (target) => {
    for (let block = target.closest("details"); block; block = block.parentElement.closest("details")) block.open = true;
    target.scrollIntoView();
  };
  const follow = () => {
    const target = location.hash.length > 1 && ff.target();
    if (target && !ff.route) ff.reveal(target);
  };
  addEventListener("hashchange", follow);
  follow();
})();
