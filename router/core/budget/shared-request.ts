import { assertNever } from "../base/assert-never.ts";
import type { EpochMillis, Millis } from "../base/quantity.ts";
import { type CallEstimate, leastOutput } from "./amount.ts";
import type { BudgetRule } from "./budget-rule.ts";
import type { SharedRule } from "./shared-key.ts";
import { CHARGE, LOOK, RELEASE, RESERVE, SETTLE, type SharedScript } from "./shared-script.ts";

/** One script with all that it is given. Everything is ASCII. */
export interface SharedRequest {
  readonly script: SharedScript;
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/** A reservation among several pods. */
export interface SharedHold {
  /** Of all pods' reservations no other has it. 1 to 64 of A-Z a-z 0-9 - . */
  readonly id: string;
  readonly rules: readonly SharedRule[];
  /** After so long the server charges all of it, whatever becomes of the pod. */
  readonly life: Millis;
}

/** `notAfter` is of the server's clock: what reaches it later does nothing. */
export function reserveRequest(hold: SharedHold, call: CallEstimate, notAfter: EpochMillis): SharedRequest {
  const { id, rules, life } = hold;
  const { input, output, choices, price } = call;
  // Without a price nothing in dollars may be admitted: no limit is so large.
  const base = price === undefined ? Number.MAX_SAFE_INTEGER : price.request + input * price.input;
  const counted = rules.flatMap(({ rule }) => [rule.unit, String(rule.limit), ...windowArgs(rule)]);
  const amounts = [notAfter, life, input, output, choices, leastOutput(call), base, price?.output ?? 0].map(String);
  return { script: RESERVE, keys: keysOf(rules), args: [id, ...amounts, ...counted] };
}

/** Both are whole; less than what was reserved is given back, more is charged as it is. */
export function settleRequest({ id, rules, life }: SharedHold, tokens: number, cost: number): SharedRequest {
  const args = [id, String(life), String(tokens), String(cost), ...unitArgs(rules)];
  return { script: SETTLE, keys: keysOf(rules), args };
}

export function releaseRequest({ id, rules, life }: SharedHold): SharedRequest {
  return { script: RELEASE, keys: keysOf(rules), args: [id, String(life), ...unitArgs(rules)] };
}

/** Charges `amounts`, in the order of the rules, without a reservation. */
export function chargeRequest({ id, rules, life }: SharedHold, amounts: readonly number[]): SharedRequest {
  const counted = rules.flatMap(({ rule }, at) => [...windowArgs(rule), String(amounts[at] ?? 0)]);
  return { script: CHARGE, keys: keysOf(rules), args: [id, String(life), ...counted] };
}

export function lookRequest(id: string, alive: string, rules: readonly SharedRule[]): SharedRequest {
  const counted = rules.flatMap(({ rule }) => windowArgs(rule));
  return { script: LOOK, keys: [alive, ...keysOf(rules)], args: [id, ...counted] };
}

function keysOf(rules: readonly SharedRule[]): readonly string[] {
  return rules.map(({ key }) => key);
}

function unitArgs(rules: readonly SharedRule[]): readonly string[] {
  return rules.flatMap(({ rule }) => [rule.unit, ...windowArgs(rule)]);
}

function windowArgs({ window }: BudgetRule): readonly [kind: string, length: string] {
  switch (window.kind) {
    case "minute":
      return ["fixed", "60000"];
    case "hour":
      return ["fixed", "3600000"];
    case "day":
      return ["fixed", "86400000"];
    case "month":
      return ["month", "0"];
    case "rolling":
      return ["rolling", String(window.millis)];
    case "request":
      throw new Error("a budget of one call is shared by nobody");
    default:
      return assertNever(window);
  }
}
