// Waiting for a condition, with a deadline.

/** Between two looks, in milliseconds. */
const LOOK_EVERY_MS = 100;

/** Waits until `condition` is true. Errors of the condition end the wait. */
export async function until(what, condition, deadlineMs = 30_000) {
  const begun = Date.now();
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() - begun > deadlineMs) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await new Promise((next) => setTimeout(next, LOOK_EVERY_MS));
  }
}
