import type { AuditEvent } from "../../core/audit/audit-event.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { PeerOutcome } from "../../core/peer/peer-standings.ts";

/** What an origin alone can be the cause of. */
const FAULTS: ReadonlySet<Reason | null> = new Set<Reason | null>(["upstream_unreachable", "upstream_invalid"]);

/**
 * What the record of an exchange's end says of the origin; undefined: nothing. What the agent can bring about by itself (it
 * leaves, it sends what is refused, it opens a connection and says nothing) and what we refused or cut is no word on it.
 */
export function peerOutcome({ kind, reason, detail }: AuditEvent): PeerOutcome | undefined {
  const how = detail?.["outcome"];
  if (kind !== "egress.end" && kind !== "egress.decision") return undefined;
  if (how === "refused") return FAULTS.has(reason) ? "failed" : undefined;
  if (kind !== "egress.end") return undefined;
  if (how === "aborted") {
    return FAULTS.has(reason) || (reason === null && detail?.["detail"] === "origin_reset") ? "failed" : undefined;
  }
  if (how !== "completed") return undefined;
  const [status, octets] = [detail?.["status"], detail?.["bytesIn"]];
  if (typeof status === "number" && status >= 500) return "failed";
  if (typeof status === "number" && status >= 400) return undefined;
  return typeof octets === "number" && octets > 0 ? "succeeded" : undefined;
}
