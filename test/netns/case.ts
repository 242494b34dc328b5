import { type Family, type PORTS, ROUTER_UID } from "../../init-egress-guard/settings.ts";

/**
 * What the one who tries must be told. `refused`: an error within 100 ms. `kept`: anything but an answer from outside
 * or from a squatter (dropped by design, led to the router, or the kernel's own error). Otherwise: this very answer.
 */
export type Expected = "refused" | "kept" | { readonly answer: string };

/** A kind and its arguments, as `actor.py` knows them. */
export interface Attempt {
  readonly kind: string;
  readonly to?: string;
  readonly payload?: string;
  readonly [argument: string]: unknown;
}

export interface Case {
  readonly id: string;
  readonly family: Family;
  /** A UID in the pod, `raw` (UID 0 with CAP_NET_RAW), or `outside`. */
  readonly actor: string;
  /** Whatever must have happened first is in `hold` (before conntrack forgets all) or `before`. */
  readonly phase: "hold" | "before" | "go";
  readonly attempt: Attempt;
  readonly expected: Expected;
  /** A frame for one of these addresses, outside, is this attempt's. */
  readonly remote: readonly string[];
  /** Whether such frames may leave. */
  readonly mayLeave: boolean;
}

export type Add = (
  name: string,
  expected: Expected,
  attempt: Attempt,
  remote?: readonly string[],
  more?: Partial<Case>,
) => void;

export const ROUTER = String(ROUTER_UID);
export const LOOPBACK = { ipv4: "127.0.0.1", ipv6: "::1" } as const;
export const OUTSIDE: Expected = { answer: "outside" };
/** What the router sends, before everything else, once it is asked to close with data unsent. */
export const ORPHAN_BYTES = 400_000;

export function router(port: (typeof PORTS)[keyof typeof PORTS]): Expected {
  return { answer: `router:${port}` };
}

/** Puts cases of one actor into a list. Who may not leave sends its own case's name, to be known by it outside. */
export function adder(cases: Case[], family: Family, actor: string, mayLeave: boolean): Add {
  return (name, expected, attempt, remote = [], more = {}) => {
    const who = /^\d/.test(actor) && actor !== ROUTER ? `UID ${actor}` : actor === ROUTER ? "router" : actor;
    const id = `${family} ${who}: ${name}`;
    const payload = mayLeave ? {} : { payload: `LEAK ${id}` };
    // An answer that should come is waited for, however busy the machine.
    const patience = typeof expected === "object" ? { wait: 1.5 } : {};
    cases.push({
      id,
      family,
      actor,
      phase: "go",
      expected,
      remote,
      mayLeave,
      ...more,
      attempt: { ...payload, ...patience, ...attempt },
    });
  };
}

let next = 0;

/**
 * Each attempt has an address of its own outside, so that a frame says whose it is; no two batteries share one, since
 * what an earlier one has set off may be sent again much later.
 */
export function anywhere(family: Family): string {
  next += 1;
  const [high, low] = [next >> 8, next & 255];
  // No group of zeros: two spellings would be one address.
  return family === "ipv4"
    ? `198.18.${high}.${low}`
    : `2001:db8:${(high + 1).toString(16)}:${(low + 1).toString(16)}::1`;
}
