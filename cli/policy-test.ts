import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type DocumentProblem, formatProblem } from "../router/core/base/problem.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { parseGovernanceCases, runGovernanceCase } from "../router/core/governance/governance-cases.ts";
import { governancePolicy } from "../router/core/governance/parse-governance-policy.ts";
import { parseCases, runCase } from "../router/core/policy/cases.ts";
import { BARE_NETWORK } from "../router/core/policy/network.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { kindOfFile, readGovernancePolicy, readPolicy, readSource } from "./policy-file.ts";

/** Of a case of either kind. */
interface CaseResult {
  readonly case: {
    readonly name: string;
    readonly line: number;
    readonly expect: string;
    readonly reason: string | undefined;
    readonly rule: string | undefined;
  };
  readonly got: { readonly effect: string; readonly reason: string | undefined; readonly rule: string | undefined };
  readonly passed: boolean;
}

interface FileResult {
  readonly file: string;
  readonly results: readonly CaseResult[];
}

const SUFFIX = ".cases.yaml";

/**
 * `sluice policy test PATH... [--json]`: runs every case of every `X.cases.yaml` against the policy `X.yaml` beside
 * it. 0: all hold. 1: one does not. 2: something cannot be read, or there is no case at all.
 */
export async function policyTest(argv: readonly string[], io: CliIo): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options: { json: { type: "boolean" } }, allowPositionals: true });
  } catch (error) {
    io.stderr(`sluice policy test: ${error instanceof Error ? error.message : "the arguments cannot be read"}\n`);
    return EXIT.usage;
  }
  const files: FileResult[] = [];
  const problems: DocumentProblem[] = [];
  for (const path of await caseFilesOf(parsed.positionals, io.cwd)) {
    const result = await runFile(io.cwd, path);
    if (result.ok) files.push({ file: path, results: result.value });
    else problems.push(...result.problem);
  }
  const failed = files.some(({ results }) => results.some(({ passed }) => !passed));
  const exit = problems.length > 0 || files.length === 0 ? EXIT.usage : failed ? EXIT.no : EXIT.yes;
  for (const problem of problems) io.stderr(`${formatProblem(problem)}\n`);
  if (files.length === 0 && problems.length === 0)
    io.stderr("sluice policy test: name a *.cases.yaml, or a directory that holds one\n");
  io.stdout(parsed.values.json === true ? `${JSON.stringify({ exit, files: files.map(reportOf) })}\n` : textOf(files));
  return exit;
}

/** A directory stands for all case files below it; names that begin with a dot (the kubelet's links) are left out. */
async function caseFilesOf(paths: readonly string[], cwd: string): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const entry = await stat(resolve(cwd, path)).catch(() => undefined);
    if (entry?.isDirectory() === true) {
      const names = await readdir(resolve(cwd, path), { recursive: true });
      const cases = names.filter((name) => name.endsWith(SUFFIX) && !/(?:^|\/)\./.test(name));
      files.push(...cases.toSorted().map((name) => join(path, name)));
    } else {
      files.push(path.endsWith(SUFFIX) ? path : path.replace(/(?:\.yaml)?$/, SUFFIX));
    }
  }
  return [...new Set(files)];
}

async function runFile(cwd: string, path: string): Promise<Result<readonly CaseResult[], readonly DocumentProblem[]>> {
  const source = await readSource(cwd, path);
  if (!source.ok) return source;
  const beside = `${path.slice(0, -SUFFIX.length)}.yaml`;
  const kind = await kindOfFile(cwd, beside);
  if (kind.ok && kind.value === governancePolicy.kind) {
    const cases = parseGovernanceCases(path, source.value.text);
    const policy = await readGovernancePolicy(cwd, beside);
    if (!cases.ok || !policy.ok) return fail(problemsOf(cases, policy));
    return ok(cases.value.map((one) => runGovernanceCase(policy.value.policy, one)));
  }
  const cases = parseCases(path, source.value.text);
  const policy = await readPolicy(cwd, beside);
  if (!cases.ok || !policy.ok) return fail(problemsOf(cases, policy));
  return ok(cases.value.map((one) => runCase(policy.value.policy, BARE_NETWORK, one)));
}

function problemsOf(...results: readonly Result<unknown, readonly DocumentProblem[]>[]): readonly DocumentProblem[] {
  return results.flatMap((result) => (result.ok ? [] : result.problem));
}

function reportOf({ file, results }: FileResult): object {
  return {
    file,
    cases: results.map(({ case: one, got, passed }) => ({
      name: one.name,
      line: one.line,
      passed,
      expected: { effect: one.expect, reason: one.reason ?? null, rule: one.rule ?? null },
      got: { effect: got.effect, reason: got.reason ?? null, rule: got.rule ?? null },
    })),
  };
}

function textOf(files: readonly FileResult[]): string {
  const lines: string[] = [];
  let passes = 0;
  let failures = 0;
  for (const { file, results } of files) {
    lines.push(file);
    for (const { case: one, got, passed } of results) {
      lines.push(`  ${passed ? "ok    " : "FAILED"}  ${one.name}`);
      if (passed) passes += 1;
      else {
        failures += 1;
        lines.push(`          line ${one.line}: expected ${says({ ...one, effect: one.expect })}, got ${says(got)}`);
      }
    }
  }
  lines.push(`${passes} passed, ${failures} failed`);
  return `${lines.join("\n")}\n`;
}

function says(verdict: {
  readonly effect: string;
  readonly reason: string | undefined;
  readonly rule: string | undefined;
}): string {
  return [verdict.effect, verdict.reason, verdict.rule === undefined ? undefined : `by ${verdict.rule}`]
    .filter((part) => part !== undefined)
    .join(" ");
}
