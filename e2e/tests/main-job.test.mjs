// The main job in the browser, on the real platform, in English and in Chinese: from the set-up token to a running app,
// a new release, a bad one that takes itself back, and everything else that one does to an app, to its end.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { busyboxArchive } from "../lib/archive.mjs";
import { drawn, inspect, look, newPerson, startBrowser } from "../lib/browser.mjs";
import { Place, wordsOf } from "../lib/console.mjs";
import { journey } from "../lib/journey.mjs";
import { PASSWORD as REGISTRY_PASSWORD, USER as REGISTRY_USER, startRegistry } from "../lib/registry.mjs";
import { startPlatform } from "../lib/stack.mjs";
import { strangersSteps } from "../lib/stranger.mjs";
import { trailSteps } from "../lib/trail.mjs";
import { until } from "../lib/until.mjs";

const EMAIL = "lin@acme.example";
const PASSWORD = "a quiet harbour at dawn";

let platform, browser, registry;

before(async () => {
  registry = await startRegistry();
  platform = await startPlatform();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await platform?.remove();
  await registry?.remove();
});

/** What the app itself answers, asked where *Visit* leads. */
async function visit(page, path = "/") {
  const href = await page.locator("#visit").getAttribute("href");
  const answer = await fetch(new URL(path, href), { headers: { accept: "application/json" } });
  return { status: answer.status, text: await answer.text() };
}

const english = wordsOf("en");
const beginEnglish = async () => {
  const person = await newPerson(browser, { url: platform.url });
  person.place = new Place(person.page, english, { tenant: "acme", project: "demo", environment: "dev" });
  return person;
};

