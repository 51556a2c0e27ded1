// A browser with an empty profile, and what no page may do: throw, log errors, hinder somebody, scroll sideways.

import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const shots = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "e2e");
const axe = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/** What a page waits for at most. Pulls and starts of containers are in it. */
const WAIT_MAX_MS = 60_000;
/** Windows in which every page is looked at. */
const WIDTHS = [1440, 1024, 390];

export async function startBrowser() {
  const executablePath = process.env.CHROMIUM ?? BROWSERS.find(existsSync);
  assert(executablePath, "no Chromium is installed (Debian: apt-get install chromium)");
  mkdirSync(shots, { recursive: true });
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A person's browser: language, theme and window of their own; `chose`: the language was chosen before. `faults` and `barriers` gather what must not be. */
export async function newPerson(browser, { url, locale = "en-US", chose = true, dark = false, width = 1440, height = 1000 }) {
  const context = await browser.newContext({
    baseURL: url,
    locale,
    colorScheme: dark ? "dark" : "light",
    viewport: { width, height },
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(WAIT_MAX_MS);
  if (chose) {
    // In the menu: the account's own language would win over the browser's otherwise.
    const chosen = locale === "zh-CN" ? locale : "en";
    await context.addInitScript((chosen) => localStorage.setItem("berth-language", chosen), chosen);
  }
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  page.on("console", (message) => {
    // The browser logs answers of 400 and above by itself; they are what some tests ask for.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) {
      faults.push(`${page.url()}: ${message.text()}`);
    }
  });
  return { page, context, faults, barriers: new Map() };
}

/** The same on many pages is one thing to mend. */
function note(barriers, what, where) {
  barriers.set(what, [...(barriers.get(what) ?? []), where]);
}

/** Notes what axe finds on what is shown now. */
export async function inspect({ page, barriers }, name) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(await axe);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      resultTypes: ["violations"],
    }),
  );
  for (const { id, help, nodes } of violations) {
    for (const node of nodes) {
      const why = node.failureSummary?.split("\n").slice(1, 3).join("; ").trim();
      note(barriers, `${id} (${help}): ${why}\n      ${node.html.slice(0, 160)}`, name);
    }
  }
}

/** A picture for people, of the whole page: the window becomes as high as that, so that what sticks is where it belongs. */
export async function keepPicture(page, name) {
  const before = page.viewportSize();
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: before.width, height: Math.max(before.height, height) });
  const file = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  await page.screenshot({ path: join(shots, `${file}.png`) });
  await page.setViewportSize(before);
}

/** What is English in a Chinese page, but for names, code and what apps print. */
async function englishIn(page) {
  const texts = await page.evaluate(() => {
    if (document.documentElement.lang !== "zh-CN") return [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const { parentElement: parent, data } = walker.currentNode;
      if (!parent.closest("code, pre, script, style, noscript, .mono, .log-rows, .xterm, [translate=no]")) found.push(data.trim());
    }
    return found;
  });
  return texts.filter((text) => /[A-Za-z]{2,} [a-z]{2,}/.test(text));
}

/** Waits until a page is drawn with what it fetched. */
export async function drawn(page) {
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => !document.querySelector(".skeleton, .skeleton-row"));
}

/** Pictures of what is shown now at several widths, what axe finds there, and whether it scrolls sideways. */
export async function look(person, name, widths = WIDTHS) {
  const { page, barriers } = person;
  const before = page.viewportSize();
  for (const width of widths) {
    await page.setViewportSize({ width, height: before.height });
    const wanted = width === before.width ? name : `${name} ${width}`;
    await keepPicture(page, wanted);
    await inspect(person, wanted);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wider > 0) note(barriers, "the page scrolls sideways", `${wanted} by ${wider} px`);
  }
  for (const text of await englishIn(page)) note(barriers, `this is English: ${text}`, name);
  await page.setViewportSize(before);
}
