// What people do in the console, by what they see. Words come from the console's own locale files, so that the tests
// say the same in every language.

import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const locales = resolve(dirname(fileURLToPath(import.meta.url)), "../../frontend/locales");

/** The texts of a language: `words.apps("roll_back_to", { release: 1 })`. */
export function wordsOf(language) {
  const read = (area) => JSON.parse(readFileSync(join(locales, language, `${area}.json`), "utf8"));
  const areas = new Map();
  const find = (area, path) => {
    if (!areas.has(area)) areas.set(area, read(area));
    const found = path.split(".").reduce((value, key) => value?.[key], areas.get(area)) ?? areas.get(area)[path];
    if (typeof found === "object") return found.other;
    if (typeof found !== "string") throw new Error(`no text ${area}.${path} in ${language}`);
    return found;
  };
  const text = (area) => (path, values = {}) =>
    find(area, path).replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => String(values[name]));
  return { apps: text("apps"), audit: text("audit"), common: text("common"), session: text("session"), settings: text("settings"), codes: text("codes") };
}

/** The pages of one environment. */
export class Place {
  constructor(page, words, { tenant, project, environment }) {
    Object.assign(this, { page, words, tenant, project, environment });
    this.path = `/t/${tenant}/${project}/${environment}`;
  }
  async goToApps() {
    await this.page.goto(`${this.path}/apps`);
    await this.page.locator("h1").waitFor();
  }
  async goToNewApp() {
    await this.page.goto(`${this.path}/apps/new`);
    await this.field("image").waitFor();
  }
  async goToApp(app, tab = "") {
    await this.page.goto(`${this.path}/apps/${app}${tab && `?tab=${tab}`}`);
    await this.page.locator("#app-state").waitFor();
  }
  async openTab(name) {
    await this.page.locator("nav.tabs").getByRole("link", { name: this.words.apps(`tab_${name}`) }).click();
  }
  /** A field of the form, by its path in the API. */
  field(path) {
    return this.page.locator(`[id="${path}"]`);
  }
  /** Waits until the app's state reads so. */
  async stateIs(text) {
    await this.page.locator("#app-state").filter({ hasText: text }).waitFor();
  }
  /** Waits until the number of ready instances is right and no rollout goes on. */
  async isHealthyWith(ready) {
    await this.stateIs(this.words.common("state_healthy"));
    await this.page.locator(".rollout").waitFor({ state: "detached" });
    await this.rows(this.words.common("phase_ready")).nth(ready - 1).waitFor();
    await this.page.waitForFunction(
      ({ ready, word }) => [...document.querySelectorAll("tbody tr .pill")].filter((pill) => pill.textContent.trim() === word).length === ready,
      { ready, word: this.words.common("phase_ready") },
    );
  }
  /** Rows of the table of instances in a state. */
  rows(state) {
    return this.page.locator("tbody tr").filter({ has: this.page.locator(".pill", { hasText: state }) });
  }
  /** Presses a button of the dialog that is open. */
  async confirm() {
    await this.page.locator("dialog[open] #confirm-action").click();
    await this.page.locator("dialog[open]").waitFor({ state: "detached" });
  }
}