journey("in English", beginEnglish, (step) => {
  const { apps, common } = english;

  step("trades the set-up token for the first account", async (person) => {
    const { page, place } = person;
    await page.goto("/");
    await page.waitForURL("**/setup");
    await look(person, "setup");
    await page.goto(`/setup#token=${await platform.setupToken()}`);
    await page.locator("#display-name").waitFor();
    assert.equal(new URL(page.url()).hash, "", "the token does not stay in the address bar");
    await page.locator("#display-name").fill("Lin Wei");
    await page.locator("#email").fill(EMAIL);
    await page.locator("#password").fill("short");
    await page.locator("#setup-submit").click();
    await page.locator(".field .fault").waitFor();
    await page.locator("#password").fill(PASSWORD);
    await page.locator("#setup-submit").click();
    await page.waitForURL("**/welcome");
  });

  step("makes a tenant, a project and its environments", async (person) => {
    const { page, place } = person;
    await page.locator("#tenant").fill("acme");
    await look(person, "welcome");
    await page.locator("#welcome-submit").click();
    await page.waitForURL("**/t/acme/demo/dev");
    await look(person, "overview-empty");
  });

  step("deploys the sample from the empty list, and visits it", async (person) => {
    const { page, place } = person;
    await place.goToApps();
    await look(person, "apps-empty");
    await page.locator("#deploy-sample").click();
    await page.waitForURL("**/apps/hello");
    await page.locator("#visit").waitFor();
    await page.locator(".rollout").waitFor({ state: "detached" });
    const answer = await visit(page);
    assert.equal(answer.status, 200);
    await look(person, "app-running");
  });

  step("changes the environment and sees the difference before and the new value after", async (person) => {
    const { page, place } = person;
    await place.openTab("environment");
    await page.locator("#env-add").click();
    await page.locator(".row-pair input").first().fill("1NVALID");
    await page.locator(".row-fault").waitFor();
    await page.locator(".row-pair input").first().fill("GREETING");
    await page.locator(".row-pair input").nth(1).fill("Hello from the second release");
    await page.locator(".diff ins", { hasText: "Hello from the second release" }).waitFor();
    await look(person, "app-environment");
    await page.locator("#deploy").click();
    await page.locator(".rollout").waitFor();
    await inspect(person, "a rollout");
    await place.isHealthyWith(2);
    await until("the new release answers", async () => (await visit(page, "/env")).text.includes("second release"));
  });

  step("takes back a release that never becomes ready, and says why", async (person) => {
    const { page, place } = person;
    await place.openTab("settings");
    await place.field("rollout.ready_deadline_s").fill("5");
    await place.field("readiness.check.path").fill("/nothing-here");
    await look(person, "app-settings");
    await page.locator("#deploy").click();
    await page.locator(".rollout .cell.busy, .rollout .cell.bad").first().waitFor();
    await page.locator(".note", { hasText: apps("last_rollout_taken_back", { release: 3 }) }).waitFor();
    await place.isHealthyWith(2);
    assert.equal((await visit(page)).status, 200, "the release before still answers");
    await look(person, "app-taken-back", [1440]);
  });

  step("lists releases, compares two and rolls back with a click", async (person) => {
    const { page, place } = person;
    await place.openTab("releases");
    await page.locator(".diff").waitFor();
    await look(person, "app-releases");
    await page.locator("#roll-back").click();
    await page.locator("dialog[open] .diff").waitFor();
    await inspect(person, "the dialog of a rollback");
    await page.locator("#confirm-roll-back").click();
    await place.openTab("overview");
    await place.isHealthyWith(2);
    await until("the first release answers", async () => !(await visit(page, "/env")).text.includes("second release"));
  });

  step("scales up and down", async (person) => {
    const { page, place } = person;
    // Containers that come and go change the machine's network, and a browser drops what is on its way then.
    await page.route("**/scale", (route) => route.abort("connectionreset"), { times: 1 });
    for (let more = 0; more < 2; more++) await page.getByRole("button", { name: apps("scale_more") }).click();
    await place.isHealthyWith(4);
    for (let less = 0; less < 2; less++) await page.getByRole("button", { name: apps("scale_less") }).click();
    await place.isHealthyWith(2);
  });

  step("asks before the last instance goes, and takes a number back", async (person) => {
    const { page, place } = person;
    const [less, replicas] = [page.getByRole("button", { name: apps("scale_less") }), page.locator("#replicas")];
    await less.click();
    await less.click();
    await page.locator("dialog[open]", { hasText: apps("zero_text") }).waitFor();
    await look(person, "scale-to-zero", [1440, 390]);
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    assert.equal(await replicas.textContent(), "2", "nothing was sent");
    await less.click();
    await less.click();
    await place.confirm();
    await replicas.filter({ hasText: "0" }).waitFor();
    const toast = page.locator(".toast", { hasText: apps("scaled", { app: "hello", instances: "" }).trim() });
    // Earlier ones may stand there still, each with its own.
    await toast.last().getByRole("button", { name: common("undo") }).click();
    await place.isHealthyWith(2);
  });

  step("tells why an instance is where it is", async (person) => {
    const { page, place } = person;
    await page.locator("tbody a.row-link").first().click();
    await page.locator("dialog[open] .why").waitFor();
    await look(person, "instance");
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    assert(!page.url().includes("inst="), "closing the dialog leaves the URL of the page");
  });

  step("stops, starts and restarts", async (person) => {
    const { page, place } = person;
    await page.getByRole("button", { name: apps("more") }).click();
    await page.getByRole("menuitem", { name: apps("stop"), exact: true }).click();
    await place.confirm();
    await place.stateIs(common("state_stopped"));
    const toast = page.locator(".toast", { hasText: apps("stopped", { app: "hello" }) });
    await toast.getByRole("button", { name: common("undo") }).click();
    await place.isHealthyWith(2);
    const before = await page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => row.dataset.key));
    await page.locator("#restart").click();
    await place.confirm();
    await until("every instance is a fresh one", async () => {
      const now = await page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => row.dataset.key));
      return now.length === 2 && now.every((key) => !before.includes(key));
    });
    await place.isHealthyWith(2);
  });

  step("follows the log, pauses it, filters it and links to a line", async (person) => {
    const { page, place } = person;
    await place.openTab("logs");
    const line = `a line ${Date.now()}`;
    await page.locator(".log-row").first().waitFor();
    await visit(page, `/log?line=${encodeURIComponent(line)}`);
    await page.locator(".log-row", { hasText: line }).waitFor();
    await look(person, "app-logs");
    await page.locator("#log-pause").click();
    await visit(page, `/log?line=${encodeURIComponent("while paused")}`);
    await page.locator("#log-pause", { hasText: /\d/ }).waitFor();
    assert.equal(await page.locator(".log-row", { hasText: "while paused" }).count(), 0);
    await page.locator("#log-pause").click();
    await page.locator(".log-row", { hasText: "while paused" }).waitFor();
    await page.locator("#log-filter").fill(line.toUpperCase());
    await page.locator(".log-row mark").waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".log-row").length === 1);
    await page.locator(".log-row .log-time").click();
    await page.waitForURL(/line=/);
    await page.reload();
    await page.locator(".log-row.log-marked", { hasText: line }).waitFor();
  });

  step("loads an image from a file, and opens a terminal in it", async (person) => {
    const { page, place } = person;
    await place.goToNewApp();
    await place.field("image").fill("Not An Image");
    await page.locator(".field-bad").waitFor();
    await page.getByRole("radio", { name: apps("source_file") }).check();
    await page.locator("#image-file").setInputFiles({
      name: "busybox.tar",
      mimeType: "application/x-tar",
      buffer: busyboxArchive("demo/busybox:1"),
    });
    await page.locator(".upload-done").waitFor();
    assert.equal(await place.field("name").inputValue(), "busybox");
    await page.locator(".plan .pill.ok").waitFor();
    await look(person, "new-app");
    await page.locator("#deploy").click();
    await page.waitForURL("**/apps/busybox");
    await place.isHealthyWith(1);

    await place.openTab("terminal");
    await page.locator("#terminal-connect").click();
    await page.locator(".terminal-bar .pill.ok").waitFor();
    await page.keyboard.type("stty size; cat /greeting; echo $((40+2))\n");
    const screen = () => page.locator(".xterm-accessibility, .xterm-rows").first().innerText();
    await until("the shell answers", async () => /你好，泊位[^]*42/.test(await screen()));
    await look(person, "terminal", [1440]);
    await page.keyboard.type("exit 3\n");
    await page.locator(".terminal-bar .pill", { hasText: "3" }).waitFor();
  });

  step("runs an image of a private registry once the project has credentials for it", async (person) => {
    const { page, place } = person;
    await place.goToNewApp();
    await place.field("image").fill(registry.image);
    await page.locator("#deploy").click();
    await page.locator(".field-bad", { has: place.field("image") }).waitFor();
    await page.locator(".error-line", { hasText: english.codes("problem_registry_denied") }).waitFor();

    await page.goto("/t/acme/demo/-/settings?tab=credentials");
    await page.locator("#add-credential").click();
    await page.locator("#registry").fill(registry.host);
    await page.locator("#registry-user").fill(REGISTRY_USER);
    await page.locator("#registry-password").fill(REGISTRY_PASSWORD);
    await look(person, "add-credential");
    await page.locator("dialog[open] button[type=submit]").click();
    await page.getByRole("cell", { name: registry.host }).waitFor();
    await look(person, "project-settings");

    await place.goToNewApp();
    await place.field("image").fill(registry.image);
    await place.field("name").fill("private");
    const port = page.getByLabel(apps("port_number", { number: 1 }));
    await until("the image's port is proposed", async () => (await port.isVisible()) && (await port.inputValue()) === "8080");
    await page.locator("#deploy").click();
    await page.waitForURL("**/apps/private");
    await page.locator("#visit").waitFor();
    await place.isHealthyWith(1);
    assert.match((await visit(page)).text, /busybox/);
  });

  step("refuses what cannot be, where it was typed", async (person) => {
    const { page, place } = person;
    await place.goToNewApp();
    await place.field("image").fill("berth/hello:0.1.0");
    await place.field("name").fill("hello");
    await place.field("resources.memory_mib").fill("900000");
    await page.locator(".plan .plan-fault").first().waitFor();
    await look(person, "new-app-refused");
    await place.field("resources.memory_mib").fill("64");
    await page.locator("#deploy").click();
    await page.locator(".field-bad", { has: place.field("name") }).waitFor();
    await place.field("name").fill("nowhere");
    await place.field("image").fill("127.0.0.1:1/nothing:1");
    await page.locator("#deploy").click();
    await page.locator(".field-bad", { has: place.field("image") }).waitFor();
    await page.locator(".error-line").waitFor();
  });

  step("says so when the code of a page cannot be loaded, and loads it later", async (person) => {
    const { page, place } = person;
    await place.goToApps();
    await page.route("**/part-*.wasm", (route) => route.abort("connectionreset"));
    await page.getByRole("link", { name: "hello", exact: true }).click();
    await page.locator("#reload").waitFor();
    await look(person, "part-missing");
    await page.unroute("**/part-*.wasm");
    await page.locator("#reload").click();
    await page.locator("#app-state").waitFor();
    // The browser's own report of what this step did is no fault of the page.
    const { faults } = person;
    faults.splice(0, faults.length, ...faults.filter((fault) => !/Failed to fetch/.test(fault)));
  });

  step("shows what happened in the activity and the node's page", async (person) => {
    const { page, place } = person;
    await page.goto("/t/acme/-/activity");
    await page.locator(".events li").first().waitFor();
    await look(person, "activity");
    await page.goto("/nodes");
    await page.getByRole("link", { name: "node-01" }).first().click();
    await page.waitForURL("**/nodes/node-01");
    await drawn(page);
    await look(person, "node");
  });

  step("deletes an app after its name was typed", async (person) => {
    const { page, place } = person;
    await place.goToApp("hello");
    await page.getByRole("button", { name: apps("more") }).click();
    await page.getByRole("menuitem", { name: apps("delete") }).click();
    assert(await page.locator("#confirm-action").isDisabled());
    await page.locator("#confirm-name").fill("hello");
    await page.locator("#confirm-action").click();
    await page.waitForURL("**/apps");
    await page.getByRole("link", { name: "hello", exact: true }).waitFor({ state: "detached" });
    await page.getByRole("link", { name: "busybox", exact: true }).waitFor();
    await look(person, "apps");
  });
});

