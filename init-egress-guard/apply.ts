import { type Backend, command, complaint } from "./backend.ts";
import { compare } from "./compare.ts";
import { renderClosed, renderInstall, renderRemove } from "./render.ts";
import type { RuleSet } from "./rule-set.ts";
import { parseSaved, type SavedTable } from "./saved-rules.ts";
import type { Family } from "./settings.ts";
import type { RunTool } from "./tool.ts";

export interface ApplyProblem {
  readonly family: Family;
  readonly message: string;
}

/**
 * Installs each family's rules, filter table first, each table in one transaction. A family that fails does not
 * keep the others from being installed. Where its filter table could not be brought to the plan, the family is
 * closed altogether; where that fails too (no privilege, no tool) nothing can, and the caller must not go on.
 */
export async function apply(
  run: RunTool,
  backend: Backend,
  ruleSets: readonly RuleSet[],
): Promise<readonly ApplyProblem[]> {
  const problems: ApplyProblem[] = [];
  for (const ruleSet of ruleSets) {
    const message = await applyFamily(run, backend, ruleSet);
    if (message !== undefined) problems.push({ family: ruleSet.family, message });
  }
  return problems;
}

/** Takes out what is ours in each family, and says what went wrong. */
export async function remove(
  run: RunTool,
  backend: Backend,
  families: readonly Family[],
): Promise<readonly ApplyProblem[]> {
  const problems: ApplyProblem[] = [];
  for (const family of families) {
    const saved = await readRules(run, backend, family);
    const text = typeof saved === "string" ? "" : renderRemove(saved);
    const message = typeof saved === "string" ? saved : await restore(run, backend, family, text);
    if (message !== undefined) problems.push({ family, message });
  }
  return problems;
}

/** The kernel's rules of one family, or why they could not be read. */
export async function readRules(
  run: RunTool,
  backend: Backend,
  family: Family,
): Promise<readonly SavedTable[] | string> {
  const program = command(backend, family, "save");
  const saved = await run(program, [], "");
  if (saved.status === "missing") return `${program} is not here`;
  if (saved.code !== 0) return `${program}: ${complaint(saved.stderr)}`;
  return parseSaved(saved.stdout);
}

async function applyFamily(run: RunTool, backend: Backend, ruleSet: RuleSet): Promise<string | undefined> {
  const { family } = ruleSet;
  const before = await readRules(run, backend, family);
  const failed =
    typeof before === "string" ? before : await restore(run, backend, family, renderInstall(ruleSet, before));
  if (failed === undefined) return undefined;
  const after = await readRules(run, backend, family);
  const filter = { family, tables: ruleSet.tables.filter(({ table }) => table === "filter") };
  if (
    typeof after !== "string" &&
    compare(
      filter,
      after.filter(({ table }) => table === "filter"),
    ).length === 0
  ) {
    return `${failed}; the filter table stands, so ${family} is closed`;
  }
  const open = await restore(run, backend, family, renderClosed());
  return open === undefined ? `${failed}; ${family} is closed to everybody` : `${failed}; ${family} IS OPEN: ${open}`;
}

async function restore(run: RunTool, backend: Backend, family: Family, text: string): Promise<string | undefined> {
  if (text === "") return undefined;
  const program = command(backend, family, "restore");
  // Legacy tables have one lock for the machine; nft ignores the waiting time.
  const outcome = await run(program, ["--noflush", "--wait", "10"], text);
  if (outcome.status === "missing") return `${program} is not here`;
  return outcome.code === 0 ? undefined : `${program}: ${complaint(outcome.stderr)}`;
}
