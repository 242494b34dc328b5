/**
 * Makes a Python environment with the official SDKs that tests use as clients: `node test/tools/python-sdks.ts`. It goes
 * to `.cache/python-sdks/`, from the versions pinned in `test/tools/python-sdks/requirements.txt`, and nothing is done
 * where it is there already. Needs `python3` (3.10 or later) with `venv`, and pip's package index.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

const REQUIREMENTS = join(import.meta.dirname, "python-sdks/requirements.txt");
const CACHE = join(import.meta.dirname, "../../.cache/python-sdks");

/** Where the environment of the present pins lies: other pins, other path. */
function environmentPath(): string {
  return join(CACHE, createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex").slice(0, 16));
}

/** The `python` that has the SDKs; undefined where nobody has made it. */
export function findPythonSdks(): string | undefined {
  const python = join(environmentPath(), "bin/python");
  return existsSync(python) ? python : undefined;
}

function make(): void {
  const path = environmentPath();
  const unfinished = `${path}-${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  run("python3", ["-m", "venv", unfinished]);
  // Its scripts name the directory that they were made in, its `python` does not: only that one is used.
  const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "-r", REQUIREMENTS];
  run(join(unfinished, "bin/python"), install);
  run(join(unfinished, "bin/python"), ["-m", "pip", "check"]);
  rmSync(path, { recursive: true, force: true });
  renameSync(unfinished, path);
  console.log(`python-sdks: made, ${path}`);

  function run(program: string, args: readonly string[]): void {
    const { status, error } = spawnSync(program, args, { stdio: "inherit" });
    if (status === 0) return;
    rmSync(unfinished, { recursive: true, force: true });
    console.error(`python-sdks: ${program} ${args.join(" ")} failed${error === undefined ? "" : `: ${error.message}`}`);
    process.exit(1);
  }
}

if (import.meta.main) {
  const found = findPythonSdks();
  if (found === undefined) make();
  else console.log(`python-sdks: there already, ${found}`);
}
