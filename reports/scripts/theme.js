/* Light and dark: follows the system until a choice is made; `ff.repaint` is told. */
(() => {
  "use strict";
  const { root } = ff;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const button = document.getElementById("theme");
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
  };
  ff.setTheme = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    label();
    ff.repaint?.();
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    ff.setTheme(theme);
    try { localStorage.setItem("fadefollow-theme", theme); } catch (error) { /* not for files */ }
  });
  system.addEventListener("change", () => { label(); ff.repaint?.(); });
  label();
})();