const chinese = wordsOf("zh-CN");
const beginChinese = async () => {
  const person = await newPerson(browser, { url: platform.url, locale: "zh-CN", dark: true });
  person.place = new Place(person.page, chinese, { tenant: "acme", project: "demo", environment: "production" });
  return person;
};

journey("in Chinese, in the dark", beginChinese, (step) => {
  const { apps, common } = chinese;

  step("signs in, and the wrong password is said", async (person) => {
    const { page, place } = person;
    await page.goto("/t/acme/demo/production/apps");
    await page.waitForURL("**/sign-in**");
    assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
    await look(person, "zh-sign-in");
    await page.locator("#email").fill(EMAIL);
    await page.locator("#password").fill("not the right one");
    await page.locator("#sign-in-submit").click();
    await page.locator(".error-line", { hasText: chinese.codes("problem_bad_credentials") }).waitFor();
    await page.locator("#password").fill(PASSWORD);
    await page.locator("#sign-in-submit").click();
    await page.waitForURL("**/t/acme/demo/production/apps");
  });

  step("deploys the sample, changes it, breaks it and sees it taken back", async (person) => {
    const { page, place } = person;
    await look(person, "zh-apps-empty");
    await page.locator("#deploy-sample").click();
    await page.waitForURL("**/apps/hello");
    await place.isHealthyWith(2);
    await look(person, "zh-app-running");

    await place.openTab("environment");
    await page.locator("#env-add").click();
    await page.locator(".row-pair input").first().fill("HELLO_FAIL_HEALTH");
    await page.locator(".row-pair input").nth(1).fill("1");
    await look(person, "zh-app-environment");
    await place.openTab("settings");
    await place.field("rollout.ready_deadline_s").fill("5");
    await place.field("readiness.check.path").fill("/nothing-here");
    // What was typed on the other tab is still a change, and goes into the same release.
    await page.locator(".diff th", { hasText: "HELLO_FAIL_HEALTH" }).waitFor();
    await look(person, "zh-app-settings");
    await page.locator("#deploy").click();
    await page.locator(".rollout").waitFor();
    await page.locator(".note", { hasText: apps("last_rollout_taken_back", { release: 2 }) }).waitFor();
    await place.isHealthyWith(2);
    await look(person, "zh-app-taken-back");
  });

  step("says everything in Chinese, on every page", async (person) => {
    const { page, place } = person;
    for (const [name, path] of [
      ["zh-overview", place.path],
      ["zh-apps", `${place.path}/apps`],
      ["zh-new-app", `${place.path}/apps/new`],
      ["zh-app-releases", `${place.path}/apps/hello?tab=releases`],
      ["zh-app-logs", `${place.path}/apps/hello?tab=logs`],
      ["zh-activity", "/t/acme/-/activity"],
      ["zh-audit", "/t/acme/-/audit"],
      ["zh-roles", "/t/acme/-/settings?tab=roles"],
      ["zh-platform-audit", "/audit"],
      ["zh-nodes", "/nodes"],
      ["zh-node", "/nodes/node-01"],
      ["zh-settings", "/t/acme/-/settings"],
      ["zh-account", "/account"],
      ["zh-sessions", "/account?tab=sessions"],
      ["zh-people-at-project", "/t/acme/demo/-/settings?tab=people"],
    ]) {
      await page.goto(path);
      await drawn(page);
      await look(person, name);
    }
  });

  step("stops, starts and deletes", async (person) => {
    const { page, place } = person;
    await place.goToApp("hello");
    await page.getByRole("button", { name: apps("more") }).click();
    await page.getByRole("menuitem", { name: apps("stop"), exact: true }).click();
    await place.confirm();
    await place.stateIs(common("state_stopped"));
    await page.locator("#start").click();
    await place.isHealthyWith(2);
    await page.getByRole("button", { name: apps("more") }).click();
    await page.getByRole("menuitem", { name: apps("delete") }).click();
    await page.locator("#confirm-name").fill("hello");
    await page.locator("#confirm-action").click();
    await page.waitForURL("**/apps");
    await page.locator("#deploy-sample").waitFor();
  });
});

const beginStranger = async () => {
  const person = await newPerson(browser, { url: platform.url, locale: "zh-CN", chose: false });
  person.place = new Place(person.page, english, { tenant: "acme", project: "demo", environment: "dev" });
  return person;
};

journey("with an account of another language than the browser's", beginStranger, strangersSteps({ email: EMAIL, password: PASSWORD }));

const beginTrail = () => newPerson(browser, { url: platform.url });
journey("of whoever answers for the audit trail", beginTrail, (step) =>
  trailSteps({ email: EMAIL, password: PASSWORD, berth: () => platform.berth })(step),
);
