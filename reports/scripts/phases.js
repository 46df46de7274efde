/* A page for each phase: the address decides whether the overview or one of them is shown. */
(() => {
  "use strict";
  const { root, all } = ff;
  const pages = all("article.phase");
  if (!pages.length) {
    root.classList.remove("deep");
    return;
  }
  const title = document.title;
  const bars = Object.fromEntries(all("[data-links]").map((bar) => [bar.dataset.links, bar]));
  let shown = null; /* the phase's page, null for the overview */
  let height = 0; /* how far the overview was scrolled when it was left */

  const jump = (y) => scrollTo({ top: y, behavior: "instant" });
  const heading = (page) => page.querySelector(".headline");

  const show = (page) => {
    for (const other of pages) other.classList.toggle("current", other === page);
    root.classList.toggle("deep", page !== null);
    bars.overview.hidden = page !== null;
    bars.phase.hidden = page === null;
    document.title = page ? `${(heading(page).firstChild.data ?? "").trim()} · ${title}` : title;
    for (const link of page ? all("[data-part]", bars.phase) : []) {
      const id = `${page.id}-${link.dataset.part}`;
      link.hidden = !document.getElementById(id);
      link.href = `#${id}`;
    }
    shown = page;
    ff.drawn?.(page);
  };

  ff.route = () => {
    const target = location.hash.length > 1 ? ff.target() : null;
    const page = target?.closest(".phase") ?? null;
    if (shown && page === null && target?.contains(shown)) return; /* the skip link: it stays */
    const left = shown;
    if (page !== shown) {
      if (left === null) height = scrollY;
      show(page);
    }
    if (page !== null && (target === page || target === heading(page))) {
      jump(0);
      heading(page).focus({ preventScroll: true });
    } else if (left !== null && page === null && (!target || target.id === "answer" || target.id === "overview")) {
      jump(height); /* back to the row that was left */
      const link = document.querySelector(`:is(.verdicts, .lacking) a[href="#${left.id}"]`);
      link?.focus({ preventScroll: true });
      const at = link?.getBoundingClientRect();
      if (at && (at.top < 60 || at.bottom > innerHeight)) link.scrollIntoView({ block: "center", behavior: "instant" });
    } else if (target) {
      ff.reveal(target);
    }
  };
  if ("scrollRestoration" in history) history.scrollRestoration = "manual";
  addEventListener("hashchange", ff.route);
  /* Escape leaves a page, unless it closes an explanation or belongs to what has the focus */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || shown === null) return;
    if (!document.getElementById("tip").hidden || event.target.closest("input, select, textarea")) return;
    location.hash = "#answer";
  }, true);
  show(null);
  if (location.hash.length > 1) ff.route();
})();
