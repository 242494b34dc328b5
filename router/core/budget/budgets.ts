import { Numbered } from "../base/numbered.ts";
import type { Millis } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { admitCall, type Admission } from "./admit-call.ts";
import { type CallEstimate, saturated } from "./amount.ts";
import { type BudgetPolicy, type Counted, type ModelPlan, planModels, type RateEntry } from "./budget-plan.ts";
import type { BudgetNow, ClockStep } from "./budget-time.ts";
import { type BudgetView, viewPlans } from "./budget-view.ts";
import { CounterStore } from "./counter-store.ts";
import type { NotAdmitted } from "./exhausted.ts";
import type { BudgetState, OpenState } from "./ledger-state.ts";
import { type RateView, viewRates } from "./rate-view.ts";

/** A call that was admitted. It is counted until it is settled or released, whatever happens to it. */
export interface Reservation {
  readonly id: number;
  readonly model: string;
  /** The output tokens that each choice may have; at most what was asked for. */
  readonly outputCap: number;
  /** The id of the rule that made it less than what was asked for. */
  readonly clampedBy: string | undefined;
  /** Output tokens, of all choices together, at which a budget with `cut` ends the stream. */
  readonly cut: number | undefined;
  /** What is held for it at most: tokens in and out, and billionths of a dollar. */
  readonly tokens: number;
  readonly cost: number;
  /** False: no budget remembers it, and nothing need be written down. */
  readonly durable: boolean;
}

/** What a call used. Neither number is ever guessed to be 0: who does not know it, estimates. */
export interface Charge {
  readonly tokens: number;
  /** Whole billionths of a dollar. */
  readonly cost: number;
  readonly estimated: boolean;
}

/** What a call was charged in the end. */
export interface Settled extends Charge {
  readonly reservation: Reservation;
}

interface Held extends Reservation {
  /** When it was admitted. */
  readonly at: Millis;
  readonly counted: readonly Counted[];
  readonly rates: readonly RateEntry[];
}

/** More calls than any router has open; a leak ends here instead of filling the memory. */
const MOST_OPEN = 65_536;

/**
 * All budgets and rate limits of a pod. Everything here is one synchronous step, so between the question whether a call
 * fits and its reservation no other call comes in: the sum of what is used and reserved never exceeds a limit.
 *
 * A request is counted in the window in which it was admitted. Tokens and dollars are charged to the window in which the
 * call ended, and until then what is reserved for them counts in every window.
 */
export class Budgets {
  readonly #store = new CounterStore();
  readonly #open = new Numbered<Held>();
  #policy: BudgetPolicy;
  #plans: ReadonlyMap<string, ModelPlan>;
  #next: number;

  constructor(policy: BudgetPolicy, now: BudgetNow, state?: BudgetState) {
    const counters = (state?.counters ?? []).map((kept) => ({
      unit: kept.unit,
      counter: this.#store.restore(kept, kept.state, now),
    }));
    for (const open of state?.open ?? []) {
      const counted = open.counters.flatMap((index): readonly Counted[] => {
        const { unit, counter } = counters[index] ?? {};
        return unit === undefined || counter === undefined ? [] : [{ unit, counter }];
      });
      this.#hold({ ...open, outputCap: 0, clampedBy: undefined, cut: undefined, durable: true, counted, rates: [] });
    }
    this.#next = state?.next ?? 1;
    this.#policy = policy;
    this.#plans = planModels(policy, this.#store, now);
  }

  get policy(): BudgetPolicy {
    return this.#policy;
  }

  /** How many calls are open. */
  get open(): number {
    return this.#open.size;
  }

