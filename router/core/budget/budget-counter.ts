import { assertNever } from "../base/assert-never.ts";
import { type EpochMillis, epochMillis, type Millis, millis } from "../base/quantity.ts";
import { saturated } from "./amount.ts";
import type { BudgetWindow } from "./budget-rule.ts";
import type { BudgetNow, ClockStep } from "./budget-time.ts";
import { calendarWindow, type CalendarKind } from "./calendar-window.ts";
import { type SlidingState, SlidingWindow } from "./sliding-window.ts";

/** What a counter has counted, without what is reserved. */
export type CounterState =
  | { readonly end: EpochMillis; readonly since: Millis; readonly used: number }
  | { readonly slots: SlidingState };

/**
 * What one budget has counted in its window. What is reserved knows no windows: it stands until its call ends, over the
 * window's end too, and what the call used is then charged to the window of that moment. So at no time is
 * used + reserved of any window above the limit, in whichever window a provider bills the call.
 */
export interface BudgetCounter {
  /** Calls that are counted here and have not ended. */
  readonly open: number;
  /** Whole units that they may still use. */
  readonly reserved: number;
  hold(amount: number): void;
  /** Ends what `hold` began. */
  drop(amount: number): void;
  used(now: BudgetNow): number;
  charge(amount: number, now: BudgetNow): void;
  /** Takes back what was charged at `at` (steady time), where that window has not ended. */
  takeBack(amount: number, at: Millis, now: BudgetNow): void;
  /** When `amount` of what is used will be forgotten, or all of it where that is less. */
  forgets(amount: number, now: BudgetNow): EpochMillis;
  /** The wall clock stepped; `now` is the time after it. */
  carry(step: ClockStep, now: BudgetNow): void;
  state(now: BudgetNow): CounterState;
}

/** Undefined for a budget of one call, which counts nothing. */
export function createCounter(window: BudgetWindow, now: BudgetNow, state?: CounterState): BudgetCounter | undefined {
  switch (window.kind) {
    case "request":
      return undefined;
    case "rolling":
      return new RollingCounter(millis(window.millis), now, state !== undefined && "slots" in state ? state.slots : []);
    case "minute":
    case "hour":
    case "day":
    case "month":
      return new CalendarCounter(window.kind, now, state !== undefined && "end" in state ? state : undefined);
    default:
      return assertNever(window);
  }
}

class CalendarCounter implements BudgetCounter {
  open = 0;
  reserved = 0;
  readonly #kind: CalendarKind;
  #used: number;
  #end: EpochMillis;
  /** The steady time at which the window was first seen. */
  #since: Millis;

  constructor(kind: CalendarKind, now: BudgetNow, state: Extract<CounterState, { readonly end: unknown }> | undefined) {
    this.#kind = kind;
    this.#used = state?.used ?? 0;
    this.#end = state?.end ?? calendarWindow(kind, now.wall).end;
    this.#since = state?.since ?? now.steady;
  }

  hold(amount: number): void {
    this.open += 1;
    this.reserved += amount;
  }

  drop(amount: number): void {
    this.open -= 1;
    this.reserved -= amount;
  }

  used(now: BudgetNow): number {
    if (now.wall >= this.#end) this.#begin(now);
    return this.#used;
  }

  charge(amount: number, now: BudgetNow): void {
    this.#used = saturated(this.used(now) + amount);
  }

  takeBack(amount: number, at: Millis, now: BudgetNow): void {
    if (this.used(now) > 0 && at >= this.#since) this.#used = Math.max(0, this.#used - amount);
  }

  forgets(_: number, now: BudgetNow): EpochMillis {
    this.used(now);
    return this.#end;
  }

  /**
   * What was counted goes over into the window of the new time, and stays at least as long as it would have: a clock that
   * is set to just before midnight, again and again, would otherwise begin a new day each time.
   */
  carry(step: ClockStep, now: BudgetNow): void {
    if (step.from >= this.#end) this.#begin(now);
    else {
      const { end } = calendarWindow(this.#kind, step.to);
      this.#end = epochMillis(Math.max(end, this.#end + (step.to - step.from)));
    }
  }

  state(now: BudgetNow): CounterState {
    return { used: this.used(now), end: this.#end, since: this.#since };
  }

  #begin(now: BudgetNow): void {
    this.#used = 0;
    this.#end = calendarWindow(this.#kind, now.wall).end;
    this.#since = now.steady;
  }
}

class RollingCounter implements BudgetCounter {
  open = 0;
  reserved = 0;
  readonly #window: SlidingWindow;

  constructor(length: Millis, now: BudgetNow, slots: SlidingState) {
    this.#window = new SlidingWindow(length);
    this.#window.restore(slots, now.steady);
  }

  hold(amount: number): void {
    this.open += 1;
    this.reserved += amount;
  }

  drop(amount: number): void {
    this.open -= 1;
    this.reserved -= amount;
  }

  used(now: BudgetNow): number {
    return this.#window.total(now.steady);
  }

  charge(amount: number, now: BudgetNow): void {
    this.#window.add(amount, now.steady);
  }

  takeBack(amount: number, at: Millis, now: BudgetNow): void {
    this.#window.takeBack(amount, at, now.steady);
  }

  forgets(amount: number, now: BudgetNow): EpochMillis {
    return epochMillis(now.wall + (this.#window.forgets(amount, now.steady) - now.steady));
  }

  /** Steady time does not step. */
  carry(): void {}

  state(now: BudgetNow): CounterState {
    return { slots: this.#window.state(now.steady) };
  }
}
