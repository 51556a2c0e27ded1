// What is not about one app: the way around by keyboard, long lists, filters, roles, sessions, and the door. For a person
// whose account speaks another language than the browser, after the main job was done.

import assert from "node:assert/strict";
import { drawn, look } from "./browser.mjs";
import { wordsOf } from "./console.mjs";
import { until } from "./until.mjs";

const english = wordsOf("en");

/** The steps of a journey, for the account of this address. */
export const strangersSteps = ({ email, password }) => (step) => {
  step("is greeted in the browser's language and served in the account's", async ({ page }) => {
    await page.goto("/sign-in");
    await page.locator("html[lang=zh-CN]").waitFor();
    await page.locator("#email").fill(email);
    await page.locator("#password").fill(password);
    await page.locator("#sign-in-submit").click();
    await page.locator("html[lang=en]").waitFor();
    await drawn(page);
  });

  step("goes anywhere by keyboard", async (person) => {
    const { page, place } = person;
    await page.goto(place.path);
    await drawn(page);
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.waitForURL(`**${place.path}/apps`);
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor();
    await look(person, "shortcuts", [1440]);
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    await page.keyboard.press("Control+k");
    await page.locator("dialog[open] input").waitFor();
    await page.keyboard.type("busybox");
    await page.locator("dialog[open] [role=option]", { hasText: "busybox" }).first().waitFor();
    await look(person, "palette", [1440, 390]);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/apps/busybox");
  });

  step("gets all rows of a list that has more than a page", async ({ page }) => {
    const names = Array.from({ length: 5 }, (_, number) => `page-test-${number}`);
    // Pages of two instead of 500; the rows, the cursors and their order are the server's own.
    await page.route("**/me/tokens?*", (route) => {
      const url = new URL(route.request().url());
      url.searchParams.set("limit", "2");
      return route.continue({ url: url.href });
    });
    await page.goto("/account?tab=tokens");
    await drawn(page);
    for (const name of names) {
      await page.locator("#new-token").click();
      await page.locator("#token-name").fill(name);
      await page.locator("dialog[open] button[type=submit]").click();
      await page.locator("dialog[open]").getByRole("button", { name: english.common("done"), exact: true }).click();
      await page.locator("dialog[open]").waitFor({ state: "detached" });
    }
    const rows = page.locator("tbody tr", { hasText: "page-test-" });
    const shown = async () => (await rows.locator("td:first-child").allTextContents()).sort();
    await until("every token is there once", async () => (await shown()).join() === names.join());
    await page.reload();
    await until("they are after a reload", async () => (await shown()).join() === names.join());
    await rows.first().getByRole("button", { name: english.settings("end_token") }).click();
    await page.locator("dialog[open] #confirm-action").click();
    await until("one is gone and none is doubled", async () => {
      const now = await shown();
      return now.length === 4 && new Set(now).size === 4;
    });
    await page.unroute("**/me/tokens?*");
  });

  step("keeps the nodes' filter in the URL, through a reload and back", async ({ page }) => {
    await page.goto("/nodes?q=no-such-node");
    const filter = page.locator("[data-filter=nodes] input");
    await filter.waitFor();
    assert.equal(await filter.inputValue(), "no-such-node");
    assert.equal(await page.locator("tbody a").count(), 0);
    await filter.fill("node-01");
    await page.waitForURL("**/nodes?q=node-01");
    await page.locator("tbody a", { hasText: "node-01" }).click();
    await page.waitForURL("**/nodes/node-01");
    await page.goBack();
    await page.waitForURL("**/nodes?q=node-01");
    assert.equal(await filter.inputValue(), "node-01");
  });

  step("is told what is wrong with a name while typing it", async ({ page }) => {
    await page.goto("/tenants?new=1");
    await page.locator("#tenant-name").fill("Not A Name");
    await page.locator("dialog[open] .fault").waitFor();
    await page.locator("#tenant-name").fill("a-name");
    await page.locator("dialog[open] .fault").waitFor({ state: "detached" });
  });

  step("finds every component in every state on a page", async (person) => {
    const { page } = person;
    await page.goto("/kit");
    await page.locator("h1").first().waitFor();
    await look(person, "kit");
  });

  step("is told what is not there, and what may not be done", async (person) => {
    const { page } = person;
    await page.goto("/t/acme/demo/dev/apps/nothing-of-this-name");
    await page.locator(".empty-title", { hasText: "nothing-of-this-name" }).waitFor();
    await look(person, "app-not-found", [1440]);
    await page.goto("/no/such/page");
    await page.locator(".empty-title").waitFor();
    await look(person, "page-not-found", [1440]);
  });

  step("gives a role at one environment, and takes it back", async (person) => {
    const { page } = person;
    const settings = english.settings;
    await page.goto("/t/acme/-/settings");
    await page.locator("#add-person").click();
    await page.locator("#person-email").fill("bo@acme.example");
    await page.locator("#person-role").selectOption("viewer");
    await page.locator("dialog[open]").getByText(settings("new_account"), { exact: true }).click();
    await page.locator("#person-name").fill("Bo");
    await page.locator("#person-password").fill("another quiet harbour");
    await page.locator("dialog[open] button[type=submit]").click();
    await page.locator("dialog[open]").waitFor({ state: "detached" });

    await page.goto("/t/acme/demo/-/settings?tab=people");
    const row = page.locator("tbody tr", { hasText: "bo@acme.example" });
    await row.waitFor();
    assert.match(await row.textContent(), /–/, "no role of the project's own");
    await page.locator("#place").selectOption("dev");
    await page.locator("#give-role").click();
    await page.locator("#grant-email").fill("nobody@acme.example");
    await page.locator("dialog[open] button[type=submit]").click();
    await page.locator("dialog[open] .fault").waitFor();
    await page.locator("#grant-email").fill("bo@acme.example");
    await look(person, "give-role", [1440, 390]);
    await page.locator("dialog[open] button[type=submit]").click();
    await row.filter({ hasText: english.common("role_developer") }).waitFor();
    assert.match(await row.textContent(), new RegExp(`${settings("whole_tenant")}: ${english.common("role_viewer")}`));
    await look(person, "people-at-environment");
    await row.getByRole("button", { name: english.common("remove") }).click();
    await page.locator("#confirm-action").click();
    await row.filter({ hasText: english.common("role_developer") }).waitFor({ state: "detached" });
  });

  step("sees where the account is signed in, and signs it out there", async (person) => {
    const { page } = person;
    await page.goto("/account?tab=sessions");
    const rows = page.locator("tbody tr");
    await rows.filter({ hasText: english.settings("this_browser") }).waitFor();
    assert.ok((await rows.count()) > 1, "the earlier journeys' browsers are there");
    await look(person, "sessions");
    await page.locator("#end-others").click();
    await page.locator("#confirm-action").click();
    await until("only this browser is left", async () => (await rows.count()) === 1);
    assert.match(await rows.first().textContent(), /Chrome/);
  });

  step("is led to the door when the session has ended, and back", async ({ page, place, context }) => {
    await page.goto(`${place.path}/apps`);
    await drawn(page);
    await context.clearCookies();
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    await page.waitForURL("**/sign-in?to=**");
    await page.locator("#email").fill(email);
    await page.locator("#password").fill(password);
    // The password is right, and then the account cannot be read.
    await page.route("**/api/v1/me", (route) => route.fulfill({ status: 500, body: "" }));
    await page.locator("#sign-in-submit").click();
    const again = page.getByRole("button", { name: english.common("try_again") });
    await again.waitFor();
    await page.unroute("**/api/v1/me");
    await again.click();
    await page.waitForURL(`**${place.path}`);
  });
};
