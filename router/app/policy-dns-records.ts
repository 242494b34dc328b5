import type { AuditEvent, AuditValue } from "../core/audit/audit-event.ts";
import type { Clock } from "../core/base/clock.ts";
import type { Reason } from "../core/base/reason.ts";
import type { Result } from "../core/base/result.ts";
import type { PolicyIdentity } from "../core/policy/permit.ts";

/** What one question came to. */
export interface DnsVerdict {
  /** `dns.A`, `dns.AAAA`, `dns.TYPE65`. */
  readonly action: string;
  /** The name, fit for a record. */
  readonly target: string;
  readonly decision: "allow" | "deny";
  readonly reason: Reason | null;
  readonly rule: string | null;
  readonly policy: PolicyIdentity | null;
  readonly detail?: { readonly [key: string]: AuditValue };
}

export interface DnsRecordRooms {
  readonly clock: Clock;
  /** Resolves when the record is durable as the audit mode demands. */
  record(event: AuditEvent): Promise<Result<void, "audit_unavailable">>;
  recordSoon(event: AuditEvent): void;
}

/** Verdicts that are remembered, of each decision; a program asks for a few dozen names. */
const MOST_REMEMBERED = 4_096;
const MINUTE_MILLIS = 60_000;
/** Records of repetitions that one minute may end in: the audit log's queue has other events to take. */
const MOST_REPEATED = 512;

interface Remembered {
  readonly verdict: DnsVerdict;
  readonly since: number;
  readonly recorded: Promise<boolean>;
  /** After the one that is on record. */
  again: number;
}

/**
 * Puts answers and refusals on record: the first of a name, a type, a policy, a verdict and its addresses at once, how
 * often it came again within the minute at its end. Refusals beyond what is remembered share one record a minute, and so
 * do questions over the rate; an allowed answer never does.
 */
export class DnsRecords {
  readonly #rooms: DnsRecordRooms;
  readonly #allowed = new Map<string, Remembered>();
  readonly #refused = new Map<string, Remembered>();
  #unnamed = 0;
  #limited = 0;
  #malformed = 0;

  constructor(rooms: DnsRecordRooms) {
    this.#rooms = rooms;
  }

  get size(): number {
    return this.#allowed.size + this.#refused.size;
  }

  /** True once it is on record, as durably as the audit mode demands; else the answer must not be given. */
  async allow(verdict: DnsVerdict): Promise<boolean> {
    const key = keyOf(verdict);
    const known = this.#known(this.#allowed, key);
    if (known !== undefined) {
      known.again += 1;
      return known.recorded;
    }
    const recorded = this.#rooms.record(this.#event(verdict)).then(({ ok }) => ok);
    if (this.#allowed.size < MOST_REMEMBERED) this.#remember(this.#allowed, key, verdict, recorded);
    const isRecorded = await recorded;
    // Nobody may rest on a record that is not there.
    if (!isRecorded) this.#allowed.delete(key);
    return isRecorded;
  }

  refuse(verdict: DnsVerdict): void {
    const key = keyOf(verdict);
    const known = this.#known(this.#refused, key);
    if (known !== undefined) known.again += 1;
    else if (this.#refused.size >= MOST_REMEMBERED) this.#unnamed += 1;
    else {
      this.#rooms.recordSoon(this.#event(verdict));
      this.#remember(this.#refused, key, verdict, Promise.resolve(true));
    }
  }

  /** A question over the rate: its name is not looked at. */
  limit(): void {
    this.#limited += 1;
  }

  malform(): void {
    this.#malformed += 1;
  }

  /** To be called every minute, and at the end with `everything`. */
  sweep(everything = false): void {
    const now = this.#rooms.clock.monotonic();
    let told = 0;
    let untold = 0;
    for (const remembered of [this.#allowed, this.#refused]) {
      for (const [key, held] of remembered) {
        if (!everything && now - held.since < MINUTE_MILLIS) continue;
        remembered.delete(key);
        if (held.again === 0) continue;
        if (told < MOST_REPEATED) this.#tellAgain(held);
        else untold += held.again;
        told += 1;
      }
    }
    this.#sum("dns.overflow", "deny", null, this.#unnamed);
    this.#sum("dns.repeated", "none", null, untold);
    this.#sum("dns.limited", "deny", "rate_limited", this.#limited);
    this.#sum("dns.malformed", "deny", "malformed_request", this.#malformed);
    this.#unnamed = this.#limited = this.#malformed = 0;
  }

  /** Undefined where its minute is over: then it is told anew. */
  #known(remembered: Map<string, Remembered>, key: string): Remembered | undefined {
    const held = remembered.get(key);
    if (held === undefined || this.#rooms.clock.monotonic() - held.since < MINUTE_MILLIS) return held;
    remembered.delete(key);
    if (held.again > 0) this.#tellAgain(held);
    return undefined;
  }

  #remember(remembered: Map<string, Remembered>, key: string, verdict: DnsVerdict, recorded: Promise<boolean>): void {
    remembered.set(key, { verdict, since: this.#rooms.clock.monotonic(), recorded, again: 0 });
  }

  #tellAgain({ verdict, again }: Remembered): void {
    this.#rooms.recordSoon(this.#event({ ...verdict, detail: { ...verdict.detail, again } }));
  }

  #sum(action: string, decision: AuditEvent["decision"], reason: Reason | null, count: number): void {
    if (count === 0) return;
    this.#rooms.recordSoon(
      this.#event({ action, target: "*", decision, reason, rule: null, policy: null, detail: { count } }),
    );
  }

  #event(verdict: Omit<DnsVerdict, "decision"> & Pick<AuditEvent, "decision">): AuditEvent {
    return { ...verdict, time: this.#rooms.clock.now(), kind: "dns", request: null };
  }
}

/** In any order, as resolvers turn them; the resolver gives 16 of a family at most. */
function keyOf({ action, target, decision, reason, rule, policy, detail }: DnsVerdict): string {
  const { addresses, removed } = detail ?? {};
  const given = [addresses, removed].map((list) =>
    Array.isArray(list)
      ? list
          .map(String)
          .toSorted((one, other) => (one < other ? -1 : 1))
          .join(",")
      : "",
  );
  return [action, decision, reason ?? "", rule ?? "", policy?.digest ?? "", ...given, target].join(" ");
}
