import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditEvent } from "../../../../router/core/audit/audit-event.ts";
import { REASONS } from "../../../../router/core/base/reason.ts";
import { type ObservedEvent, observationsOf } from "../../../../router/core/behavior/observed-event.ts";
import { moment, NOON } from "./behavior-fixture.ts";

function event(kind: string, some: Partial<ObservedEvent> = {}): ObservedEvent {
  return { kind, action: "connect", target: "a:443", decision: "allow", reason: null, rule: null, detail: {}, ...some };
}

const refused = (kind: string, reason: string): ObservedEvent => event(kind, { decision: "deny", reason });
const end = (detail: ObservedEvent["detail"], reason: string | null = null): ObservedEvent =>
  event("egress.end", { detail, reason });
const governed = (action: string, decision: string, rule: string | null = null): ObservedEvent =>
  event("governance.decision", { action, decision, reason: decision === "deny" ? "governance_denied" : null, rule });

/** `action result` and the octets, where there are some. */
const cases: readonly (readonly [name: string, ObservedEvent, seen: readonly string[]])[] = [
  ["an admitted tunnel", event("egress.decision"), ["egress allowed"]],
  ["a host without a rule", refused("egress.decision", "host_not_allowed"), ["egress denied"]],
  ["a full limit", refused("egress.decision", "rate_limited"), ["egress limited"]],
  [
    "a name without an address: allowed, and came to nothing",
    refused("egress.decision", "dns_failure"),
    ["egress allowed", "egress failed"],
  ],
  ["the router's own trouble", refused("egress.decision", "audit_unavailable"), []],
  ["no policy", refused("egress.decision", "policy_missing"), []],
  ["a reason of a version to come", refused("egress.decision", "not_thought_of_yet"), ["egress denied"]],
  ["a reason that objects have anyway", refused("egress.decision", "constructor"), ["egress denied"]],
  ["a refusal without a reason", event("egress.decision", { decision: "deny" }), ["egress denied"]],
  ["left before anything was decided", event("egress.decision", { decision: "none" }), []],
  ["a tunnel that ended", end({ outcome: "completed", bytesOut: 17 }), ["egress succeeded 17"]],
  ["an answer", end({ outcome: "completed", status: 204, bytesOut: 17 }), ["egress succeeded 17"]],
  ["the origin says no", end({ outcome: "completed", status: 404, bytesOut: 3 }), ["egress failed 3"]],
  ["the origin is broken", end({ outcome: "completed", status: 503 }), ["egress failed"]],
  ["a peer left", end({ outcome: "aborted", bytesOut: 5 }), ["egress ended 5"]],
  ["the origin was not there", end({ outcome: "refused" }, "upstream_unreachable"), ["egress failed"]],
  ["the SNI was another", end({ outcome: "refused", bytesOut: 0 }, "sni_mismatch"), ["egress failed"]],
  ["a limit cut it", end({ outcome: "aborted", bytesOut: 9 }, "byte_limit"), ["egress ended 9"]],
  ["the sidecar ended", end({ outcome: "aborted", bytesOut: 9 }, "draining"), ["egress ended 9"]],
  ["an admitted call", event("inference.decision", { target: "gpt" }), ["inference allowed"]],
  ["an exhausted budget", refused("inference.decision", "budget_exhausted"), ["inference limited"]],
  [
    "a call that ended",
    event("inference.end", { detail: { outcome: "completed", status: 200, bytesOut: 8 } }),
    ["inference succeeded 8"],
  ],
  ["a tool call", governed("tool", "allow"), ["tool allowed"]],
  ["a tool call that is refused", governed("tool", "deny"), ["tool denied"]],
  [
    "a tool call that ended",
    event("governance.end", { action: "tool", detail: { outcome: "completed", bytesOut: 4 } }),
    ["tool succeeded 4"],
  ],
  [
    "a tool call that came to nothing",
    event("governance.end", { action: "tool", detail: { outcome: "failed", bytesOut: 0 } }),
    ["tool failed"],
  ],
  ["a message to a peer", governed("mesh.send", "deny"), ["mesh.send denied"]],
  ["kars trap: a refusal for the monitor's own sake", governed("exec", "deny", "behavior/burst"), ["exec withheld"]],
  [
    "an egress refused for its sake",
    event("egress.decision", { decision: "deny", reason: "rate_limited", rule: "behavior/d" }),
    ["egress withheld"],
  ],
  ["a question about egress, which has events of its own", governed("egress", "allow"), []],
  ["a question about inference", governed("inference", "deny"), []],
  [
    "a preview of a call that is judged where it passes the router",
    event("governance.decision", { action: "tool", detail: { preview: true } }),
    [],
  ],
  ["no preview", event("governance.decision", { action: "tool", detail: { preview: false } }), ["tool allowed"]],
  ["an action that there is not", governed("__proto__", "allow"), []],
  ["a kind of record that says nothing of the agent", event("policy.load"), []],
  ["a kind that objects have anyway", event("constructor"), []],
  ["no detail", event("egress.end", { detail: undefined }), ["egress ended"]],
  ["octets that are none", end({ outcome: "completed", bytesOut: "9" }), ["egress succeeded"]],
];

for (const [name, of, expected] of cases) {
  test(`${name}: ${expected.join(", ") || "nothing"}`, () => {
    const observations = observationsOf(of, moment(5));
    assert.deepEqual(
      observations.map(({ action, result, bytes }) => `${action} ${result}${bytes > 0 ? ` ${bytes}` : ""}`),
      expected,
    );
    for (const { at, steady, target } of observations) assert.deepEqual([at, steady, target], [NOON + 5, 5, of.target]);
  });
}

const said: readonly (readonly [name: string, ObservedEvent, isSaid: boolean])[] = [
  ["egress", event("egress.decision"), false],
  ["a call of a model", event("inference.decision"), false],
  ["exec never passes the router", governed("exec", "allow"), true],
  ["nor does its end", event("governance.end", { action: "exec", detail: { outcome: "completed" } }), true],
  ["nor spawn", governed("spawn", "deny"), true],
  ["nor admin", governed("admin", "allow"), true],
  ["a tool call that passes", governed("tool", "allow"), false],
  ["a tool call that is asked about", event("governance.decision", { action: "tool", detail: { said: true } }), true],
  [
    "a message to a peer that is reported",
    event("governance.end", { action: "mesh.send", detail: { said: true } }),
    true,
  ],
  ["a mark that is none", event("governance.decision", { action: "tool", detail: { said: "true" } }), false],
];
for (const [name, of, expected] of said) {
  test(`${name}: ${expected ? "only said" : "it passed"}`, () => {
    assert.deepEqual(
      observationsOf(of, moment(5)).map(({ isSaid }) => isSaid),
      [expected],
    );
  });
}

test("every reason means something, and 5xx of the router itself are no denial", () => {
  for (const [reason, { status }] of Object.entries(REASONS)) {
    const results = observationsOf(refused("egress.decision", reason), moment(0)).map(({ result }) => result);
    if (status >= 500) assert.ok(!results.includes("denied"), reason);
    else assert.equal(results.length, 1, reason);
  }
});

test("an event that the writer takes is one that the monitor sees", () => {
  const written: AuditEvent = {
    time: NOON as AuditEvent["time"],
    kind: "egress.decision",
    action: "connect",
    target: "a:443",
    decision: "allow",
    reason: null,
    rule: null,
    policy: null,
    request: null,
  };
  assert.equal(observationsOf(written, moment(0)).length, 1);
});
