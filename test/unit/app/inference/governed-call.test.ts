import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_GOVERNANCE } from "../../../../router/core/governance/compile-governance-policy.ts";
import type { ModelRule } from "../../../../router/core/models/inference-policy.ts";
import { allowsAnyTool, governCall } from "../../../../router/app/inference/govern-call.ts";
import { governance } from "../../core/governance/engine-fixture.ts";
import { governorWorld, type WorldOptions } from "../governance/governor-world.ts";

function model(...providers: readonly string[]): ModelRule {
  return {
    name: "m",
    aliases: [],
    targets: providers.map((provider) => ({ provider, model: "x", weight: 1 })),
    context: undefined,
    maxOutput: 10,
    hostedTools: false,
  } as unknown as ModelRule;
}

const A = "id: a, effect: allow, actions: [inference], when: { provider: { in: [a] } }";
const B_ONCE =
  "id: b, effect: rate_limit, actions: [inference], when: { provider: { in: [b] } }, limit: { rate: { count: 1, window: 1h, burst: 1 } }";
const B_CAP =
  "id: b, effect: rate_limit, actions: [inference], when: { provider: { in: [b] } }, limit: { concurrent: 1 }";
const B_NOT = "id: b-not, effect: deny, actions: [inference], when: { provider: { in: [b] } }";
const ASK_B = "id: ask, effect: require_approval, actions: [inference], when: { provider: { in: [b] } }";

function opened(options: WorldOptions, ...providers: readonly string[]) {
  const world = governorWorld(options);
  const governed = governCall(world.governor, "chat", model(...providers), false, 10);
  return { ...world, governed };
}

function askedOf({ governed }: ReturnType<typeof opened>, provider: string): string {
  if (!governed.ok) return `not admitted: ${governed.problem.reason}`;
  const asked = governed.value.ask(provider);
  return asked.ok ? "ok" : `${asked.problem.reason} ${asked.problem.rule ?? "-"}`;
}

test("a model of one provider is judged once, whatever is tried", () => {
  const call = opened({ rules: [A] }, "a", "a");
  assert.equal(askedOf(call, "a"), "ok");
  assert.equal(askedOf(call, "a"), "ok");
  assert.equal(call.counted.length, 1);
});

test("INV-GOV-PROVIDER: a limit of the second provider counts where that one is asked, and only there", () => {
  const rules = [A, B_ONCE];
  const world = governorWorld({ rules });
  const one = governCall(world.governor, "chat", model("a", "b"), false, 10);
  const two = governCall(world.governor, "chat", model("a", "b"), false, 10);
  assert.ok(one.ok && two.ok);
  assert.ok(one.value.ask("a").ok && two.value.ask("a").ok);
  assert.equal(one.value.ask("b").ok, true);
  const refused = two.value.ask("b");
  assert.deepEqual(refused.ok ? "ok" : [refused.problem.reason, refused.problem.rule], ["rate_limited", "b"]);
  assert.equal(two.value.ask("a").ok, true, "another may be asked all the same");
});

test("INV-GOV-PROVIDER: what the former provider's leave held is given back, and the last one's at the end", () => {
  const world = governorWorld({ rules: [A, B_CAP] });
  const one = governCall(world.governor, "chat", model("a", "b"), false, 10);
  const two = governCall(world.governor, "chat", model("a", "b"), false, 10);
  assert.ok(one.ok && two.ok);
  assert.deepEqual([one.value.ask("b").ok, two.value.ask("b").ok], [true, false]);
  assert.equal(one.value.ask("a").ok, true);
  assert.equal(two.value.ask("b").ok, true);
  assert.equal(one.value.ask("b").ok, false);
  two.value.ended("succeeded", 10);
  two.value.ended("failed", 10);
  assert.equal(one.value.ask("b").ok, true);
  assert.deepEqual(world.ended, ["inference succeeded 10 -"]);
});

test("INV-GOV-PROVIDER: an approval is taken for the provider that needs it, and for no other", () => {
  const call = opened({ rules: [A, ASK_B], grant: { id: "g" }, uses: 1 }, "a", "b");
  assert.equal(askedOf(call, "a"), "ok");
  assert.deepEqual(call.used, []);
  assert.equal(askedOf(call, "b"), "ok");
  assert.deepEqual(call.used, ["g"]);
  const without = opened({ rules: [A, ASK_B] }, "a", "b");
  assert.equal(askedOf(without, "b"), "approval_required ask");
});

