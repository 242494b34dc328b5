import assert from "node:assert/strict";
import { test } from "node:test";
import { parseGovernanceCases, runGovernanceCase } from "../../../../router/core/governance/governance-cases.ts";
import { governance } from "./engine-fixture.ts";

const policy = governance([
  "id: git, effect: allow, actions: [exec], when: { program: { in: [/usr/bin/git] } }",
  "id: push, effect: require_approval, actions: [exec], when: { argv: { some: { in: [push] } } }",
  "id: issues, effect: rate_limit, actions: [tool], when: { server: { in: [github] } }, limit: { rate: { count: 5, window: 1m } }",
  "id: no-secrets, effect: deny, actions: [tool], when: { arguments: [{ at: /path, glob: ['*secret*'] }] }",
  "id: peers, effect: allow, actions: [mesh.send], when: { tier: { from: known } }",
  "id: team, effect: allow, actions: [admin], when: { labels: [{ name: team, in: [sre] }] }",
  "id: net, effect: deny, actions: [egress], when: { host: { ranges: ['fd00::/8'] } }",
]);

/** `passed effect reason rule` of each case. */
function run(fields: string): readonly string[] {
  const cases = parseGovernanceCases("x.cases.yaml", `cases:\n  - { name: it, ${fields} }\n`);
  if (!cases.ok) throw new Error(cases.problem.map((problem) => problem.message).join("\n"));
  return cases.value.map((one) => {
    const { passed, got } = runGovernanceCase(policy, one);
    return `${passed} ${got.effect} ${got.reason ?? "-"} ${got.rule ?? "-"}`;
  });
}

const git = "action: { kind: exec, program: /usr/bin/git, argv: [status] }";
const table: readonly (readonly [fields: string, expected: string])[] = [
  [`${git}, expect: allow`, "true allow - git"],
  [`${git}, expect: deny`, "false allow - git"],
  [`${git}, expect: allow, rule: push`, "false allow - git"],
  [
    "action: { kind: exec, program: /usr/bin/git, argv: [push] }, expect: require_approval",
    "true require_approval - push",
  ],
  [
    "action: { kind: exec, program: /usr/bin/git }, expect: require_approval, rule: push",
    "true require_approval - push",
  ],
  [`${git}, expect: deny, reason: policy_expired, at: "2027-01-20T00:00:00Z"`, "true deny policy_expired -"],
  ["action: { kind: spawn }, expect: deny, reason: governance_denied", "true deny governance_denied -"],
  ["action: { kind: spawn }, expect: deny, reason: policy_expired", "false deny governance_denied -"],
  ["action: { kind: tool, server: github, tool: x, arguments: { path: a } }, expect: allow", "true allow - issues"],
  ["action: { kind: tool, server: github, tool: x, arguments: pending }, expect: allow", "true allow - issues"],
  [
    "action: { kind: tool, server: github, tool: x }, expect: deny, rule: no-secrets",
    "true deny governance_denied no-secrets",
  ],
  [
    "action: { kind: tool, server: github, tool: x, arguments: { path: my-secret, deep: [1, { x: null }] } }, expect: deny",
    "true deny governance_denied no-secrets",
  ],
  ["action: { kind: mesh.send, peer: billing }, scores: { billing: 400 }, expect: allow", "true allow - peers"],
  [
    "action: { kind: mesh.send, peer: billing }, scores: { billing: 399 }, expect: deny",
    "true deny governance_denied -",
  ],
  ["action: { kind: mesh.send, peer: billing }, expect: deny", "true deny governance_denied -"],
  ["action: { kind: admin }, labels: { team: sre }, expect: allow", "true allow - team"],
  ["action: { kind: admin }, expect: deny", "true deny governance_denied -"],
  [
    'action: { kind: egress, host: "[fd00::1]", port: 443 }, expect: deny, rule: net',
    "true deny governance_denied net",
  ],
];
for (const [fields, expected] of table) {
  test(`case: ${fields} -> ${expected}`, () => assert.deepEqual(run(fields), [expected]));
}

const problems: readonly (readonly [what: string, source: string, codes: readonly string[]])[] = [
  ["empty", "", ["empty_document"]],
  ["no case", "cases: []", ["empty_list"]],
  ["a case without its action", "cases: [{ name: x, expect: deny }]", ["missing_key"]],
  ["an unknown kind", "cases: [{ name: x, action: { kind: shell }, expect: deny }]", ["unknown_value"]],
  ["no kind", "cases: [{ name: x, action: { program: /a }, expect: deny }]", ["missing_key"]],
  [
    "a fact of another kind",
    "cases: [{ name: x, action: { kind: spawn, program: /a }, expect: deny }]",
    ["unknown_key"],
  ],
  ["an action as a text", "cases: [{ name: x, action: exec, expect: deny }]", ["wrong_type"]],
  ["a host that is none", "cases: [{ name: x, action: { kind: egress, host: a_b:443 }, expect: deny }]", ["bad_host"]],
  [
    "arguments that are no map",
    "cases: [{ name: x, action: { kind: tool, arguments: [1] }, expect: deny }]",
    ["wrong_type"],
  ],
  [
    "a score that is none",
    "cases: [{ name: x, action: { kind: admin }, scores: { a: 1001 }, expect: deny }]",
    ["out_of_range"],
  ],
  ["an unknown verdict", "cases: [{ name: x, action: { kind: admin }, expect: rate_limit }]", ["unknown_value"]],
  [
    "a reason of an allowance",
    "cases: [{ name: x, action: { kind: admin }, expect: allow, reason: governance_denied }]",
    ["reason_without_deny"],
  ],
];
for (const [what, source, codes] of problems) {
  test(`cases refused: ${what}`, () => {
    const parsed = parseGovernanceCases("x.cases.yaml", source);
    assert.ok(!parsed.ok);
    assert.deepEqual(
      parsed.problem.map((problem) => problem.code),
      codes,
    );
  });
}

test("cases know their line", () => {
  const parsed = parseGovernanceCases(
    "x.cases.yaml",
    "cases:\n\n  - { name: x, action: { kind: admin }, expect: deny }\n",
  );
  assert.ok(parsed.ok);
  assert.equal(parsed.value[0]?.line, 3);
});
