import { assertNever } from "../base/assert-never.ts";
import { type EpochMillis, epochMillis, type Millis } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";

/** What was last accepted under one kind and name; it is kept over restarts (`edge/trust/high-water-mark.ts`). */
export interface HighWaterMark {
  readonly version: number;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** The latest `issuedAt` ever accepted, so that it never falls with a higher version. */
  readonly issuedAt: EpochMillis;
  /** The latest wall time at which this mark was looked at. */
  readonly lastSeen: EpochMillis;
}

/** The signed fields that say when and for whom a document counts. */
export interface DatedDocument {
  readonly kind: string;
  readonly name: string;
  readonly version: number;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  readonly audience: { readonly namespaces: readonly string[]; readonly agents: readonly string[] };
}

export interface FreshnessQuestion {
  readonly document: DatedDocument;
  /** `sha256:` and 64 hex digits, over the document's bytes as signed. */
  readonly digest: string;
  /** Undefined only where this kind and name was never accepted here: then rollback cannot be noticed. */
  readonly mark: HighWaterMark | undefined;
  /** From the pod's own identity, never from a request. */
  readonly identity: { readonly namespace: string; readonly agent: string };
  readonly now: EpochMillis;
  readonly expiryGrace: Millis;
}

export interface Freshness {
  /** `ageing` from 80 % of the life on; `grace` after `expiresAt`, while the grace lasts. Both are to be said aloud. */
  readonly phase: "fresh" | "ageing" | "grace";
  /** The part of the life that is over; above 1 in the grace. */
  readonly lifeUsed: number;
  /** The time that was believed: the latest of the clock and what the mark remembers. */
  readonly time: EpochMillis;
  /** The clock is more than five minutes behind what the mark remembers. */
  readonly clockMovedBack: boolean;
  /** What to store before the document takes effect. */
  readonly mark: HighWaterMark;
}

export type FreshnessCode =
  | "wrong_audience"
  | "rolled_back"
  | "equivocation"
  | "fast_forward"
  | "issued_in_future"
  | "expired";

export interface FreshnessProblem {
  readonly code: FreshnessCode;
  readonly message: string;
}

/** Clocks of signer and pod may differ by this much, and a pod's clock may be corrected by as much unnoticed. */
const CLOCK_TOLERANCE = 5 * 60 * 1000;
/** One version may not jump further: whoever signs 2^53-1 once would lock every later version out. */
const MAXIMUM_JUMP = 1_000_000;
/** The same guard for the first version ever seen. */
const MAXIMUM_FIRST_VERSION = 2 ** 31;
const AGEING_FROM = 0.8;

/**
 * Whether a document with a valid signature is also for us, new, and not over. A signature proves none of
 * these (governance-audit.md 3.7). Every comparison is written so that NaN refuses.
 *
 * Time never runs backwards here: the later of `now` and the mark's times is believed, so that a clock set
 * back does not revive an expired document.
 */
export function judgeFreshness(question: FreshnessQuestion): Result<Freshness, FreshnessProblem> {
  const { document, digest, mark, identity, now, expiryGrace } = question;
  const { namespaces, agents } = document.audience;
  if (!includes(namespaces, identity.namespace) || !includes(agents, identity.agent)) {
    return refuse("wrong_audience", question);
  }
  if (mark === undefined) {
    if (!(document.version <= MAXIMUM_FIRST_VERSION)) return refuse("fast_forward", question);
  } else {
    if (!(document.version >= mark.version)) return refuse("rolled_back", question);
    if (document.version === mark.version && digest !== mark.digest) return refuse("equivocation", question);
    if (!(document.version <= mark.version + MAXIMUM_JUMP)) return refuse("fast_forward", question);
  }
  const time = epochMillis(Math.max(now, mark?.issuedAt ?? now, mark?.lastSeen ?? now));
  if (!(document.issuedAt <= time + CLOCK_TOLERANCE)) return refuse("issued_in_future", question);
  const life = document.expiresAt - document.issuedAt;
  if (!(life > 0 && time < document.expiresAt + expiryGrace)) return refuse("expired", question);
  const lifeUsed = Math.max(0, (time - document.issuedAt) / life);
  return ok({
    phase: time >= document.expiresAt ? "grace" : lifeUsed >= AGEING_FROM ? "ageing" : "fresh",
    lifeUsed,
    time,
    clockMovedBack: mark !== undefined && now < Math.max(mark.lastSeen, mark.issuedAt) - CLOCK_TOLERANCE,
    mark: {
      version: document.version,
      digest,
      issuedAt: epochMillis(Math.max(document.issuedAt, mark?.issuedAt ?? document.issuedAt)),
      lastSeen: time,
    },
  });
}

function includes(list: readonly string[], name: string): boolean {
  return list.includes("*") || list.includes(name);
}

function refuse(code: FreshnessCode, question: FreshnessQuestion): Result<never, FreshnessProblem> {
  return fail({ code, message: sentence(code, question) });
}

function sentence(code: FreshnessCode, { document, digest, mark, identity }: FreshnessQuestion): string {
  const what = `${document.kind} ${document.name} version ${document.version}`;
  switch (code) {
    case "wrong_audience":
      return `${what} is not for agent ${identity.agent} in namespace ${identity.namespace}.`;
    case "rolled_back":
      return `${what} is older than version ${mark?.version}, which was accepted before; sign a higher version.`;
    case "equivocation":
      return `${what} has digest ${digest}, but the same version was accepted as ${mark?.digest}; sign a higher version.`;
    case "fast_forward":
      return mark === undefined
        ? `${what} is over ${MAXIMUM_FIRST_VERSION}, the highest first version.`
        : `${what} is more than ${MAXIMUM_JUMP} above version ${mark.version}, which was accepted before.`;
    case "issued_in_future":
      return `${what} is issued in the future, at ${document.issuedAt} ms; check the clocks of signer and node.`;
    case "expired":
      return `${what} expired at ${document.expiresAt} ms, and its grace is over; sign a new version.`;
    default:
      return assertNever(code);
  }
}
