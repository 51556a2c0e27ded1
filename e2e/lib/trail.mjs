// The audit trail: found, searched, opened, checked, and taken away as a proof that the command line checks by itself.
// And what one may do, and why.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { drawn, look } from "./browser.mjs";
import { wordsOf } from "./console.mjs";

const english = wordsOf("en");
/** What `berth` ends with when something does not hold. */
const EXIT_REFUSED = 5;

/** The steps of whoever answers for the trail. `berth` gives the command line. */
export const trailSteps = ({ email, password, berth }) => (step) => {
  const { audit, settings } = english;
  const actions = (page) => page.locator(".audit-action").allTextContents();
  const verify = (file, ...more) => spawnSync(berth(), ["audit", "verify", file, ...more], { encoding: "utf8" });

  step("finds who did what", async (person) => {
    const { page } = person;
    await page.goto("/sign-in?from=%2Ft%2Facme%2F-%2Faudit");
    await page.locator("#email").fill(email);
    await page.locator("#password").fill(password);
    await page.locator("#sign-in-submit").click();
    await page.getByRole("link", { name: audit("title") }).first().click();
    await page.waitForURL("**/t/acme/-/audit");
    await drawn(page);
    await page.locator(".audit li").first().waitFor();
    await look(person, "audit");
  });

  step("searches, and the search is in the address", async (person) => {
    const { page } = person;
    await page.locator("#audit-filters [name=action]").fill("app.deploy");
    await page.waitForURL("**action=app.deploy**");
    await page.waitForFunction(() => {
      const shown = [...document.querySelectorAll(".audit-action")].map((action) => action.textContent);
      return shown.length > 0 && shown.every((action) => action === "app.deploy");
    });
    await page.reload();
    await drawn(page);
    await page.locator(".audit li").first().waitFor();
    assert.deepEqual([...new Set(await actions(page))], ["app.deploy"]);
    assert.equal(await page.locator("#audit-filters [name=action]").inputValue(), "app.deploy");
    await page.locator(".audit summary").first().click();
    await page.locator(".audit-sides pre").first().waitFor();
    await look(person, "audit-row", [1440, 390]);
    await page.goto("/t/acme/-/audit?actor=nobody-of-this-name");
    await page.locator(".empty", { hasText: audit("none_match") }).waitFor();
  });

  step("checks all of it", async (person) => {
    const { page } = person;
    await page.goto("/t/acme/-/audit");
    await drawn(page);
    await page.locator("#check-audit").click();
    await page.locator(".note.ok").waitFor();
    person.key = (await page.locator(".note.ok code").textContent()).trim();
    assert.match(person.key, /^[0-9a-f]{64}$/);
    await look(person, "audit-whole", [1440, 390]);
  });

  step("takes it away, and the command line checks it without a server", async (person) => {
    const { page } = person;
    const save = async (item) => {
      await page.getByRole("button", { name: audit("export") }).click();
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("menuitem", { name: audit(item) }).click(),
      ]);
      return download.path();
    };
    const proof = await save("export_proof");
    const whole = verify(proof, "--key", person.key);
    assert.equal(whole.status, 0, whole.stderr);
    assert.match(whole.stdout, /^Whole: \d+ rows/);

    const lines = readFileSync(proof, "utf8").split("\n");
    lines[2] = lines[2].replace(email, "eve@acme.example");
    const changed = `${proof}.changed`;
    writeFileSync(changed, lines.join("\n"));
    const found = verify(changed, "--key", person.key);
    assert.equal(found.status, EXIT_REFUSED, found.stdout);
    assert.match(found.stderr, /line 3: row 2 was changed/);

    const table = readFileSync(await save("export_table"), "utf8").split("\n");
    assert.match(table[0], /^sequence,at,actor,action,target/);
    assert.match(table[1], /audit\.export/);
  });

  step("sees what roles allow, and what somebody may do and why", async (person) => {
    const { page } = person;
    await page.goto("/t/acme/-/settings?tab=roles");
    await drawn(page);
    await page.locator(".matrix .held").first().waitFor();
    await look(person, "roles");
    await page.goto("/t/acme/-/settings");
    await drawn(page);
    const me = page.locator("tbody tr").filter({ hasText: email });
    await me.getByRole("button", { name: settings("show_rights") }).click();
    await page.locator("dialog[open] .rights .held").first().waitFor();
    await page.locator("#rights-at").selectOption("demo/dev");
    const why = settings("role_of_tenant", { role: english.common("role_owner") });
    await page.locator("dialog[open] .rights td", { hasText: why }).first().waitFor();
    await look(person, "rights", [1440, 390]);
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
  });
};
