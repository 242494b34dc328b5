/**
 * Builds the tools that tests use from their pinned Go modules: `node test/tools/build.ts`. Every folder here
 * with a go.mod has one `tool` line, for a program of others or for our own beside it; its binary goes to
 * `.cache/tools/`, and nothing is done where it is there already. Needs `go` of the version go.mod names, and the module
 * proxy on a cold cache.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { findTool, TOOLS, toolPath } from "./find.ts";

for (const name of readdirSync(TOOLS)) {
  const folder = join(TOOLS, name);
  if (!existsSync(join(folder, "go.mod"))) continue;
  const built = findTool(name);
  if (built !== undefined) {
    console.log(`${name}: already built, ${built}`);
    continue;
  }
  const path = toolPath(name);
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = join(dirname(path), `.${name}-${process.pid}`);
  const options = ["build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", unfinished, "tool"];
  console.log(`${name}: go ${options.join(" ")} (two minutes where Go's own caches are cold)`);
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" };
  const { status, error } = spawnSync("go", options, { cwd: folder, env, stdio: "inherit" });
  if (status !== 0) {
    console.error(`${name}: go build failed${error === undefined ? "" : `: ${error.message}`}`);
    process.exit(1);
  }
  renameSync(unfinished, path);
  console.log(`${name}: built, ${path}`);
}
