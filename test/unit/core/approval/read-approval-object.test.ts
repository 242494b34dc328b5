import assert from "node:assert/strict";
import { test } from "node:test";
import { readApprovalObject } from "../../../../router/core/approval/read-approval-object.ts";

const AT = "2026-11-20T12:00:00Z";
const approved = (changes: object = {}): object => ({
  type: "Approved",
  status: "True",
  lastTransitionTime: AT,
  ...changes,
});
const spec = {
  action: { kind: "egress", host: "a.example", port: 443, protocol: "tls" },
  reason: "Because.",
  requestedBy: "system:serviceaccount:test:default",
  target: { namespace: "test", pod: "pod-1" },
  uses: 1,
  duration: "1h",
};

/** As an API server keeps it. */
function object(changes: object = {}, of: object = spec, conditions: unknown = [approved()]): object {
  return {
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressApproval",
    metadata: {
      name: "one",
      namespace: "test",
      uid: "0b9c",
      resourceVersion: "7",
      creationTimestamp: AT,
      generation: 2,
      managedFields: [{ manager: "kubectl" }],
    },
    spec: of,
    status: { conditions, approvedBy: "alice", expiresAt: AT, phase: "Active", pods: { matching: 1, active: 1 } },
    ...changes,
  };
}

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
const tool = (value: unknown): object => ({
  ...spec,
  action: { kind: "tool", server: "s", tool: "t", arguments: value },
});

const rows: readonly (readonly [name: string, given: unknown, expected: string])[] = [
  ["an approved one", object(), "approved"],
  ["one that nobody answered", object({ status: undefined }), "open"],
  ["one with an empty status", object({ status: {} }), "open"],
  ["one whose conditions are null", object({ status: { conditions: null } }), "open"],
  ["one that was denied", object({}, spec, [approved({ status: "False" })]), "denied"],
  ["one of which it is not known", object({}, spec, [approved({ status: "Unknown" })]), "open"],
  ["other conditions, however they are", object({}, spec, [{ type: "Ready", message: "" }, approved()]), "approved"],
  [
    "an empty message, or a long one",
    object({}, spec, [approved({ message: "", reason: "x".repeat(9_000) })]),
    "approved",
  ],
  ["two answers", object({}, spec, [approved(), approved({ status: "False" })]), "duplicate_id"],
  ["an answer without a time", object({}, spec, [approved({ lastTransitionTime: null })]), "wrong_type"],
  ["an answer at no time", object({}, spec, [approved({ lastTransitionTime: "soon" })]), "bad_timestamp"],
  ["a condition that is a text", object({}, spec, ["Approved"]), "missing_key"],
  ["conditions that are a map", object({}, spec, { type: "Approved" }), "wrong_type"],
  ["a spec that knows more", object({}, { ...spec, allPorts: true }), "unknown_key"],
  ["a spec without bounds", object({}, { action: spec.action, reason: spec.reason }), "unbounded"],
  ["no spec", object({ spec: undefined }), "missing_key"],
  ["a spec that is null", object({ spec: null }), "wrong_type"],
  ["another kind", object({ kind: "EgressPolicy" }), "wrong_kind"],
  ["another version", object({ apiVersion: "sluice.dev/v2" }), "unknown_value"],
  [
    "a special address",
    object({}, { ...spec, action: { ...spec.action, host: "169.254.169.254" } }),
    "address_not_approvable",
  ],
  ["a number where a text is needed", object({}, { ...spec, reason: 7 }), "wrong_type"],
  ["a text where a number is needed", object({}, { ...spec, uses: "1" }), "wrong_type"],
  [
    "a host that YAML would take for a truth",
    object({}, { ...spec, action: { ...spec.action, host: "no" } }),
    "approved",
  ],
  [
    "arguments of texts that look like others",
    object({}, tool({ a: "1", b: "true", c: "~", d: "\u2028\u0085" })),
    "approved",
  ],
  ["arguments as deep as may be", object({}, tool(deep(20))), "approved"],
  ["arguments too deep", object({}, tool(deep(40))), "too_large"],
  [
    "arguments a hundred thousand deep",
    object({}, tool(JSON.parse(`${"[".repeat(4_000)}${"]".repeat(4_000)}`))),
    "too_large",
  ],
  ["arguments of too many values", object({}, tool(Array.from({ length: 60_000 }, () => 0))), "too_large"],
  ["a number beyond 2^53", object({}, tool({ n: 2 ** 60 })), "bad_number"],
  ["a key called __proto__", JSON.parse(JSON.stringify(object()).replace('"uses"', '"__proto__"')), "unknown_key"],
  ["null", null, "missing_key"],
  ["a list", [], "missing_key"],
  ["a text", "EgressApproval", "missing_key"],
];
for (const [name, given, expected] of rows) {
  test(`INV-KUBE-STRICT: ${name}: ${expected}`, () => {
    const read = readApprovalObject("egressapproval/one", given);
    if (!read.ok)
      return assert.ok(
        read.problem.some(({ code }) => code === expected),
        JSON.stringify(read.problem),
      );
    const { answer } = read.value;
    assert.equal(answer === undefined ? "open" : answer.approved ? "approved" : "denied", expected);
  });
}
