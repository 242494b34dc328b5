import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TOOLS = import.meta.dirname;
const CACHE = join(TOOLS, "../../.cache/tools");

/** A Go module here that names programs by `tool` lines. */
export interface ToolModule {
  readonly folder: string;
  readonly tools: readonly Tool[];
  /** Further arguments of Go's linker: the words of a file `ldflags` in the folder. */
  readonly linkerFlags: string;
}

export interface Tool {
  /** By the comment behind its `tool` line, else by the last part of its package's path. */
  readonly name: string;
  readonly package: string;
  /** Where it lies when it is built: other sources, other path. */
  readonly path: string;
}

/** Every module here, by its folder's name. */
export function toolModules(): readonly ToolModule[] {
  return readdirSync(TOOLS)
    .map((name) => join(TOOLS, name))
    .filter((folder) => existsSync(join(folder, "go.mod")))
    .toSorted()
    .map(readModule);
}

/** The path of a tool that `test/tools/build.ts` has built from the present sources, or undefined. */
export function findTool(name: string): string | undefined {
  const tool = toolModules()
    .flatMap(({ tools }) => tools)
    .find((candidate) => candidate.name === name);
  return tool !== undefined && existsSync(tool.path) ? tool.path : undefined;
}

function readModule(folder: string): ToolModule {
  const flags = join(folder, "ldflags");
  const goMod = readFileSync(join(folder, "go.mod"), "utf8");
  const hash = createHash("sha256").update(readFileSync(join(folder, "go.sum")));
  const files = readdirSync(folder).filter((file) => file.endsWith(".go") || file === "ldflags" || file === "go.mod");
  for (const file of files.toSorted()) hash.update(`\0${file}\0`).update(readFileSync(join(folder, file)));
  const sources = hash.digest("hex").slice(0, 16);
  return {
    folder,
    tools: toolLines(goMod).map(({ name, package: path }) => ({
      name,
      package: path,
      path: join(CACHE, `${name}-${sources}`),
    })),
    linkerFlags: existsSync(flags) ? readFileSync(flags, "utf8").trim().split(/\s+/u).join(" ") : "",
  };
}

/** `tool path`, or `tool (` with a path a line; `// name` behind a path says what to call it. */
function toolLines(goMod: string): readonly { readonly name: string; readonly package: string }[] {
  const block = /^tool \(\n([^)]*)\)/mu.exec(goMod)?.[1] ?? "";
  const single = [...goMod.matchAll(/^tool ([^(\n].*)$/gmu)].map(([, line]) => line ?? "");
  return [...block.split("\n"), ...single]
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const [path = "", name = path.slice(path.lastIndexOf("/") + 1)] = line.split(/\s*\/\/\s*/u);
      return { name, package: path };
    });
}
