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

  /* ---- what is below a page's numbers comes packed ---- */
  const under = new Map();
  const unpack = (page) => {
    if (!under.has(page)) {
      const packed = page.querySelector(":scope > script.parts");
      under.set(page, !packed ? Promise.resolve() : ff.unzipped(packed.id).then((text) => {
        const template = document.createElement("template");
        template.innerHTML = text;
        packed.replaceWith(template.content);
        ff.ledgers(page);
        ff.reach(page);
        if (page === shown) { links(page); ff.drawn(page); }
      }));
    }
    return under.get(page);
  };
  const packed = (page) => page.querySelector(":scope > script.parts") !== null;

  const jump = (y) => scrollTo({ top: y, behavior: "instant" });
  const heading = (page) => page.querySelector(".headline");

  const show = (page) => {
    for (const other of pages) other.classList.toggle("current", other === page);
    root.classList.toggle("deep", page !== null);
    bars.overview.hidden = page !== null;
    bars.phase.hidden = page === null;
    document.title = page ? `${(heading(page).firstChild.data ?? "").trim()} · ${title}` : title;
    shown = page;
    if (page) links(page);
    ff.drawn?.(page);
    if (page) unpack(page);
  };
  const links = (page) => {
    for (const link of all("[data-part]", bars.phase)) {
      const id = `${page.id}-${link.dataset.part}`;
      link.hidden = !packed(page) && !document.getElementById(id);
      link.href = `#${id}`;
    }
  };

  ff.route = () => {
    const whose = document.getElementById(/^#(phase-\d+)-\w+$/.exec(location.hash)?.[1]);
    if (whose && packed(whose) && !ff.target()) {
      const asked = location.hash; /* a part that is still packed */
      if (whose !== shown) show(whose);
      unpack(whose).then(() => { if (location.hash === asked) ff.route(); });
      return;
    }
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
  /* printing cannot wait: what is printed is unpacked while nothing else is to be done */
  const idle = window.requestIdleCallback ?? ((act) => setTimeout(act, 50));
  const printed = pages.filter((page) => page.classList.contains("prints"));
  const ahead = (async () => {
    for (const page of printed) {
      await new Promise((go) => idle(go));
      if (!page.isConnected) return;
      await unpack(page);
      await ff.charts?.prepare(page);
    }
  })();
  if (ff.charts) ff.charts.ready = Promise.all([ff.charts.ready, ahead]);

  show(null);
  if (location.hash.length > 1) ff.route();
})();
