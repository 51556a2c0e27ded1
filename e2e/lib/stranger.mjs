// What is not about one app: the way around by keyboard, the component kit, what is not there, and the door. For a person
// whose account speaks another language than the browser, after the main job was done.

import { drawn, look } from "./browser.mjs";

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

  step("is led to the door when the session has ended, and back", async ({ page, place, context }) => {
    await page.goto(`${place.path}/apps`);
    await drawn(page);
    await context.clearCookies();
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    await page.waitForURL("**/sign-in?to=**");
    await page.locator("#email").fill(email);
    await page.locator("#password").fill(password);
    await page.locator("#sign-in-submit").click();
    await page.waitForURL(`**${place.path}`);
  });
};
