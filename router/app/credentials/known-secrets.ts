import type { Clock } from "../../core/base/clock.ts";
import { millis } from "../../core/base/quantity.ts";
import { type LeakPattern, leakPattern } from "../../core/credential/leak-pattern.ts";
import { MINIMUM_SECRET, secretForms } from "../../core/credential/secret-forms.ts";

/** What an answer to the agent must not hold. Equal while nothing has changed, so that it can be kept. */
export interface LeakRules {
  /** The secrets themselves, ASCII, each of at least `MINIMUM_SECRET` octets. */
  readonly secrets: readonly Uint8Array[];
  /** Their spellings, for `holdsSecret` and `redactSecrets`. */
  readonly forms: readonly string[];
  /** For `EvenGate`, `LeakGate` and `LeakScan`. */
  readonly pattern: LeakPattern;
}

/** An origin may echo what it was sent before a rotation; a call takes minutes at most. */
const KEPT_MILLIS = millis(600_000);
/** Against a file that is rewritten all the time: the oldest go first. */
const MAXIMUM_SECRETS = 16;

export const NO_LEAK_RULES: LeakRules = { secrets: [], forms: [], pattern: leakPattern([]) };

/** The secrets of one source: those in use, and for ten minutes those that were. */
export class KnownSecrets {
  readonly #clock: Clock;
  /** When a secret is forgotten, in time of `monotonic`; undefined while it is in use. */
  readonly #until = new Map<string, number | undefined>();
  #nextEnd = Infinity;
  #rules: LeakRules | undefined = NO_LEAK_RULES;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** These are in use from now on, and no others. */
  use(secrets: readonly string[]): void {
    const end = this.#clock.monotonic() + KEPT_MILLIS;
    for (const [secret, until] of this.#until) {
      if (until === undefined && !secrets.includes(secret)) {
        this.#until.set(secret, end);
        this.#nextEnd = Math.min(this.#nextEnd, end);
      }
    }
    for (const secret of secrets) {
      if (secret.length < MINIMUM_SECRET) continue;
      if (!this.#until.has(secret)) this.#rules = undefined;
      this.#until.delete(secret);
      this.#until.set(secret, undefined);
    }
    for (const [secret, until] of this.#until) {
      if (this.#until.size <= MAXIMUM_SECRETS) break;
      if (until !== undefined) this.#forget(secret);
    }
  }

  rules(): LeakRules {
    const now = this.#clock.monotonic();
    if (now >= this.#nextEnd) this.#prune(now);
    this.#rules ??= rulesOf([...this.#until.keys()]);
    return this.#rules;
  }

  #prune(now: number): void {
    this.#nextEnd = Infinity;
    for (const [secret, until] of this.#until) {
      if (until === undefined) continue;
      if (until <= now) this.#forget(secret);
      else this.#nextEnd = Math.min(this.#nextEnd, until);
    }
  }

  #forget(secret: string): void {
    this.#until.delete(secret);
    this.#rules = undefined;
  }
}

function rulesOf(secrets: readonly string[]): LeakRules {
  const forms = secretForms(secrets);
  return { secrets: secrets.map((secret) => Buffer.from(secret, "latin1")), forms, pattern: leakPattern(forms) };
}
