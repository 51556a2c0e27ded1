// The terminal's colours are the page's: read from its custom properties, again whenever the theme changes.

import type { ITheme } from "@xterm/xterm";

/** Custom property behind each of xterm's colours. */
const TOKENS: Record<string, keyof ITheme> = {
  "--terminal-bg": "background",
  "--terminal-text": "foreground",
  "--terminal-cursor": "cursor",
  "--terminal-selection": "selectionBackground",
  "--ansi-0": "black",
  "--ansi-1": "red",
  "--ansi-2": "green",
  "--ansi-3": "yellow",
  "--ansi-4": "blue",
  "--ansi-5": "magenta",
  "--ansi-6": "cyan",
  "--ansi-7": "white",
  "--ansi-8": "brightBlack",
  "--ansi-9": "brightRed",
  "--ansi-10": "brightGreen",
  "--ansi-11": "brightYellow",
  "--ansi-12": "brightBlue",
  "--ansi-13": "brightMagenta",
  "--ansi-14": "brightCyan",
  "--ansi-15": "brightWhite",
};

/** Colours as they apply at `host`. */
export function themeOf(host: HTMLElement): ITheme {
  // A custom property reads back as it was written, `light-dark(…)` included; a colour reads back resolved.
  const probe = document.createElement("span");
  probe.hidden = true;
  host.append(probe);
  const theme: ITheme = {};
  for (const [token, name] of Object.entries(TOKENS)) {
    probe.style.color = "";
    probe.style.color = `var(${token})`;
    (theme as Record<string, string>)[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return theme;
}

/** Calls `changed` when the page or the system turns light or dark. Returns how to stop. */
export function watchTheme(changed: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const page = new MutationObserver(changed);
  system.addEventListener("change", changed);
  page.observe(document.documentElement, { attributeFilter: ["data-theme", "class", "style"] });
  return () => {
    system.removeEventListener("change", changed);
    page.disconnect();
  };
}
