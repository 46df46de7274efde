/* Explanations: on hover, on focus, away with Escape. */
(() => {
  "use strict";
  const { root } = ff;
  const tip = document.getElementById("tip");
  const hide = () => {
    tip.hidden = true;
    document.querySelector("[aria-describedby=tip]")?.removeAttribute("aria-describedby");
  };
  const explain = (target) => {
    hide();
    tip.textContent = target.dataset.tip ?? document.getElementById(`term-${target.dataset.term}`)?.textContent ?? "";
    tip.hidden = false;
    target.setAttribute("aria-describedby", "tip");
    const at = target.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left), root.clientWidth - tip.offsetWidth - 8);
    const above = at.top - tip.offsetHeight - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : at.bottom + 8}px`;
  };
  const about = (event) => event.target.closest?.("[data-tip], [data-term]");
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (e) => { if (about(e)) explain(about(e)); });
  for (const kind of ["pointerout", "focusout"]) document.addEventListener(kind, (e) => { if (about(e)) hide(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  /* what has the focus keeps its explanation, which goes along */
  addEventListener("scroll", () => {
    const target = document.querySelector("[aria-describedby=tip]");
    if (target && target === document.activeElement) explain(target); else hide();
  }, { passive: true });
})();
