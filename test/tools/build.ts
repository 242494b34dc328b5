/**
 * Builds the tools that tests use from their pinned Go modules: `node test/tools/build.ts`. Every folder here
 * with a go.mod has `tool` lines, for programs of others or for our own beside it; their binaries go to
 * `.cache/tools/`, and nothing is done where they are there already. Arguments choose folders. Needs `go` of the
 * version go.mod names, and the module proxy on a cold cache.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type ToolModule, toolModules } from "./find.ts";

const wanted = process.argv.slice(2);
for (const module of toolModules()) {
  const name = basename(module.folder);
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  if (module.tools.every(({ path }) => existsSync(path))) console.log(`${name}: built already`);
  else build(name, module);
}

/** All programs of a module by one `go build`: what they share is compiled once, and two links run at a time. */
function build(name: string, { folder, tools, linkerFlags }: ToolModule): void {
  const began = performance.now();
  const [first] = tools;
  if (first === undefined) throw new Error(`${folder} names no tool`);
  const unfinished = join(dirname(first.path), `.${name}-${process.pid}/`);
  mkdirSync(unfinished, { recursive: true });
  const flags = ["-mod=readonly", "-trimpath", "-ldflags", `-s -w ${linkerFlags}`.trim()];
  const options = ["build", ...flags, "-o", unfinished, ...tools.map((tool) => tool.package)];
  console.log(`${name}: go ${options.join(" ")}`);
  // The compiler is many short processes: collecting less often saves a fifth of the time of Kubernetes.
  const env = { GOGC: "400", ...process.env, CGO_ENABLED: "0", GOFLAGS: "" };
  const { status, error } = spawnSync("go", options, { cwd: folder, env, stdio: "inherit" });
  if (status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    console.error(`${name}: go build failed${error === undefined ? "" : `: ${error.message}`}`);
    process.exit(1);
  }
  for (const tool of tools) renameSync(join(unfinished, goName(tool.package)), tool.path);
  if (readdirSync(unfinished).length > 0) throw new Error(`${unfinished} holds more than the tools`);
  rmSync(unfinished, { recursive: true });
  const seconds = Math.round((performance.now() - began) / 1_000);
  for (const tool of tools) console.log(`${name}: built in ${seconds}s, ${tool.path}`);
}

/** What `go build` calls a program: the last part of its package's path that is no major version. */
function goName(path: string): string {
  return path.split("/").findLast((part) => !/^v\d+$/u.test(part)) ?? path;
}
