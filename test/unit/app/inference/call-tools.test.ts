import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditEvent } from "../../../../router/core/audit/audit-event.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok } from "../../../../router/core/base/result.ts";
import { CallTools } from "../../../../router/app/inference/call-tools.ts";
import { NOON } from "../../core/governance/engine-fixture.ts";
import { type GovernorWorld, governorWorld, type WorldOptions } from "../governance/governor-world.ts";

interface World extends GovernorWorld {
  readonly tools: CallTools;
  /** `durable` or `soon`, and the decision. */
  readonly records: readonly string[];
}

function toolsWorld(
  options: WorldOptions,
  audit: { readonly writable?: boolean; readonly fails?: boolean } = {},
): World {
  const world = governorWorld(options);
  const records: string[] = [];
  const said = (how: string, { decision, target }: AuditEvent): unknown => records.push(`${how} ${decision} ${target}`);
  const tools = new CallTools(
    {
      clock: { now: () => epochMillis(NOON), monotonic: () => millis(0) },
      governor: world.governor,
      governance: { digest: (text) => `digest of ${text.length}` },
      auditWritable: () => audit.writable ?? true,
      record: (event) => {
        said("durable", event);
        return Promise.resolve(audit.fails === true ? fail("audit_unavailable") : ok(undefined));
      },
      recordSoon: (event) => void said("soon", event),
    },
    "request-1",
    "m",
  );
  return { ...world, tools, records };
}

function answer(...names: readonly string[]): Uint8Array {
  const calls = names.map((name, at) => ({ id: `c${at}`, type: "function", function: { name, arguments: "{}" } }));
  const message = { role: "assistant", content: null, ...(calls.length === 0 ? {} : { tool_calls: calls }) };
  return Buffer.from(JSON.stringify({ id: "x", choices: [{ index: 0, message, finish_reason: "stop" }] }));
}

const FREE = "id: free, effect: allow, actions: [tool], when: { tool: { in: [search] } }";
const ONCE =
  "id: once, effect: rate_limit, actions: [tool], when: { tool: { in: [rare] } }, limit: { rate: { count: 1, window: 1h, burst: 1 } }";
const ASK = "id: ask, effect: require_approval, actions: [tool], when: { tool: { in: [pay] } }";
const NEVER = "id: never, effect: deny, actions: [tool], when: { tool: { in: [shell] } }";
const RULES = [FREE, ONCE, ASK, NEVER];
const GRANT = { id: "approval-1" };

test("an answer whose calls are allowed goes out once each of them is durably on record", async () => {
  const { tools, records } = toolsWorld({ rules: RULES });
  assert.equal(await tools.allows("chat", answer("search", "rare")), true);
  assert.deepEqual(records, ["durable allow function/search", "durable allow function/rare"]);
});

test("an answer without calls waits for nothing, and needs no audit", () => {
  const { tools, records } = toolsWorld({ rules: RULES }, { writable: false });
  assert.equal(tools.allows("chat", answer()), true);
  assert.deepEqual(records, []);
});

test("INV-GOV-CALLED: an answer with an allowed call stays where its record cannot be made durable", async () => {
  const { tools } = toolsWorld({ rules: RULES }, { fails: true });
  assert.equal(await tools.allows("chat", answer("search")), false);
  assert.equal(tools.refusal?.reason, "audit_unavailable");
});

test("INV-GOV-CALLED: while audit refuses no call goes out, whole or streamed, and nothing is taken for it", async () => {
  const { tools, records, used } = toolsWorld({ rules: RULES, grant: GRANT }, { writable: false });
  assert.equal(await tools.allows("chat", answer("search", "pay")), false);
  assert.equal(tools.refusal?.reason, "audit_unavailable");
  assert.equal(tools.judge("search"), "deny");
  assert.equal(tools.judgeCall("pay", "{}"), "deny");
  assert.deepEqual([records, used], [[], []]);
});

const blocked: readonly (readonly [name: string, calls: readonly string[], rule: string | undefined])[] = [
  ["a refused call after it", ["pay", "rare", "shell"], "never"],
  ["a refused call before it", ["shell", "pay", "rare"], "never"],
  ["a call that nothing allows", ["pay", "rare", "unknown-but-granted", "shell"], "never"],
];
for (const [name, calls, rule] of blocked) {
  test(`a blocked answer spends neither approvals nor limits: ${name}`, async () => {
    const { tools, used, records } = toolsWorld({ rules: RULES, grant: GRANT, uses: 1 });
    assert.equal(await tools.allows("chat", answer(...calls)), false);
    assert.deepEqual([tools.refusal?.reason, tools.refusal?.rule], ["governance_denied", rule]);
    assert.deepEqual(used, []);
    assert.deepEqual(records, ["soon deny function/shell"]);
    // Both are still there.
    assert.equal(await tools.allows("chat", answer("rare", "pay")), true);
    assert.deepEqual(used, ["approval-1"]);
  });
}

test("a limit without room for all of an answer's calls leaves its approvals unspent", async () => {
  const { tools, used, records } = toolsWorld({ rules: RULES, grant: GRANT, uses: 1 });
  assert.equal(await tools.allows("chat", answer("pay", "rare", "rare")), false);
  assert.deepEqual(used, []);
  assert.deepEqual(records, ["soon allow function/rare", "soon deny function/rare"]);
});

test("what is refused is counted once", async () => {
  const { tools, counted } = toolsWorld({ rules: RULES });
  assert.equal(await tools.allows("chat", answer("search", "shell", "shell")), false);
  assert.deepEqual(
    counted.map(({ kind }) => kind),
    ["refused"],
  );
});
