import { type CallEstimate, costOf, leastOutput, outputThatFits, saturated, tokensOf } from "./amount.ts";
import type { SharedCount } from "./shared-answer.ts";
import type { SharedRule } from "./shared-key.ts";

/** What one call holds of a lease. */
export interface LeaseHold {
  readonly rules: readonly SharedRule[];
  /** For each rule, in its unit. */
  readonly amounts: readonly number[];
  readonly tokens: number;
  /** Billionths of a dollar. */
  readonly cost: number;
  /** Output tokens of one choice. */
  readonly output: number;
  /** The rule that made it less than what was asked for. */
  readonly clampedBy: string | undefined;
  /** During which outage. */
  readonly outage: number;
}

/** What was used under leases and the server has not been told: to be charged to the rules, in the same order. */
export interface LeaseReport {
  readonly rules: readonly SharedRule[];
  readonly amounts: readonly number[];
}

interface LeasedRule {
  readonly rule: SharedRule;
  /** Of this outage's lease; undefined: nobody has asked for it in this outage. */
  left: number | undefined;
  /** Held by calls that have not ended. */
  open: number;
  /** Used, and not reported. */
  used: number;
}

/**
 * What a pod may use while the shared ledger is down: of each budget a part of what was left at the last answer, once an
 * outage. What it has not reported yet is taken off first, so a ledger that comes and goes gives less each time. It is kept
 * in memory only: a process that starts while the ledger is down has seen no answer, and has no lease.
 */
export class SharedLease {
  readonly #percent: number;
  readonly #rules = new Map<string, LeasedRule>();
  #outage = 0;

  /** 1 to 100 */
  constructor(percent: number) {
    this.#percent = percent;
  }

  /** An outage begins. */
  begin(): void {
    this.#outage += 1;
    for (const [key, leased] of this.#rules) {
      leased.left = undefined;
      if (leased.open === 0 && leased.used === 0) this.#rules.delete(key);
    }
  }

  /**
   * Of all rules, or of none. `known`: what the server last said of each; a rule of which it said nothing has no lease.
   * Undefined: the lease does not reach.
   */
  hold(
    rules: readonly SharedRule[],
    known: (rule: SharedRule) => SharedCount | undefined,
    call: CallEstimate,
  ): LeaseHold | undefined {
    const leased = rules.map((rule) => this.#of(rule, known(rule)));
    const least = leastOutput(call);
    let output = call.output;
    let clampedBy: string | undefined;
    for (const { rule, left } of leased) {
      const fits = outputThatFits(rule.rule.unit, left ?? 0, call);
      if (fits < least) return undefined;
      if (fits < output) {
        output = fits;
        clampedBy = rule.rule.id;
      }
    }
    const tokens = tokensOf(call, output);
    const cost = call.price === undefined ? 0 : costOf(call, call.price, output);
    const amounts = rules.map((rule) => amountOf(rule, tokens, cost));
    for (const [at, one] of leased.entries()) {
      one.left = (one.left ?? 0) - (amounts[at] ?? 0);
      one.open += amounts[at] ?? 0;
    }
    return { rules, amounts, tokens, cost, output, clampedBy, outage: this.#outage };
  }

  /** The call has ended and used this much, be it more than was held. */
  settle(hold: LeaseHold, tokens: number, cost: number): void {
    this.#end(hold, (rule) => amountOf(rule, tokens, cost));
  }

  /** Nothing of the call was used. */
  release(hold: LeaseHold): void {
    this.#end(hold, () => 0);
  }

  /** What is to be reported now; undefined: nothing. Until `reported` it stays taken off. */
  report(): LeaseReport | undefined {
    const due = [...this.#rules.values()].filter(({ used }) => used > 0);
    return due.length === 0 ? undefined : { rules: due.map(({ rule }) => rule), amounts: due.map(({ used }) => used) };
  }

  reported({ rules, amounts }: LeaseReport): void {
    for (const [at, { key }] of rules.entries()) {
      const leased = this.#rules.get(key);
      if (leased !== undefined) leased.used -= amounts[at] ?? 0;
    }
  }

  #of(rule: SharedRule, known: SharedCount | undefined): LeasedRule {
    let leased = this.#rules.get(rule.key);
    if (leased === undefined) {
      leased = { rule, left: undefined, open: 0, used: 0 };
      this.#rules.set(rule.key, leased);
    }
    if (leased.left === undefined) {
      const counted = known?.used === undefined ? rule.rule.limit : known.used + known.reserved;
      const room = Math.max(0, rule.rule.limit - counted - leased.open - leased.used);
      leased.left = Math.floor((room / 100) * this.#percent);
    }
    return leased;
  }

  #end(hold: LeaseHold, usedOf: (rule: SharedRule) => number): void {
    for (const [at, rule] of hold.rules.entries()) {
      const leased = this.#rules.get(rule.key);
      if (leased === undefined) continue;
      const held = hold.amounts[at] ?? 0;
      const used = usedOf(rule);
      leased.open -= held;
      leased.used = saturated(leased.used + used);
      // What a call gives back belongs to the lease that it was taken from, and to no later one.
      if (leased.left !== undefined && hold.outage === this.#outage) leased.left += held - used;
    }
  }
}

function amountOf({ rule: { unit } }: SharedRule, tokens: number, cost: number): number {
  if (unit === "requests") return 1;
  return unit === "tokens" ? tokens : cost;
}
