import type { EpochMillis, Millis, Port } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import type { PolicyIdentity } from "../policy/permit.ts";
import type { Host } from "../wire/host.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { TraceContext } from "../wire/traceparent.ts";

/** What is known of an exchange before it is judged. Host and port are undefined where the request had no readable form. */
export interface ExchangeStart {
  /** The request id. */
  readonly request: string;
  /** `connect`, or `http.` and the method. */
  readonly action: string;
  readonly host: Host | undefined;
  readonly port: Port | undefined;
  readonly at: EpochMillis;
  /** As the agent says. */
  readonly trace: TraceContext | undefined;
}

/** What an exchange carried and how long its parts took; a part that did not happen is undefined. */
export interface ExchangeFacts {
  readonly address: IpAddress | undefined;
  /** Octets of payload from the agent to the origin. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** The origin's status, for plain HTTP. */
  readonly status: number | undefined;
  readonly resolve: Millis | undefined;
  readonly connect: Millis | undefined;
  readonly total: Millis;
}

/**
 * How one exchange ended; every exchange ends in exactly one. Audit, metrics, the log line and the reply to the
 * agent are projections of it.
 * - `refused`: nothing of the agent's reached an origin.
 * - `completed`: agent and origin finished by themselves.
 * - `aborted`: it was cut off, by a peer (`reason` undefined) or by us.
 */
export type Outcome = {
  readonly start: ExchangeStart;
  readonly policy: PolicyIdentity | undefined;
  readonly rule: string | undefined;
  readonly facts: ExchangeFacts;
} & (
  | { readonly kind: "refused"; readonly reason: Reason; readonly detail: string | undefined }
  | { readonly kind: "completed" }
  | { readonly kind: "aborted"; readonly reason: Reason | undefined; readonly detail: string | undefined }
);
