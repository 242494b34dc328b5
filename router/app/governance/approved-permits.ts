import type { Reason } from "../../core/base/reason.ts";
import { decide } from "../../core/policy/decide.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import { type Host, sameHost } from "../../core/wire/host.ts";
import { type AdmissionRooms, surroundings } from "../admission.ts";
import { ASKABLE } from "./egress-governance.ts";
import type { GrantStatus } from "./grant-book.ts";

/**
 * What approvals in force permit of a host that the egress policy refuses for `reason`: for a question of the DNS, which
 * uses none of them up.
 */
export function approvedPermits(
  rooms: Pick<AdmissionRooms, "policy" | "policyTime" | "models" | "governance" | "blocklist">,
  grants: readonly GrantStatus[],
  host: Host,
  reason: Reason,
): readonly NamePermit[] {
  if (!ASKABLE.has(reason)) return [];
  return grants.flatMap(({ id, left, approval: { action } }) => {
    if (left === 0 || action.kind !== "egress" || action.host === undefined || !sameHost(action.host, host)) return [];
    const { port, protocol, method, path } = action;
    if (port === undefined || protocol === undefined) return [];
    const request: EgressRequest | undefined =
      protocol !== "http"
        ? { via: "tunnel", host, port }
        : method !== undefined && path !== undefined
          ? { via: "http", host, port, method, path }
          : undefined;
    if (request === undefined) return [];
    const decision = decide(rooms.policy(), request, rooms.policyTime(), surroundings(rooms), { id, protocol });
    return decision.effect === "permit" ? [decision.permit] : [];
  });
}
