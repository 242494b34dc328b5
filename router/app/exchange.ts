import type { Clock } from "../core/base/clock.ts";
import { type Millis, millis } from "../core/base/quantity.ts";
import type { Reason } from "../core/base/reason.ts";
import type { ConnectionPlace } from "../core/policy/connection-counts.ts";
import type { EgressGrant } from "../core/policy/decide.ts";
import type { EgressRequest } from "../core/policy/egress-request.ts";
import type { NetworkFacts } from "../core/policy/network.ts";
import type { NamePermit, PolicyIdentity } from "../core/policy/permit.ts";
import type { PolicySnapshot } from "../core/policy/snapshot.ts";
import type { RecordedStart } from "../core/outcome/audit-projection.ts";
import type { Outcome } from "../core/outcome/outcome.ts";
import type { Action } from "../core/governance/action.ts";
import type { IpAddress } from "../core/wire/ip-address.ts";
import type { Leave } from "./governance/governor.ts";
import { recordedRequest } from "./learning/recorded-request.ts";
import type { TraceContext } from "../core/wire/traceparent.ts";

/**
 * Which way an exchange came in, as records say: the listener or what it speaks, and for requests inside TLS that ends here
 * `inspection`, whatever the tunnel came through. `forward`: absolute-form at the proxy port. `tls`, `http`: redirected.
 */
export type Door = "connect" | "fetch" | "forward" | "http" | "inspection" | "socks" | "tls";

/** An action that an exchange is, and the leave for it. */
export interface GovernedExchange {
  readonly action: Action;
  readonly leave: Leave;
}

/** Receives each outcome once: audit, metrics and log are its projections. */
export type Settle = (outcome: Outcome, admitted: boolean, exchange: Exchange) => void;

/**
 * One exchange from its first byte to its one outcome. It keeps what the steps of the corridor learn, carries the
 * signal that every wait of it obeys, and makes sure that it is settled exactly once.
 */
export class Exchange {
  readonly start: RecordedStart;
  readonly request: EgressRequest | undefined;
  /** Its durable record exists: from here on the end is an `egress.end`. */
  admitted = false;
  seat = 0;
  /** What was in force when it was judged. */
  judgedBy:
    | {
        readonly policy: PolicySnapshot;
        readonly models: object;
        readonly network: NetworkFacts;
        readonly governance: number;
      }
    | undefined;
  /** The approval that stands in the place of a rule. */
  grant: EgressGrant | undefined;
  /** What the governance policy took for it; to be told of its end. */
  leaves: readonly GovernedExchange[] = [];
  /** The tunnel that carries this request, if it is open and counts for both. */
  within: Exchange | undefined;
  permit: NamePermit | undefined;
  address: IpAddress | undefined;
  bytesOut = 0;
  bytesIn = 0;
  status: number | undefined;
  resolve: Millis | undefined;
  connect: Millis | undefined;

  readonly #clock: Clock;
  readonly #began: Millis;
  readonly #settle: Settle;
  readonly #abort = new AbortController();
  #cutReason: Reason | undefined;
  #onCut: ((reason: Reason) => void) | undefined;
  #settled = false;
  #place: ConnectionPlace | undefined;

  constructor(
    id: string,
    action: string,
    request: EgressRequest | undefined,
    clock: Clock,
    settle: Settle,
    via: Door | undefined,
    trace?: TraceContext,
  ) {
    const { host, port } = request ?? {};
    this.start = { request: id, action, host, port, at: clock.now(), trace, via, ...recordedRequest(request) };
    this.request = request;
    this.#clock = clock;
    this.#began = clock.monotonic();
    this.#settle = settle;
  }

  /** Aborted when the exchange is cut or its agent is gone. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get cutReason(): Reason | undefined {
    return this.#cutReason;
  }

  /** Its place among the connections of its rule. */
  get place(): ConnectionPlace | undefined {
    return this.#place;
  }

  /** Takes a place over, to be given back at its end. */
  hold(place: ConnectionPlace): void {
    this.#place?.release();
    if (this.#settled) place.release();
    else this.#place = place;
  }

  /** What else must happen at a cut, once bytes flow. */
  onCut(callback: (reason: Reason) => void): void {
    this.#onCut = callback;
    if (this.#cutReason !== undefined) callback(this.#cutReason);
  }

  /** Ends the exchange for a reason of ours: policy changed, drain. */
  cut(reason: Reason): void {
    if (this.#cutReason !== undefined || this.#settled) return;
    this.#cutReason = reason;
    this.#abort.abort();
    this.#onCut?.(reason);
  }

  /** The agent is gone: pending steps stop. */
  abandon(): void {
    this.#abort.abort();
  }

  elapsed(): Millis {
    return millis(this.#clock.monotonic() - this.#began);
  }

  completed(): void {
    this.#end({ kind: "completed" }, this.permit?.policy, this.permit?.rule);
  }

  refused(reason: Reason, policy: PolicyIdentity | undefined, rule: string | undefined, detail?: string): void {
    const left = this.#abort.signal.aborted && this.#cutReason === undefined;
    // A lookup or a dial that the agent itself broke off says nothing of the name or the origin.
    if (left && (reason === "dns_failure" || reason === "upstream_unreachable")) this.aborted(undefined, "agent_reset");
    else this.#end({ kind: "refused", reason, detail }, policy, rule);
  }

  aborted(reason: Reason | undefined, detail?: string): void {
    this.#end({ kind: "aborted", reason, detail }, this.permit?.policy, this.permit?.rule);
  }

  #end(
    how:
      | { readonly kind: "completed" }
      | { readonly kind: "refused"; readonly reason: Reason; readonly detail: string | undefined }
      | { readonly kind: "aborted"; readonly reason: Reason | undefined; readonly detail: string | undefined },
    policy: PolicyIdentity | undefined,
    rule: string | undefined,
  ): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#place?.release();
    this.#place = undefined;
    const succeeded = how.kind === "completed";
    for (const { leave } of this.leaves) leave.ended(succeeded ? "succeeded" : "failed", this.bytesOut);
    this.#settle(
      {
        ...how,
        start: this.start,
        policy,
        rule,
        facts: {
          address: this.address,
          bytesOut: this.bytesOut,
          bytesIn: this.bytesIn,
          status: this.status,
          resolve: this.resolve,
          connect: this.connect,
          total: this.elapsed(),
        },
      },
      this.admitted,
      this,
    );
  }
}
