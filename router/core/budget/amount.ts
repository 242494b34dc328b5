import { assertNever } from "../base/assert-never.ts";
import type { BudgetUnit } from "./budget-rule.ts";

/**
 * Billionths of a US dollar, none of them less than what any target of the model may charge. A token that could be
 * billed in several ways (from a cache, as audio) has the highest of their prices.
 */
export interface CallPrice {
  /** A token that goes in. */
  readonly input: number;
  /** A token that comes out. */
  readonly output: number;
  /** The call itself, searches and fetches that it may make included. */
  readonly request: number;
}

/** What a call may use at most, before it is made. Whole numbers, but for the price. */
export interface CallEstimate {
  /** The policy's name of the model, never the caller's text. */
  readonly model: string;
  /** An upper bound of the tokens that go in, for all choices together. */
  readonly input: number;
  /** The most tokens that come out, for each choice: what was asked for, or else the model's own cap. 0: none (embeddings). */
  readonly output: number;
  /** At least 1. */
  readonly choices: number;
  /** The fewest output tokens for each choice with which the call makes sense (a thinking budget and one more). */
  readonly least: number;
  /** Undefined: the policy names no price, and no budget in dollars can admit the call. */
  readonly price: CallPrice | undefined;
}

/** Sums stop here instead of becoming inexact: a counter that stands at it has nothing left. */
export function saturated(amount: number): number {
  return amount < Number.MAX_SAFE_INTEGER ? amount : Number.MAX_SAFE_INTEGER;
}

/** The tokens of a call with `output` tokens for each choice. */
export function tokensOf(call: CallEstimate, output: number): number {
  return saturated(call.input + output * call.choices);
}

/** Billionths of a dollar for a call with `output` tokens for each choice, rounded up. */
export function costOf(call: CallEstimate, price: CallPrice, output: number): number {
  return saturated(Math.ceil(price.request + call.input * price.input + output * call.choices * price.output));
}

/**
 * The output tokens for each choice with which a call stays within `room` of a unit: at most `call.output`, and -1 where
 * not even its input fits. `room` is a whole number, or less than nothing.
 */
export function outputThatFits(unit: BudgetUnit, room: number, call: CallEstimate): number {
  switch (unit) {
    case "requests":
      return room >= 1 ? call.output : -1;
    case "tokens":
      return Math.max(-1, Math.min(call.output, Math.floor((room - call.input) / call.choices)));
    case "cost":
      return call.price === undefined ? -1 : outputThatCosts(room, call, call.price);
    default:
      return assertNever(unit);
  }
}

/** The fewest output tokens for each choice with which a call is made at all. */
export function leastOutput(call: CallEstimate): number {
  return Math.min(call.output, Math.max(1, call.least));
}

/** How much of a unit a call needs at least; for comparison only, since it may be beyond 2^53. */
export function leastAmount(unit: BudgetUnit, call: CallEstimate): number {
  switch (unit) {
    case "requests":
      return 1;
    case "tokens":
      return call.input + leastOutput(call) * call.choices;
    case "cost":
      return call.price === undefined ? Number.MAX_SAFE_INTEGER : costOf(call, call.price, leastOutput(call));
    default:
      return assertNever(unit);
  }
}

function outputThatCosts(room: number, call: CallEstimate, price: CallPrice): number {
  if (costOf(call, price, 0) > room) return -1;
  const each = price.output * call.choices;
  if (each === 0) return call.output;
  let output = Math.min(call.output, Math.floor((room - price.request - call.input * price.input) / each));
  // A quotient of fractions may be a little too large; what is reserved must fit in any case.
  for (let less = 1; output > 0 && costOf(call, price, output) > room; less *= 2) output -= less;
  return Math.max(0, output);
}