  /** Admits a call, with less output than it asked for where no more is left, and counts it: at once, or not at all. */
  reserve(call: CallEstimate, now: BudgetNow): Result<Reservation, NotAdmitted> {
    checkEstimate(call);
    const plan = this.#plans.get(call.model);
    if (plan === undefined) return fail(notAdmitted.unknown_model);
    if (this.#open.size >= MOST_OPEN) return fail(notAdmitted.too_many_open);
    const admission = admitCall(plan, call, now);
    return admission.ok ? ok(this.#admit(plan, admission.value, now)) : admission;
  }

  /** Counts a call that another process, or an earlier life of this one, admitted; undefined where the model is not known. */
  readmit(id: number, model: string, tokens: number, cost: number, now: BudgetNow): Reservation | undefined {
    const plan = this.#plans.get(model);
    if (plan === undefined || id < this.#next) return undefined;
    this.#next = id;
    const admission = { tokens, cost, outputCap: 0, clampedBy: undefined, cut: undefined };
    return this.#admit({ ...plan, rates: [] }, admission, now);
  }

  /**
   * The call has ended and used this much, be it more than was reserved. Without a charge, or with one that is no number,
   * it is charged all that was reserved. Undefined where no such call is open: nothing is charged twice.
   */
  settle(id: number, charge: Charge | undefined, now: BudgetNow): Settled | undefined {
    const held = this.#open.take(id);
    if (held === undefined) return undefined;
    const tokens = wholeOr(held.tokens, charge?.tokens);
    const cost = wholeOr(held.cost, charge?.cost);
    for (const { unit, counter } of held.counted) {
      counter.drop(heldOf(unit, held));
      if (unit !== "requests") counter.charge(unit === "tokens" ? tokens : cost, now);
    }
    for (const { counter } of held.rates) counter.settle(held.tokens, tokens, held.at, now);
    const known = tokens === charge?.tokens && cost === charge.cost;
    return { reservation: held, tokens, cost, estimated: !known || charge.estimated };
  }

  /** Nothing of the call reached a provider. Undefined where no such call is open. */
  release(id: number, now: BudgetNow): Reservation | undefined {
    const held = this.#open.take(id);
    if (held === undefined) return undefined;
    for (const { unit, counter } of held.counted) {
      counter.drop(heldOf(unit, held));
      if (unit === "requests") counter.takeBack(1, held.at, now);
    }
    for (const { counter } of held.rates) counter.release(held.tokens, held.at, now);
    return held;
  }

  /** Charges every open call in full: their process ended before they did. Returns what each was charged. */
  settleAll(now: BudgetNow): readonly Settled[] {
    return this.#open.all().flatMap(({ id }) => this.settle(id, undefined, now) ?? []);
  }

  /** The wall clock stepped; `now` is the time after it. Nothing becomes free. */
  carry(step: ClockStep, now: BudgetNow): void {
    this.#store.carry(step, now);
  }

  /** Another policy is in force. A rule with the id, unit, window and (of scope `model`) model of an earlier one goes on with its count. */
  reconfigure(policy: BudgetPolicy, now: BudgetNow): void {
    this.#store.prune(now);
    this.#policy = policy;
    this.#plans = planModels(policy, this.#store, now);
  }

  view(now: BudgetNow): readonly BudgetView[] {
    return viewPlans(this.#policy, this.#plans, now);
  }

  /** For rate-limit headers: of each unit the rule with the least left; nothing where the model is not known. */
  rates(model: string, now: BudgetNow): RateView {
    return viewRates(this.#plans.get(model)?.rates ?? [], now);
  }

  /** Everything but the rates, to go on from. */
  state(now: BudgetNow): BudgetState {
    const filled = this.#store.filled(now);
    const index = new Map(filled.map(({ counter }, at) => [counter, at]));
    const open = this.#open.all().filter(({ durable }) => durable);
    return {
      next: this.#next,
      counters: filled.map(({ id, unit, window, model, counter }) => {
        return { id, unit, window, model, state: counter.state(now) };
      }),
      open: open.map(({ id, model, at, tokens, cost, counted }): OpenState => {
        return { id, model, at, tokens, cost, counters: counted.flatMap(({ counter }) => index.get(counter) ?? []) };
      }),
    };
  }

  #admit(plan: ModelPlan, admission: Admission, now: BudgetNow): Reservation {
    const { outputCap, clampedBy, cut, tokens, cost } = admission;
    const { model, counted, rates } = plan;
    const held: Held = {
      id: this.#next,
      model,
      outputCap,
      clampedBy,
      cut,
      tokens,
      cost,
      durable: counted.length > 0,
      at: now.steady,
      counted,
      rates,
    };
    this.#next += 1;
    this.#hold(held);
    for (const { unit, counter } of counted) if (unit === "requests") counter.charge(1, now);
    for (const { counter } of rates) counter.admit(tokens, now);
    return held;
  }

  #hold(held: Held): void {
    this.#open.add(held);
    for (const { unit, counter } of held.counted) counter.hold(heldOf(unit, held));
  }
}

const notAdmitted = {
  unknown_model: { kind: "unknown_model", sentence: "The policy does not know this model." },
  too_many_open: { kind: "too_many_open", sentence: `More than ${MOST_OPEN} calls are open.` },
} as const;

/** A comparison with what is no number is false, and would admit. */
function checkEstimate({ input, output, choices, least, price }: CallEstimate): void {
  const whole = input >= 0 && output >= 0 && choices >= 1 && least >= 0;
  const safe = [input, output, choices, least].every(Number.isSafeInteger);
  const priced = price === undefined || (price.input >= 0 && price.output >= 0 && price.request >= 0);
  if (!whole || !safe || !priced) throw new RangeError("an estimate is made of whole numbers and prices");
}

/** A request is charged when it is admitted, so nothing of it is held. */
function heldOf(unit: Counted["unit"], { tokens, cost }: Held): number {
  if (unit === "requests") return 0;
  return unit === "tokens" ? tokens : cost;
}

function wholeOr(reserved: number, amount: number | undefined): number {
  return amount !== undefined && amount >= 0 ? saturated(Math.ceil(amount)) : reserved;
}
