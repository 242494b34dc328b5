import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reason, REASONS } from "../../../../router/core/base/reason.ts";
import { refusalAlert } from "../../../../router/edge/listeners/refusal.ts";

const alerts: readonly (readonly [reason: Reason, description: number | undefined])[] = [
  ["host_not_allowed", 49],
  ["denied_by_rule", 49],
  ["blocklisted", 49],
  ["inference_only", 49],
  ["address_not_allowed", 49],
  ["governance_denied", 49],
  ["approval_required", 49],
  ["ech_not_allowed", 49],
  ["malformed_request", 50],
  ["sni_missing", 112],
  ["sni_mismatch", 112],
  ["dns_failure", 80],
  ["upstream_unreachable", 80],
  ["rate_limited", 80],
  ["connection_limit", 80],
  ["policy_missing", 80],
  ["draining", 80],
  ["audit_unavailable", 80],
  ["internal", 80],
  ["not_tls", undefined],
];

for (const [reason, description] of alerts) {
  test(`${reason} is told in TLS as ${description ?? "nothing"}`, () => {
    const expected = description === undefined ? undefined : [21, 3, 3, 0, 2, 2, description];
    const alert = refusalAlert(reason);
    assert.deepEqual(alert === undefined ? undefined : [...alert], expected);
  });
}

test("every reason but not_tls has an alert, and it is fatal", () => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    if (reason !== "not_tls") assert.deepEqual(refusalAlert(reason)?.[5], 2, reason);
  }
});
