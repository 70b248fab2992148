// Runs before the first paint, so that the page never flashes in the other theme.
const kept = () => {
  try { return localStorage.getItem("theme"); } catch { return null; }
};
const apply = (theme) => {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
};
apply(kept());

addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";
  const label = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    button.title = isDark() ? "Switch to the light theme" : "Switch to the dark theme";
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    apply(theme);
    try { localStorage.setItem("theme", theme); } catch { /* Not remembered then. */ }
    label();
  });
  prefersDark.addEventListener("change", label);
  label();
});
