/* The list of runs: tick some to compare them, star one, write a note on it. The browser keeps both. */
(() => {
  "use strict";
  const { all } = ff;
  const table = document.getElementById("runs");
  const form = document.getElementById("compare");
  if (!table || !form) return;
  const KEY = "fadefollow-runs";
  const [LEAST, MOST] = [2, 8];
  const read = () => { try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch (error) { return {}; } };
  const kept = read();
  const keep = (run, change) => {
    kept[run] = { ...kept[run], ...change };
    try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch (error) { /* a browser may forbid storage for files */ }
  };
  const made = (tag, properties) => Object.assign(document.createElement(tag), properties);

  const ticked = new Set();
  const compare = () => {
    const runs = [...ticked].sort();
    form.hidden = runs.length === 0;
    const fits = runs.length >= LEAST && runs.length <= MOST;
    form.querySelector("p").textContent = fits ? `${runs.length} runs are compared by` : `${runs.length} ticked: ${LEAST} to ${MOST} runs can be compared`;
    form.querySelector("pre").hidden = !fits;
    form.querySelector("code").textContent = `fadefollow report ${runs.join(" ")} --open`;
  };
  form.addEventListener("submit", (event) => event.preventDefault());

  for (const row of all("tr[data-run]", table)) {
    const { run } = row.dataset;
    const name = row.querySelector("th").dataset.value;
    const tools = row.querySelector(".tools");
    if ("compares" in row.dataset) {
      const tick = made("input", { type: "checkbox", ariaLabel: `Compare ${run}` });
      tick.addEventListener("change", () => { ticked[tick.checked ? "add" : "delete"](run); compare(); });
      tools.append(tick);
    }
    const star = made("button", { type: "button", className: "star", ariaLabel: `Star ${run}` });
    const shine = (on) => { star.textContent = on ? "★" : "☆"; star.setAttribute("aria-pressed", String(on)); };
    star.addEventListener("click", () => { const on = star.getAttribute("aria-pressed") !== "true"; keep(run, { star: on }); shine(on); });
    shine(Boolean(kept[run]?.star));
    tools.append(star);
    const note = made("input", { className: "written", value: kept[run]?.note ?? "", placeholder: "note", ariaLabel: `Note on ${name}, ${run}` });
    note.addEventListener("change", () => keep(run, { note: note.value.trim() }));
    row.querySelector("th").append(note);
  }
})();
