// Bundles each part into one file whose name carries the hash of its content, and writes `parts.json`:
// what the page needs to find them. Usage: node build.mjs OUT_DIR
import { build } from "esbuild";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const outdir = process.argv[2];
if (!outdir) {
  console.error("usage: node build.mjs OUT_DIR");
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
await mkdir(outdir, { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: { terminal: "src/terminal.ts" },
  entryNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  legalComments: "none",
  loader: { ".css": "text" },
  metafile: true,
  outdir,
  logLevel: "warning",
});

const parts = {};
for (const [path, output] of Object.entries(result.metafile.outputs)) {
  if (output.entryPoint) parts[basename(output.entryPoint, ".ts")] = basename(path);
}
await writeFile(join(outdir, "parts.json"), JSON.stringify(parts, null, 2) + "\n");
console.log(JSON.stringify(parts));
