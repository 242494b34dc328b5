import assert from "node:assert/strict";
import { test } from "node:test";
import { peerOutcome } from "../../../../router/app/peers/peer-outcome.ts";
import type { AuditEvent, AuditKind } from "../../../../router/core/audit/audit-event.ts";
import { ownEvent } from "../../../../router/core/audit/own-event.ts";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import type { Reason } from "../../../../router/core/base/reason.ts";

type Row = readonly [
  name: string,
  kind: AuditKind,
  reason: Reason | null,
  detail: NonNullable<AuditEvent["detail"]>,
  expected: string | undefined,
];
const rows: readonly Row[] = [
  ["an answer", "egress.end", null, { outcome: "completed", status: 200, bytesIn: 5 }, "succeeded"],
  ["a tunnel with an answer in it", "egress.end", null, { outcome: "completed", bytesIn: 5 }, "succeeded"],
  ["a tunnel in which nothing was said", "egress.end", null, { outcome: "completed", bytesIn: 0 }, undefined],
  [
    "what the agent may have asked wrongly",
    "egress.end",
    null,
    { outcome: "completed", status: 404, bytesIn: 5 },
    undefined,
  ],
  ["an error of the peer's", "egress.end", null, { outcome: "completed", status: 503, bytesIn: 5 }, "failed"],
  ["it breaks off", "egress.end", null, { outcome: "aborted", detail: "origin_reset" }, "failed"],
  ["the agent breaks off", "egress.end", null, { outcome: "aborted", detail: "agent_reset", bytesIn: 5 }, undefined],
  ["we cut it", "egress.end", "governance_denied", { outcome: "aborted", detail: "origin_reset" }, undefined],
  ["a limit of ours", "egress.end", "byte_limit", { outcome: "aborted" }, undefined],
  ["it cannot be reached", "egress.end", "upstream_unreachable", { outcome: "refused" }, "failed"],
  ["what it says is no HTTP", "egress.end", "upstream_invalid", { outcome: "aborted" }, "failed"],
  ["its name has no address", "egress.decision", "dns_failure", { outcome: "refused" }, undefined],
  ["refused by rules", "egress.decision", "governance_denied", { outcome: "refused" }, undefined],
  ["leave to go there", "egress.decision", null, { addresses: [] }, undefined],
  ["what the agent reports of a message", "governance.end", null, { outcome: "completed", bytesIn: 9 }, undefined],
  ["an inference call", "inference.end", null, { outcome: "completed", bytesIn: 9 }, undefined],
  ["nothing is known", "egress.end", null, {}, undefined],
];
for (const [name, kind, reason, detail, expected] of rows) {
  test(`INV-GOV-TRUST: what the router saw of a peer: ${name}: ${expected ?? "nothing"}`, () => {
    const event = { ...ownEvent(epochMillis(0), kind, "connect", "peer.example:443", detail), reason };
    assert.equal(peerOutcome(event), expected);
  });
}
