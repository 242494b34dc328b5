/**
 * Puts the built program into a root: `node packaging/app-root.ts SOURCE ROOT`, where SOURCE holds dist/ and a node_modules/ of
 * production packages. Left out is what no program loads: declarations, source maps, manuals, tests and examples; licences stay.
 */
import { chmodSync, cpSync, mkdirSync, readdirSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";

const [source = "", root = ""] = process.argv.slice(2);
const PLACE = "/usr/lib/sluice";
const place = join(root, PLACE);

const IDLE_FILES = /\.(?:d\.[cm]?ts|ts|map|tsbuildinfo|md|markdown|flow|html|ya?ml)$|^\.(?!$)|^package-lock\.json$/u;
const IDLE_DIRECTORIES = new Set([
  "test",
  "tests",
  "__tests__",
  "example",
  "examples",
  "bench",
  "benchmark",
  "benchmarks",
  "docs",
  "man",
]);
const LICENCE = /^(?:licen[cs]e|notice|copying|patents)/iu;

for (const name of ["dist", "node_modules"]) {
  cpSync(join(source, name), join(place, name), {
    recursive: true,
    filter: (from) => isLoaded(relative(source, from)),
  });
}
for (const name of ["package.json", "LICENSE"]) cpSync(join(source, name), join(place, name));
for (const name of ["policies/schema", "seccomp"]) {
  cpSync(join(source, name), join(place, name), { recursive: true, filter: (from) => isData(from) });
}
settle(place);
// For `kubectl exec ... -- sluice status`: a script's first line has room for one option.
mkdirSync(join(root, "usr/bin"), { recursive: true });
const start = `#!/usr/bin/node --max-old-space-size=256\nimport("${PLACE}/dist/cli/sluice.js");\n`;
writeFileSync(join(root, "usr/bin/sluice"), start, { mode: 0o755 });

/**
 * To be read by everybody, run by nobody, written by none but root: whatever mask the sources were checked out with. What npm takes
 * out leaves the directory of its scope behind: that goes too.
 */
function settle(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) settle(path);
    else chmodSync(path, 0o644);
  }
  if (readdirSync(directory).length === 0) rmdirSync(directory);
}

function isData(from: string): boolean {
  return statSync(from).isDirectory() || from.endsWith(".json");
}

function isLoaded(path: string): boolean {
  const name = basename(path);
  if (LICENCE.test(name)) return true;
  if (IDLE_FILES.test(name)) return false;
  // A package's own first directories only: deeper ones may be code.
  const inPackage = path.slice(path.lastIndexOf(`node_modules${sep}`) + "node_modules/".length).split(sep);
  const depth = inPackage[0]?.startsWith("@") === true ? 3 : 2;
  return !(path.startsWith("node_modules") && inPackage.length === depth && IDLE_DIRECTORIES.has(name));
}
