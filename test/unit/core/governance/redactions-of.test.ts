import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_GOVERNANCE } from "../../../../router/core/governance/compile-governance-policy.ts";
import { redactionsOf } from "../../../../router/core/governance/redactions-of.ts";
import { actionOf, contextOf, governance } from "./engine-fixture.ts";

const policy = governance([
  "id: pay, effect: allow, actions: [tool], when: { server: { in: [files] }, tool: { in: [pay] }, arguments: [{ at: /amount, to: 100 }] }, obligations: { redact: [/card, /pin] }",
  "id: ask, effect: require_approval, actions: [tool], when: { tool: { glob: ['p*'] }, labels: [{ name: team, in: [sre] }] }, obligations: { redact: [/pin, /token] }",
  "id: night, effect: allow, actions: [tool], when: { tool: { in: [note] } }, unless: { labels: [{ name: team, in: [research] }] }, obligations: { redact: [/text] }",
  "id: plain, effect: allow, actions: [tool], when: { tool: { in: [list] } }",
  "id: run, effect: allow, actions: [exec]",
]);

const cases: readonly (readonly [name: string, action: string, redact: readonly string[]])[] = [
  ["a call that matches", "tool, server: files, tool: pay, arguments: { amount: 50 }", ["/card", "/pin", "/token"]],
  [
    "arguments that no rule allows",
    "tool, server: files, tool: pay, arguments: { amount: 500 }",
    ["/card", "/pin", "/token"],
  ],
  ["arguments that nobody knows", "tool, server: files, tool: pay", ["/card", "/pin", "/token"]],
  ["arguments to come", "tool, server: files, tool: pay, arguments: pending", ["/card", "/pin", "/token"]],
  ["another server", "tool, server: other, tool: pay, arguments: { amount: 50 }", ["/pin", "/token"]],
  ["a server that is missing could be it", "tool, tool: pay, arguments: { amount: 50 }", ["/card", "/pin", "/token"]],
  ["a rule that excepts it", "tool, server: files, tool: note, arguments: { text: x }", ["/text"]],
  ["a tool about which no rule redacts", "tool, server: files, tool: list, arguments: { card: x }", []],
  ["a tool about which there is no rule", "tool, server: files, tool: other, arguments: { card: x }", []],
  ["no tool", "exec, program: /bin/ls", []],
];
for (const [name, action, expected] of cases) {
  test(`redacted of ${name}: ${expected.join(" ") || "nothing"}`, () => {
    assert.deepEqual(redactionsOf(policy, actionOf(action), contextOf()), expected);
  });
}

test("without a policy nothing is known to redact", () => {
  assert.deepEqual(redactionsOf(NO_GOVERNANCE, actionOf("tool, server: files, tool: pay"), contextOf()), []);
});
