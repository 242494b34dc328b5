import assert from "node:assert/strict";
import { test } from "node:test";
import { approvalResource } from "../../../../controller/reconcile/approval-resource.ts";
import { approvalPlan, type ApprovalPlan } from "../../../../controller/reconcile/approval-state.ts";
import { approvedPort } from "../../../../controller/reconcile/keep-namespace.ts";
import type { PodFacts } from "../../../../controller/reconcile/pod-facts.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { KubeObject } from "../../../../router/edge/kubernetes/kube-object.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const MINUTE = 60_000;
const at = (ago: number): string => new Date(NOW - ago * MINUTE).toISOString().replace(".000Z", "Z");
const answer = (status: string, ago: number): object => ({
  type: "Approved",
  status,
  lastTransitionTime: at(ago),
  reason: "Reviewed",
  message: "by alice",
});

function approval(spec: object, status?: object, created = 10): KubeObject {
  return {
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressApproval",
    metadata: {
      name: "yes",
      namespace: "research",
      uid: "u",
      resourceVersion: "7",
      generation: 2,
      creationTimestamp: at(created),
    },
    spec: {
      action: { kind: "egress", host: "api.example.com", port: 443, protocol: "tls" },
      reason: "why",
      requestedBy: "bob",
      target: { agent: "research-agent" },
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

const pod = (name: string, agent = "research-agent"): PodFacts => ({
  namespace: "research",
  name,
  uid: name,
  agent,
  policyName: "sluice-policy",
  enforcement: "guard",
  address: "10.0.0.1",
  isLive: true,
});

function plan(object: KubeObject, active: readonly string[] = [], now = NOW): ApprovalPlan {
  const pods = [pod("a"), pod("b"), pod("c", "other")].map((facts) => ({
    facts,
    isActive: active.includes(facts.name),
  }));
  const resource = approvalResource(object);
  return approvalPlan({
    resource,
    pods,
    pending: millis(60 * MINUTE),
    keep: millis(120 * MINUTE),
    now: epochMillis(now),
  });
}

/** As the API server would keep it after the plan. */
function after(object: KubeObject, { status }: ApprovalPlan): KubeObject {
  return { ...object, status: { ...(object["status"] as object | undefined), ...status } };
}

const by = { approvedBy: "alice" };
const ROWS: readonly (readonly [
  string,
  KubeObject,
  readonly string[],
  string,
  readonly string[],
  string | undefined,
  number | undefined,
])[] = [
  ["nobody answered yet", approval({ uses: 1 }), [], "Pending", ["Requested"], undefined, 50],
  [
    "nobody answered in time",
    approval({ uses: 1 }, undefined, 61),
    [],
    "Expired",
    ["Requested", "Expired"],
    undefined,
    119,
  ],
  [
    "approved",
    approval({ duration: "10m" }, { ...by, conditions: [answer("True", 2)] }),
    [],
    "Approved",
    ["Requested", "Approved"],
    at(-8),
    8,
  ],
  [
    "approved, seen before",
    approval({ duration: "10m" }, { ...by, phase: "Pending", conditions: [answer("True", 2)] }),
    [],
    "Approved",
    ["Approved"],
    at(-8),
    8,
  ],
  [
    "in force",
    approval({ duration: "10m" }, { ...by, phase: "Approved", conditions: [answer("True", 2)] }),
    ["a"],
    "Active",
    ["Active"],
    at(-8),
    8,
  ],
  [
    "in force elsewhere only",
    approval({ duration: "10m" }, { ...by, phase: "Approved", conditions: [answer("True", 2)] }),
    ["c"],
    "Approved",
    [],
    at(-8),
    8,
  ],
  [
    "no longer in force",
    approval({ duration: "10m" }, { ...by, phase: "Active", conditions: [answer("True", 2)] }),
    [],
    "Approved",
    [],
    at(-8),
    8,
  ],
  [
    "over",
    approval({ duration: "10m" }, { ...by, phase: "Active", conditions: [answer("True", 10)] }),
    ["a"],
    "Expired",
    ["Expired"],
    at(0),
    120,
  ],
  [
    "uses only, still possible",
    approval({ uses: 2 }, { ...by, phase: "Approved", conditions: [answer("True", 60)] }),
    [],
    "Approved",
    [],
    undefined,
    168 * 60 - 60,
  ],
  [
    "uses only, too old for any policy",
    approval({ uses: 2 }, { ...by, phase: "Approved", conditions: [answer("True", 169 * 60)] }, 170 * 60),
    [],
    "Expired",
    ["Expired"],
    undefined,
    60,
  ],
  [
    "denied",
    approval({ uses: 1 }, { ...by, phase: "Pending", conditions: [answer("False", 1)] }),
    [],
    "Denied",
    ["Denied"],
    undefined,
    119,
  ],
  [
    "revoked wins",
    approval({ duration: "10m", revoked: true }, { ...by, phase: "Active", conditions: [answer("True", 2)] }),
    ["a"],
    "Revoked",
    ["Revoked"],
    at(-8),
    110,
  ],
  [
    "answered after it was given up",
    approval({ duration: "10m" }, { ...by, phase: "Expired", conditions: [answer("True", 1)] }, 90),
    [],
    "Approved",
    ["Approved"],
    at(-9),
    9,
  ],
  ["it cannot be read", approval({ action: { kind: "egress" } }), [], "Pending", ["Requested"], undefined, 50],
];

for (const [name, object, active, phase, news, expiresAt, minutes] of ROWS) {
  test(`approval: ${name}`, () => {
    const found = plan(object, active);
    assert.equal(found.phase, phase);
    assert.deepEqual(
      found.news.map(({ reason }) => reason),
      news,
    );
    assert.equal((found.status as { expiresAt?: string | null } | undefined)?.expiresAt ?? undefined, expiresAt);
    assert.equal(found.nextIn === undefined ? undefined : Math.round(found.nextIn / MINUTE), minutes);
    assert.equal(found.isDeleted, false);
    // What was answered stays, member for member, and what is written needs not be written again.
    const kept = after(object, found);
    const answered = (one: KubeObject): unknown =>
      ((one["status"] as { conditions?: { type: string }[] } | undefined)?.conditions ?? []).filter(
        ({ type }) => type === "Approved",
      );
    assert.deepEqual(answered(kept), answered(object));
    const again = plan(kept, active);
    assert.equal(again.status, undefined);
    assert.deepEqual(again.news, []);
  });
}

test("a clock that is ahead is said, and unsaid", () => {
  const ahead = approval({ duration: "10m" }, { ...by, conditions: [answer("True", -10)] });
  const types = (one: ApprovalPlan): readonly string[] =>
    ((one.status?.["conditions"] ?? []) as { type: string }[]).map(({ type }) => type);
  const first = plan(ahead);
  assert.deepEqual(types(first), ["Approved", "Ready", "Expired", "Degraded"]);
  assert.deepEqual(types(plan(after(ahead, first), [], NOW + 11 * MINUTE)), ["Approved", "Ready", "Expired"]);
});

test("what is over is deleted after so long, never before its status said that it is over", () => {
  const denied = approval({ uses: 1 }, { ...by, phase: "Pending", conditions: [answer("False", 1)] });
  const late = NOW + 500 * MINUTE;
  const first = plan(denied, [], late);
  assert.equal(first.isDeleted, false);
  const second = plan(after(denied, first), [], late);
  assert.deepEqual([second.isDeleted, Math.round((second.nextIn ?? 0) / MINUTE)], [false, 120]);
  assert.equal(plan(after(denied, first), [], late + 121 * MINUTE).isDeleted, true);
});

test("how it stands in the pods is counted by whom it is meant for", () => {
  const { status } = plan(approval({ duration: "10m" }, { ...by, phase: "Active", conditions: [answer("True", 2)] }), [
    "a",
    "c",
  ]);
  assert.deepEqual(status?.["pods"], { matching: 2, active: 1 });
  assert.equal(status?.["observedGeneration"], 2);
});

test("whatever stands in an object, nothing is thrown", () => {
  const odd: readonly unknown[] = [
    null,
    1,
    "x",
    [],
    [null],
    { conditions: 1 },
    { conditions: [null, 1, { type: 1 }] },
    { phase: 1, pods: { matching: "1" } },
  ];
  for (const status of odd) {
    for (const spec of [null, [], { action: null }, 7]) {
      const object: KubeObject = { metadata: { name: "x", creationTimestamp: status, generation: "1" }, spec, status };
      assert.equal(plan(object).phase, "Pending");
    }
  }
});

test("an approval that was deleted and is only held is over, counts nowhere, and is not deleted again", () => {
  const spec = { duration: "1h" };
  for (const [name, status] of [
    ["pending", undefined],
    ["approved", { conditions: [answer("True", 1)], phase: "Active" }],
    ["denied", { conditions: [answer("False", 1)], phase: "Denied" }],
  ] as const) {
    const object = approval(spec, status);
    const held: KubeObject = {
      ...object,
      metadata: { ...object.metadata, deletionTimestamp: at(500), finalizers: ["evil.example/stay"] },
    };
    const planned = plan(held, ["a", "b"]);
    assert.equal(planned.phase, "Revoked", name);
    const { pods, conditions } = planned.status as { pods: object; conditions: Record<string, unknown>[] };
    assert.deepEqual(pods, { matching: 2, active: 0 }, name);
    const said = conditions
      .filter(({ type }) => type !== "Approved")
      .map(({ type, status: is }) => `${String(type)}=${String(is)}`);
    assert.deepEqual(said, ["Ready=False", "Expired=True"], name);
    for (const { type, message } of conditions)
      if (type !== "Approved") assert.match(String(message), /^It was deleted/);
    // Much later there is still nothing to do.
    const later = plan(after(held, planned), [], NOW + 500 * MINUTE);
    assert.deepEqual([later.isDeleted, later.nextIn, later.status], [false, undefined, undefined], name);
    assert.equal(approvedPort(approvalResource(held)), undefined, name);
  }
  assert.equal(approvedPort(approvalResource(approval(spec, { conditions: [answer("True", 1)] }))), 443);
});
