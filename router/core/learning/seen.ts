import type { EpochMillis, Port } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import type { Host } from "../wire/host.ts";
import type { PathShape } from "./path-shape.ts";
import type { SeenKind } from "./seen-kind.ts";

/** What of an exchange is the same for many. */
export interface SeenTarget {
  readonly host: Host;
  readonly port: Port;
  readonly kind: SeenKind;
  /** Undefined: a tunnel, or a request whose method no rule can name. */
  readonly method: string | undefined;
  /** Undefined: a tunnel, or a request whose path no rule can name. */
  readonly shape: PathShape | undefined;
}

export interface Tally {
  readonly count: number;
  readonly first: EpochMillis;
  readonly last: EpochMillis;
  /** Octets of payload. */
  readonly bytesOut: number;
  readonly bytesIn: number;
}

/** How the last exchange of an entry came to be allowed. */
export interface Verdict {
  /** What allows it already, also when enforcing: a rule, or `approval/<id>`. */
  readonly rule: string | undefined;
  /** What enforcing would have refused it for; undefined where a rule allows it. */
  readonly unlisted: Reason | undefined;
}

/** Refusals of what the same entry covers. */
export interface Refusals {
  readonly count: number;
  /** Of the last. */
  readonly reason: Reason;
}

/** One kind of traffic, as often as it came. */
export interface SeenEntry extends SeenTarget, Tally, Verdict {
  /** Not zero in one of them: `count` of what was allowed, or the refusals. */
  readonly refused: Refusals | undefined;
}

/** One exchange that has ended. */
export interface Observation extends SeenTarget {
  readonly at: EpochMillis;
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly outcome: ({ readonly allowed: true } & Verdict) | { readonly allowed: false; readonly reason: Reason };
}

/** The refusals that stand in learn mode too: a suggestion must not lead around them. */
export const LASTING: readonly Reason[] = ["denied_by_rule", "blocklisted", "inference_only", "address_not_allowed"];

/** Methods as rules name them; others no rule can name. */
export function namedMethod(method: string): string | undefined {
  return /^[A-Z][A-Z0-9_-]{0,31}$/.test(method) && method !== "CONNECT" ? method : undefined;
}
