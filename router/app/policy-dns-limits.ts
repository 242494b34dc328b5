import type { Millis } from "../core/base/quantity.ts";
import type { CompiledPolicy, PolicySnapshot } from "../core/policy/snapshot.ts";
import type { Hostname } from "../core/wire/hostname.ts";
import { bitsIn } from "../core/wire/name-density.ts";

/** Questions a second, with two seconds' worth at once. */
export class QueryRate {
  readonly #perSecond: number;
  #level: number;
  #at: Millis;

  constructor(perSecond: number, now: Millis) {
    this.#perSecond = perSecond;
    this.#level = 2 * perSecond;
    this.#at = now;
  }

  /** `now` is monotonic. */
  take(now: Millis): boolean {
    const gained = (Math.max(0, now - this.#at) * this.#perSecond) / 1_000;
    this.#level = Math.min(2 * this.#perSecond, this.#level + gained);
    this.#at = now;
    if (!(this.#level >= 1)) return false;
    this.#level -= 1;
    return true;
  }
}

/**
 * Where an allowed name has been invented freely: the part of it that no rule writes out, and below what it stands.
 * Undefined where a rule names the host exactly: then the policy chose every letter. Of several wildcards the widest
 * counts, so that no narrower one gives names anew.
 */
export function inventedPart(
  policy: CompiledPolicy,
  host: Hostname,
): { readonly text: string; readonly below: string } | undefined {
  let below: string | undefined;
  for (const rule of policy.allowFor({ kind: "name", text: host })) {
    for (const { kind, name } of rule.hosts) {
      if (kind === "exact" ? host === name : false) return undefined;
      if (kind !== "exact" && host.endsWith(`.${name}`) && (below === undefined || name.length < below.length)) {
        below = name;
      }
    }
  }
  // Learn mode, where no rule names it: all of it, counted below its domain.
  if (below === undefined) return { text: host, below: host.split(".").slice(-2).join(".") };
  return { text: host.slice(0, -below.length - 1), below };
}

const HOUR_MILLIS = 3_600_000;
/** Names below all wildcards together, unless one alone may have more. */
const MOST_NAMES = 20_000;
/** What a name may carry: forty octets. Two labels full of encoded data carry more, names that people give do not. */
const MOST_BITS = 320;

const NOVELTY = {
  dense: "The name carries more than a name does.",
  many: "Too many names below this wildcard within an hour.",
} as const;

/**
 * How many names below each wildcard the resolver is told of in an hour, whichever door they came through: each tells who
 * answers for the wildcard's names something, up to `MOST_BITS`. A name that was told of within the hour tells nothing new.
 */
export class InventedNames {
  readonly #perHour: number;
  readonly #pinned: Pick<ReadonlySet<Hostname>, "has">;
  readonly #most: number;
  /** By wildcard: when each name was first told, oldest first. */
  readonly #told = new Map<string, Map<string, number>>();
  #size = 0;

  /** `pinned`: names that the resolver answers by itself. */
  constructor(perHour: number, pinned: Pick<ReadonlySet<Hostname>, "has"> = new Set()) {
    this.#perHour = perHour;
    this.#pinned = pinned;
    this.#most = Math.max(perHour, MOST_NAMES);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Why the resolver may not be told of a name that a rule, or learn mode, allows (a sentence); undefined: it may, and
   * counts as told. Not for names that an approval allows: each is of one host. `now` is monotonic.
   */
  obstacle(policy: PolicySnapshot, host: Hostname, now: Millis): string | undefined {
    if (this.#pinned.has(host)) return undefined;
    if (policy.state === "missing") return "No egress policy is loaded.";
    const part = inventedPart(policy, host);
    const novelty = part === undefined ? "ok" : this.admit(part, now);
    return novelty === "ok" ? undefined : NOVELTY[novelty];
  }

  /** `now` is monotonic. `dense`: no name should say so much. `many`: the hour's names are used up. */
  admit({ text, below }: { readonly text: string; readonly below: string }, now: Millis): "ok" | "dense" | "many" {
    if (bitsIn(text) > MOST_BITS) return "dense";
    const names = this.#told.get(below);
    if (names !== undefined) this.#forget(below, names, now);
    if (names?.has(text) === true) return "ok";
    if ((names?.size ?? 0) >= this.#perHour) return "many";
    if (this.#size >= this.#most) {
      for (const [other, held] of this.#told) this.#forget(other, held, now);
      if (this.#size >= this.#most) return "many";
    }
    // `#forget` takes a wildcard without names out of the map.
    const kept = this.#told.get(below) ?? new Map<string, number>();
    kept.set(text, now);
    this.#told.set(below, kept);
    this.#size += 1;
    return "ok";
  }

  #forget(below: string, names: Map<string, number>, now: Millis): void {
    for (const [name, at] of names) {
      if (now - at < HOUR_MILLIS) break;
      names.delete(name);
      this.#size -= 1;
    }
    if (names.size === 0) this.#told.delete(below);
  }
}