test("a refused provider leaves the others; all refused is a refusal", () => {
  const call = opened({ rules: [A, B_NOT] }, "b", "a");
  assert.equal(askedOf(call, "b"), "governance_denied b-not");
  assert.equal(askedOf(call, "a"), "ok");
  const none = opened({ rules: [B_NOT] }, "b", "b2");
  assert.deepEqual(none.governed.ok ? "ok" : [none.governed.problem.reason, none.governed.problem.rule], [
    "governance_denied",
    "b-not",
  ]);
  assert.equal(none.counted.length, 1);
});

test("what is live is judged by the provider that it asks", () => {
  const call = opened({ rules: [A, B_CAP] }, "a", "b");
  assert.equal(askedOf(call, "a"), "ok");
  const { governed } = call;
  assert.ok(governed.ok);
  call.set(governance([A, B_NOT]));
  assert.equal(governed.value.lost(), undefined);
  call.set(governance([B_NOT]));
  assert.equal(governed.value.lost(), "governance_denied");
});

test("without a policy every provider may be asked; one that comes is asked from then on", () => {
  const call = opened({ policy: NO_GOVERNANCE, absent: true }, "a", "b");
  assert.equal(askedOf(call, "a"), "ok");
  const { governed } = call;
  assert.ok(governed.ok);
  governed.value.onlyWhile(() => !call.governor.governs());
  assert.equal(governed.value.lost(), undefined);
  call.set(governance([A]));
  assert.equal(governed.value.lost(), "governance_denied");
});

const TOOLS = "id: t, effect: allow, actions: [tool]";
const limit = "limit: { rate: { count: 1000, window: 1m } }";
const unseen: readonly (readonly [name: string, options: WorldOptions, expected: boolean])[] = [
  ["no policy, and none need be", { policy: NO_GOVERNANCE, absent: true }, true],
  ["no policy, and one must be", { policy: NO_GOVERNANCE }, false],
  ["every tool is allowed", { rules: [TOOLS] }, true],
  ["one tool is allowed", { rules: ["id: t, effect: allow, actions: [tool], when: { tool: { in: [x] } }"] }, false],
  [
    "one tool is denied",
    { rules: [TOOLS, "id: n, effect: deny, actions: [tool], when: { tool: { in: [x] } }"] },
    false,
  ],
  ["tools are allowed with a limit", { rules: [`id: t, effect: rate_limit, actions: [tool], ${limit}`] }, false],
  [
    "one tool has a limit",
    { rules: [TOOLS, `id: l, effect: rate_limit, actions: [tool], when: { tool: { in: [x] } }, ${limit}`] },
    false,
  ],
  [
    "tools of an MCP server have a limit",
    { rules: [TOOLS, `id: l, effect: rate_limit, actions: [tool], when: { server: { in: [github] } }, ${limit}`] },
    true,
  ],
  [
    "the policy limits everything",
    { rules: [TOOLS], more: "limits: [{ id: all, rate: { count: 1000, window: 1m } }]" },
    false,
  ],
  [
    "the policy limits something else",
    { rules: [TOOLS], more: "limits: [{ id: all, actions: [exec], rate: { count: 1000, window: 1m } }]" },
    true,
  ],
  [
    "an approval is needed and there",
    { rules: ["id: a, effect: require_approval, actions: [tool]"], grant: { id: "g" } },
    false,
  ],
  ["behaviour wants approvals", { rules: [TOOLS], response: { kind: "require_approval", millis: 60_000 } }, false],
  ["it is quarantined", { rules: [TOOLS], response: { kind: "quarantine" } }, false],
];
for (const [name, options, expected] of unseen) {
  test(`INV-GOV-UNSEEN: calls that nobody sees: ${name}: ${expected ? "may be" : "may not be"}`, () => {
    assert.equal(allowsAnyTool(governorWorld(options).governor, model("a")), expected);
  });
}

test("INV-GOV-UNSEEN: calls that nobody sees may not be while behaviour lets none through", () => {
  const { governor } = governorWorld({
    rules: [TOOLS],
    response: { kind: "throttle", perMinute: 1, millis: 600_000 },
  });
  const call = { server: "function", tool: "x", arguments: { state: "missing" }, model: "m" } as const;
  assert.equal(governor.judge({ kind: "tool", ...call }, true).kind, "allowed");
  assert.equal(allowsAnyTool(governor, model("a")), false);
});
