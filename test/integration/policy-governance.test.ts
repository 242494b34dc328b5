import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { behaviorReplay } from "../../cli/behavior.ts";
import { policyCheck } from "../../cli/policy-check.ts";
import { policyDiff } from "../../cli/policy-diff.ts";
import { policyExplain } from "../../cli/policy-explain.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { auditRecord } from "../fakes/audit-records.ts";
import { governancePolicy, type Sidecar, startSidecar } from "../fakes/sidecar.ts";

/** The verbs over what the real process has read and written: its signed policies, its answers, its audit log. */
const GIT =
  "  - { id: git, effect: allow, actions: [exec], when: { program: { in: [/usr/bin/git] } }, obligations: { log: full } }";
const NO_PUSH = "  - { id: no-push, effect: deny, actions: [exec], when: { argv: { some: { in: [push] } } } }";
const NOTES =
  "  - { id: notes, effect: allow, actions: [tool], when: { server: { in: [function] }, tool: { in: [add_note, list_notes] } } }";
const NO_KEYS =
  '  - { id: no-keys, effect: deny, actions: [tool], when: { server: { in: [function] } }, unless: { arguments: [{ at: /text, pattern: ["^[a-z ]*$"] }] } }';
const DETECTORS = "behavior: [{ id: refused, detector: denials, count: 3 }]";
const old = ["rules:", GIT, NO_PUSH, NOTES, DETECTORS];

let sidecar: Sidecar;
let next: string;

before(async () => {
  sidecar = await startSidecar({ allow: [], governance: old, settings: ["limits: { drain: 200ms }"] });
  next = mkdtempSync(join(tmpdir(), "sluice-diff-next-"));
  mkdirSync(join(next, "policy"));
});
after(async () => {
  await sidecar[Symbol.asyncDispose]();
  rmSync(next, { recursive: true });
});

async function say(verb: typeof policyDiff, ...argv: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: next,
    now: () => epochMillis(Date.now()),
  };
  const exit = await verb(argv, io);
  return { exit, stdout, stderr };
}

/** Waits until it is on record. */
async function evaluate(action: unknown): Promise<Record<string, unknown>> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ action }) };
  const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}/governance/v1/evaluate`, init);
  const answer = (await response.json()) as Record<string, unknown>;
  await auditRecord(sidecar.auditDirectory, ({ request }) => request === answer["id"]);
  return answer;
}

const git = (...argv: readonly string[]): unknown => ({ kind: "exec", program: "/usr/bin/git", argv });
const tool = (name: string, value: unknown): unknown => ({
  kind: "tool",
  server: "function",
  tool: name,
  arguments: value,
});

test("what explain says is what the sidecar does", async () => {
  const asked: readonly (readonly [action: unknown, words: readonly string[]])[] = [
    [git("status"), ["exec", "/usr/bin/git", "status"]],
    [git("push"), ["exec", "/usr/bin/git", "push"]],
    [{ kind: "exec", program: "/usr/bin/git" }, ['{"kind":"exec","program":"/usr/bin/git"}']],
    [tool("add_note", { text: "x" }), ["tool", "function/add_note", '{"text":"x"}']],
    [tool("run", {}), ["tool", "function/run", "{}"]],
    [{ kind: "admin", operation: "stop" }, ["admin", "stop"]],
  ];
  for (const [action, words] of asked) {
    const { decision, rule } = await evaluate(action);
    const { stdout } = await say(policyExplain, "--policy", sidecar.policyDirectory, "--json", ...words);
    const explained = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([explained["effect"], explained["rule"]], [decision, rule], words.join(" "));
  }
});

test("check verifies its signature as the sidecar does", async () => {
  const trust = join(sidecar.directory, "trust");
  const said = await say(policyCheck, sidecar.policyDirectory, "--trust", trust);
  assert.match(said.stdout, /GovernancePolicy test-governance version 1: good, (?:signed by|may be unsigned)/);
  assert.equal(said.exit, 0, said.stdout);
});

test("diff over the sidecar's own log: what changes, what does not, and what cannot be known", async () => {
  await evaluate(tool("add_note", { text: "KEY" }));
  await evaluate(tool("list_notes", {}));
  const before_ = join(sidecar.policyDirectory, "governance.yaml");
  const after_ = join(next, "policy", "governance.yaml");

  writeFileSync(after_, governancePolicy(2, old));
  const same = await say(policyDiff, before_, after_, "--audit", sidecar.auditDirectory);
  assert.equal(same.exit, 0, same.stdout);

  writeFileSync(after_, governancePolicy(2, ["rules:", NO_PUSH, NOTES, NO_KEYS]));
  const said = await say(policyDiff, before_, after_, "--audit", sidecar.auditDirectory);
  // Nothing allows git any more. No arguments are known by their digest; others might hold what the new rule lets pass.
  assert.match(said.stdout, /CHANGES .* exec \/usr\/bin\/git: allow \(rule git\) -> deny \(governance_denied\)/);
  assert.match(
    said.stdout,
    /CHANGES .* tool function\/list_notes: allow \(rule notes\) -> deny \(governance_denied, rule no-keys\)/,
  );
  assert.match(said.stdout, /UNKNOWN +2 {2}tool function\/add_note: allow \(rule notes\) -> depends/);
  assert.deepEqual([said.exit, said.stderr], [1, ""]);
});

test("replay over the sidecar's own log finds what a detector would have found", async () => {
  for (const target of ["one", "two", "three"]) await evaluate({ kind: "admin", operation: target });
  const said = await say(behaviorReplay, "--policy", sidecar.policyDirectory, "--audit", sidecar.auditDirectory);
  assert.match(said.stdout, / {2}refused \(denials\): 3, at admin /);
  assert.equal(said.exit, 1, said.stderr);
});
