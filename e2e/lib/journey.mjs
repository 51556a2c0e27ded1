// A journey: steps of one person, each standing on the ones before. After a failure the rest fails at once and
// says so, as it would only wait for the same thing; a picture of the page is kept.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { keepPicture } from "./browser.mjs";

/** Steps of a person. `begin` makes the person; `steps` is called with a function that adds a step. */
export function journey(name, begin, steps) {
  describe(name, () => {
    let person;
    let broken = false;
    before(async () => {
      person = await begin();
    });
    after(() => person?.context.close());

    steps((title, act) =>
      it(title, async () => {
        assert.ok(!broken, "an earlier step failed");
        try {
          await act(person);
        } catch (error) {
          broken = true;
          await keepPicture(person.page, `failed ${name} ${title}`).catch(() => {});
          throw error;
        }
      }),
    );

    it("saw no page that throws or logs an error", () => assert.deepEqual(person.faults, []));
    it("saw no page that hinders anybody", () => {
      const found = [...person.barriers].map(([what, where]) => `${what}\n      on ${where.join(", ")}`);
      assert.equal(found.length, 0, `\n  ${found.join("\n  ")}`);
    });
  });
}
