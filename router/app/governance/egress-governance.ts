import type { Port } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Action, EgressAction } from "../../core/governance/action.ts";
import type { GovernanceSnapshot } from "../../core/governance/compile-governance-policy.ts";
import { peersAt } from "../../core/peer/peers-at.ts";
import type { EgressGrant } from "../../core/policy/decide.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import type { Host } from "../../core/wire/host.ts";
import type { Refused } from "../refused.ts";
import type { Exchange, GovernedExchange } from "../exchange.ts";
import type { Governed, Governor, Grants } from "./governor.ts";

/** What an approval can allow; everything else that refuses is no matter of a missing rule. */
export const ASKABLE: ReadonlySet<Reason> = new Set<Reason>([
  "host_not_allowed",
  "port_not_allowed",
  "method_not_allowed",
  "path_not_allowed",
]);

export interface EgressGovernanceRooms {
  readonly governor: Governor;
  readonly grants: Grants;
  policy(): GovernanceSnapshot;
  /** Rises with everything by which a verdict may change. */
  state(): number;
  /** Access can be asked for now. */
  asking(): boolean;
  /** An operator could allow it; has to cost nothing. */
  denied(action: Action): void;
}

/** What the governance policy has to say of egress, after the egress policy. */
export class EgressGovernance {
  readonly #rooms: EgressGovernanceRooms;

  constructor(rooms: EgressGovernanceRooms) {
    this.#rooms = rooms;
  }

  state(): number {
    return this.#rooms.state();
  }

  mayAsk(request: EgressRequest, reason: Reason): boolean {
    return isAskable(request, reason) && this.#rooms.asking();
  }

  /** No rule of the egress policy allows it, and no approval. */
  denied(request: EgressRequest, reason: Reason): void {
    // Of a tunnel nobody knows yet what it would carry: TLS, as where the agent asks.
    if (isAskable(request, reason)) this.#rooms.denied(egressAction(request, request.via === "http" ? "http" : "tls"));
  }

  /** The approval for what no rule of the egress policy allows; `expired`: there was one. */
  grant(request: EgressRequest, reason: Reason): EgressGrant | "expired" | undefined {
    if (!isAskable(request, reason)) return undefined;
    let expired: "expired" | undefined;
    for (const protocol of request.via === "http" ? HTTP : TUNNELS) {
      const found = this.#rooms.grants.find(egressAction(request, protocol));
      if (typeof found === "object") return { id: found.id, protocol };
      expired ??= found;
    }
    return expired;
  }

  /** An MCP server of the policy is there: it is spoken to at `/mcp/<id>` only, where its tools have rules. */
  isServer(host: Host, port: Port): boolean {
    const policy = this.#rooms.policy();
    return policy.state === "loaded" && policy.isMcpServer(host, port);
  }

  stands(grant: string): boolean {
    return this.#rooms.grants.stands(grant);
  }

  /**
   * Undefined: it may go on, and the exchange holds the leave for it. A peer's endpoint is spoken to only where the
   * trust graph leads there from this agent, and as a message to that peer besides. `upgrade`: what follows the request is
   * not looked into, so that no approval may carry it.
   */
  judge(
    exchange: Exchange,
    request: EgressRequest,
    permit: NamePermit,
    grant: string | undefined,
    upgrade = false,
  ): Refused | undefined {
    const { protocol, inspect } = permit.obligations;
    // It opens nothing itself: each request inside is judged.
    if (request.via === "tunnel" && (protocol === "http" || inspect)) return undefined;
    const { governor } = this.#rooms;
    const leaves: GovernedExchange[] = [];
    const actions = this.#actions(request, protocol);
    if (upgrade && actions.some((action) => restsOnApproval(governor.preview(action)))) {
      return { reason: "governance_denied", policy: permit.policy, rule: permit.rule, detail: NO_UPGRADE };
    }
    for (const action of actions) {
      const judged = governor.judge(action, true, action.kind === "egress" ? grant : undefined);
      if (judged.kind === "refused") {
        for (const { leave } of leaves) leave.ended("unknown", 0);
        const { reason, policy, rule, message, retryAfter, askable } = judged;
        return {
          reason,
          policy,
          rule,
          askable: askable && this.#rooms.asking(),
          ...(message === undefined ? {} : { detail: message }),
          ...(retryAfter === undefined ? {} : { retryAfter }),
        };
      }
      leaves.push({ action, leave: judged });
    }
    exchange.leaves = leaves;
    return undefined;
  }

  /**
   * Why nothing may be dialled by a permit, whatever is asked: for a question of the DNS, of which nothing is used up. What
   * a wait or an approval could change still is to be asked for, so that it is no reason here.
   */
  barred({ host, port, obligations: { protocol, inspect } }: NamePermit): Refused | undefined {
    const { governor } = this.#rooms;
    if (!governor.governs()) return undefined;
    // Of requests that are judged one by one nobody knows the method and path yet.
    const isOpen = protocol === "http" || inspect;
    for (const action of this.#actions({ via: "tunnel", host, port }, protocol)) {
      const judged = isOpen && action.kind === "egress" ? governor.quarantined(action) : governor.preview(action);
      if (judged?.kind !== "refused" || judged.askable || judged.reason === "rate_limited") continue;
      const { reason, policy, rule, message } = judged;
      return { reason, policy, rule, ...(message === undefined ? {} : { detail: message }) };
    }
    return undefined;
  }

  /** Why a live exchange may not go on, as rules and behaviour are now. */
  standing(exchange: Exchange): Reason | undefined {
    for (const { action, leave } of exchange.leaves) {
      const reason = this.#rooms.governor.standing(action, leave.approval);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  #actions(request: EgressRequest, protocol: EgressGrant["protocol"]): readonly Action[] {
    const action = egressAction(request, protocol);
    const policy = this.#rooms.policy();
    const peers = policy.state === "loaded" ? peersAt(policy, request) : [];
    // The egress last: a use of its approval is taken only where all else has passed.
    return [
      ...peers.map(({ id }): Action => ({ kind: "mesh.send", peer: id, topic: undefined, bytes: undefined })),
      action,
    ];
  }
}

/** What is asked inside TLS has rules only. */
function isAskable(request: EgressRequest, reason: Reason): boolean {
  return ASKABLE.has(reason) && !(request.via === "http" && request.secure === true);
}

/** Before anything is taken: a refused WebSocket leaves the approval its use. */
function restsOnApproval(governed: Governed): boolean {
  return governed.kind === "allowed" && governed.approval !== undefined;
}

/** To who asks for a WebSocket where only an approval would let the request pass. */
export const NO_UPGRADE = "An approval of a request is none of a WebSocket.";

const HTTP = ["http"] as const;
const TUNNELS = ["tls", "tcp"] as const;

function egressAction(request: EgressRequest, protocol: EgressGrant["protocol"]): EgressAction {
  const { host, port } = request;
  return request.via === "http"
    ? {
        kind: "egress",
        host,
        port,
        protocol: request.secure === true ? "tls" : "http",
        method: request.method,
        path: request.path,
      }
    : { kind: "egress", host, port, protocol, method: undefined, path: undefined };
}
