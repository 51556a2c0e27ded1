// A docker-archive with busybox in it, as `docker save` writes one: an image with a shell, made of what the machine has.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";

const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"];
const APPLETS = ["sh", "ls", "cat", "echo", "httpd", "stty", "sleep", "ps", "env"];

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** One entry of a tar file: header, content, padding. */
function entry(name, { content = Buffer.alloc(0), mode = 0o644, type = "0", link = "" }) {
  const header = Buffer.alloc(512);
  const put = (text, at) => header.write(text, at, "latin1");
  const octal = (value, digits) => value.toString(8).padStart(digits, "0") + "\0";
  put(name, 0);
  put(octal(mode, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(content.length, 11), 124);
  put(octal(0, 11), 136);
  put("        ", 148);
  put(type, 156);
  put(link, 157);
  put("ustar\x0000", 257);
  put(octal(header.reduce((sum, byte) => sum + byte, 0), 6), 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const tar = (entries) => Buffer.concat([...entries, Buffer.alloc(1024)]);

/** An image's layer, as a tar file, and its configuration. It serves a page on port 8080 and has a shell. */
export function busyboxImage() {
  const path = BUSYBOX.find(existsSync);
  if (!path) throw new Error("busybox is not installed (Debian: apt-get install busybox-static)");
  const layer = tar([
    entry("bin/", { type: "5", mode: 0o755 }),
    entry("bin/busybox", { content: readFileSync(path), mode: 0o755 }),
    ...APPLETS.map((applet) => entry(`bin/${applet}`, { type: "2", link: "busybox", mode: 0o777 })),
    entry("www/", { type: "5", mode: 0o755 }),
    entry("www/index.html", { content: Buffer.from("<h1>busybox</h1>\n") }),
    entry("greeting", { content: Buffer.from("你好，泊位\n") }),
    entry("tmp/", { type: "5", mode: 0o1777 }),
  ]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: {
        Env: ["PATH=/bin"],
        Entrypoint: ["/bin/httpd", "-f", "-v", "-p", "8080", "-h", "/www"],
        ExposedPorts: { "8080/tcp": {} },
        WorkingDir: "/",
      },
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
      history: [{ created_by: "made for a test" }],
    }),
  );
  return { layer, config };
}

/** The image as an archive. */
export function busyboxArchive(reference) {
  const { layer, config } = busyboxImage();
  const manifest = Buffer.from(
    JSON.stringify([{ Config: `${sha256(config)}.json`, RepoTags: [reference], Layers: ["layer.tar"] }]),
  );
  return tar([
    entry(`${sha256(config)}.json`, { content: config }),
    entry("layer.tar", { content: layer }),
    entry("manifest.json", { content: manifest }),
  ]);
}
