import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis, portOf } from "../../../../router/core/base/quantity.ts";
import {
  compileGovernancePolicy,
  NO_GOVERNANCE,
} from "../../../../router/core/governance/compile-governance-policy.ts";
import type { Condition, GovernancePolicyDocument } from "../../../../router/core/governance/governance-policy.ts";
import { parseAuthority } from "../../../../router/core/wire/authority.ts";
import { DIGEST, governance, governanceDocument } from "./engine-fixture.ts";

const authority = (text: string) => {
  const parsed = parseAuthority(text, portOf(443));
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
};

test("the snapshot says who it is, and until when it holds", () => {
  const policy = compileGovernancePolicy(governanceDocument([]), DIGEST, millis(60_000));
  assert.equal(policy.state, "loaded");
  assert.deepEqual(policy.identity, { name: "research", version: 7, digest: DIGEST });
  assert.equal(policy.expiresAt, Date.UTC(2027, 0, 20));
  assert.equal(policy.deniesFrom, policy.expiresAt + 60_000);
  assert.deepEqual(NO_GOVERNANCE, { state: "missing", identity: undefined });
});

test("INV-GOV-OBSERVE: observing ends with the policy's life at the latest, and not with its grace", () => {
  const document = { ...governanceDocument([]), mode: "observe" as const };
  const until = (observeUntil: number): number | undefined =>
    compileGovernancePolicy({ ...document, observeUntil: epochMillis(observeUntil) }, DIGEST, millis(60_000))
      .observesUntil;
  assert.equal(until(document.expiresAt - 1), document.expiresAt - 1);
  assert.equal(until(document.expiresAt + 30_000), document.expiresAt);
  assert.equal(
    compileGovernancePolicy({ ...document, observeUntil: undefined }, DIGEST, millis(0)).observesUntil,
    undefined,
  );
});

test("servers and peers are found by their names, and peers by where they are spoken to", () => {
  const policy = governance([]);
  assert.equal(policy.mcpServer("github")?.endpoint.path, "/mcp");
  assert.equal(policy.mcpServer("constructor"), undefined);
  assert.equal(policy.peer("billing")?.id, "billing");
  assert.equal(policy.peerAt(authority("BILLING.example.:443"))?.id, "billing");
  assert.equal(policy.peerAt(authority("billing.example:444")), undefined);
  assert.equal(policy.peerAt(authority("x.billing.example:443")), undefined);
});

test("INV-GOV-GRAPH: a graph counts only in a policy whose signature was verified", () => {
  const document = governanceDocument([]);
  assert.equal(document.trust.graph.length, 1);
  assert.equal(compileGovernancePolicy(document, DIGEST, millis(0), { signed: true }).trust.graph.length, 1);
  assert.deepEqual(compileGovernancePolicy(document, DIGEST, millis(0), { signed: false }).trust.graph, []);
  assert.deepEqual(compileGovernancePolicy(document, DIGEST, millis(0)).trust.graph, []);
  assert.equal(compileGovernancePolicy(document, DIGEST, millis(0)).trust.peers.length, 1);
});

test("limits are sorted by the kinds they are about", () => {
  const more =
    "limits: [{ id: all, concurrent: 9, per: all }, { id: tools, actions: [tool], concurrent: 9, per: tool }]";
  const policy = governance([], more);
  const ids = (kind: "exec" | "tool"): readonly string[] => policy.limitsOf(kind).map(({ id }) => id);
  assert.deepEqual([ids("exec"), ids("tool")], [["all"], ["all", "tools"]]);
});

/** Everything reachable by property, but not what closures and `#members` hold. */
function unfrozen(value: unknown, path = ""): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = Object.isFrozen(value) ? [] : [path];
  return [...own, ...Object.entries(value).flatMap(([key, held]) => unfrozen(held, `${path}.${key}`))];
}

test("everything reachable is frozen, and the document is not shared", () => {
  const document = governanceDocument(["id: a, effect: allow, actions: [exec], when: { program: { in: [/bin/ls] } }"]);
  const policy = compileGovernancePolicy(document, DIGEST, millis(0), { signed: true });
  assert.deepEqual(unfrozen(policy), []);
  assert.notEqual(policy.trust.peers[0], document.trust.peers[0]);
  assert.throws(() => policy.mcp[0] !== undefined && Object.assign(policy.mcp[0], { id: "other" }), TypeError);
});

const rule = governanceDocument(["id: a, effect: allow, actions: [exec]"]).rules[0];
const broken: readonly (readonly [what: string, change: Partial<GovernancePolicyDocument>])[] = [
  ["a pattern", withWhen({ kind: "text", fact: "program", test: { in: [], glob: [], pattern: ["(("] } })],
  ["a pointer", withWhen({ kind: "argument", at: "a", test: { kind: "flag", value: true } })],
  ["a range", withWhen({ kind: "host", patterns: [], ranges: ["10.0.0.1/8"] })],
  ["a path", withWhen({ kind: "path", globs: ["a"] })],
  ["two rules of one id", { rules: rule === undefined ? [] : [rule, rule] }],
  ["a limit that is missing", { rules: rule === undefined ? [] : [{ ...rule, effect: "rate_limit" }] }],
];
function withWhen(condition: Condition): Partial<GovernancePolicyDocument> {
  return { rules: rule === undefined ? [] : [{ ...rule, when: [condition] }] };
}
for (const [what, change] of broken) {
  test(`what a parser should have refused is a bug, not a policy: ${what}`, () => {
    const document = { ...governanceDocument([]), ...change };
    assert.throws(() => compileGovernancePolicy(document, DIGEST, millis(0)), /came unchecked|not a network/);
  });
}
