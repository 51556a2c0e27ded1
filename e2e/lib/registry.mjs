// A private image registry on loopback: CNCF distribution, which shows nothing to anybody without the right password.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { busyboxImage, sha256 } from "./archive.mjs";
import { freePort } from "./stack.mjs";
import { until } from "./until.mjs";

export const USER = "crane";
export const PASSWORD = "hidden-harbour-4711";
/** bcrypt of the password, which is what the registry's file of accounts wants. */
const PASSWORD_HASH = "$2b$05$BerthBerthBerthBerthBe2BcRzBU0GdcGPBWO8BmtUARuTyg5qW.";
const PROGRAMS = ["/usr/bin/docker-registry", "/usr/bin/registry"];
const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const authorization = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;

/** Starts it with one image, `busybox:1`, and returns its host and port. */
export async function startRegistry() {
  const program = PROGRAMS.find(existsSync);
  if (!program) throw new Error("no registry is installed (Debian: apt-get install docker-registry)");
  const home = mkdtempSync(join(tmpdir(), "berth-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  writeFileSync(join(home, "accounts"), `${USER}:${PASSWORD_HASH}\n`);
  writeFileSync(
    join(home, "config.yml"),
    JSON.stringify({
      version: "0.1",
      log: { level: "error", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(home, "images") } },
      http: { addr: host },
      auth: { htpasswd: { realm: "a test", path: join(home, "accounts") } },
    }),
  );
  const child = spawn(program, ["serve", join(home, "config.yml")], { stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => said.push(String(bytes)));
  process.once("exit", () => child.kill("SIGTERM"));
  let ended = false;
  child.once("exit", () => (ended = true));
  const url = `http://${host}`;
  await until("the registry answers", async () => {
    if (ended) throw new Error(`the registry ended: ${said.join("")}`);
    return (await fetch(`${url}/v2/`).catch(() => null))?.status === 401;
  });
  await push(url, "busybox", "1");
  return {
    host,
    image: `${host}/busybox:1`,
    async remove() {
      child.kill("SIGTERM");
      await until("the registry ends", () => ended);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function push(url, name, tag) {
  const { layer, config } = busyboxImage();
  const packed = gzipSync(layer);
  const describe = async (mediaType, bytes) => ({ mediaType, size: bytes.length, digest: await upload(url, name, bytes) });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: await describe("application/vnd.docker.container.image.v1+json", config),
    layers: [await describe("application/vnd.docker.image.rootfs.diff.tar.gzip", packed)],
  });
  await send(`${url}/v2/${name}/manifests/${tag}`, { method: "PUT", headers: { "content-type": MANIFEST }, body: manifest });
}

async function upload(url, name, bytes) {
  const digest = `sha256:${sha256(bytes)}`;
  const begun = await send(`${url}/v2/${name}/blobs/uploads/`, { method: "POST" });
  const place = new URL(begun.headers.get("location"), url);
  place.searchParams.set("digest", digest);
  await send(place, { method: "PUT", headers: { "content-type": "application/octet-stream" }, body: bytes });
  return digest;
}

async function send(url, { headers = {}, ...rest }) {
  const answer = await fetch(url, { ...rest, headers: { ...headers, authorization } });
  if (!answer.ok) throw new Error(`${rest.method} ${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}
