// The platform as a user starts it: `berth up` with a home, ports and, where no engine answers, a Docker Engine of its own.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./until.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
/** The first start makes a database and may start an engine. */
const START_MAX_MS = 180_000;
const STOP_MAX_MS = 90_000;

/** Where the binaries lie: what `cargo xtask up --build-only` filled. */
function installation() {
  const dir = process.env.BERTH_INSTALLATION ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "berth");
  if (!existsSync(join(dir, "berth"))) {
    throw new Error(`${dir} holds no installation; build one with: cargo xtask up --build-only`);
  }
  return dir;
}

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Starts the platform and waits until it answers. */
export async function startPlatform() {
  const home = mkdtempSync(join(tmpdir(), "berth-e2e-"));
  const berth = join(installation(), "berth");
  const [port, agentPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const arguments_ = ["up", "--home", home, "--listen", `127.0.0.1:${port}`, "--agent-listen", `127.0.0.1:${agentPort}`, "--node-name", "node-01"];
  const child = spawn(berth, arguments_, { stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => said.push(String(bytes)));
  // Whatever ends this process must not leave a platform behind.
  process.once("exit", () => child.kill("SIGTERM"));
  let ended = null;
  child.once("exit", (code, signal) => (ended = signal ?? code));

  const platform = {
    url,
    home,
    berth,
    said: () => said.join(""),
    log: (name) => readFile(join(home, "log", `${name}.log`), "utf8").catch(() => ""),
    setupToken: async () => (await readFile(join(home, "server", "setup-token"), "utf8")).trim(),
    async stop() {
      if (ended === null) {
        child.kill("SIGTERM");
        await until("the platform stops", () => ended !== null, STOP_MAX_MS);
      }
    },
    /** Removes apps, platform and engine. Leaves nothing behind. */
    async remove() {
      await platform.stop();
      const down = spawnSync(berth, ["down", "--home", home, "--yes"], { encoding: "utf8", timeout: STOP_MAX_MS });
      if (down.status !== 0) throw new Error(`berth down: ${down.stdout}${down.stderr}`);
      rmSync(home, { recursive: true, force: true });
    },
  };
  try {
    await until(
      "the server is ready",
      async () => {
        if (ended !== null) throw new Error(`berth up ended with ${ended}:\n${platform.said()}`);
        return (await fetch(`${url}/readyz`).catch(() => null))?.ok;
      },
      START_MAX_MS,
    );
  } catch (error) {
    await platform.remove().catch(() => {});
    throw error;
  }
  return platform;
}
