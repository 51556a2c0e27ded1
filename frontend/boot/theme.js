// Runs before the first paint, so that a dark page never flashes light. `preferences.rs` writes the same keys.
try {
  const root = document.documentElement;
  const theme = localStorage.getItem("berth-theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.lang = localStorage.getItem("berth-language") ?? (navigator.language.startsWith("zh") ? "zh-CN" : "en");
} catch {
  // A browser that forbids storage gets the system's theme.
}
