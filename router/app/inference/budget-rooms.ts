import type { Result } from "../../core/base/result.ts";
import type { CallProblem } from "./call-problem.ts";

/** What a call holds of every budget and limit that applies to it, until it is settled or released. */
export interface Held {
  readonly id: number;
  /** Output tokens of one choice that the call may use; undefined: nothing bounds them. */
  readonly outputCap: number | undefined;
  /** Tokens held, for the record. */
  readonly tokens: number;
  /** The budget that ends the stream there; undefined: none does. */
  readonly cut: { readonly at: number; readonly budget: string } | undefined;
}

export interface CallAsk {
  readonly model: string;
  /** The most input tokens that the body can stand for; undefined: nobody can say. */
  readonly input: number | undefined;
  /** The most output tokens of one choice. */
  readonly output: number;
  readonly choices: number;
  readonly least: number;
}

export interface Spent {
  readonly tokens: number;
  readonly cost: number;
  readonly estimated: boolean;
}

/** Budgets and limits as the corridor needs them. */
export interface BudgetRooms {
  /** Whether tokens or money of this model are counted at all: only then must a call's use be known beforehand. */
  meters(model: string): boolean;
  /** A budget in dollars applies to this model. */
  countsMoney(model: string): boolean;
  /** All or nothing. A promise only where a ledger is shared with other pods. */
  hold(ask: CallAsk): Result<Held, CallProblem> | Promise<Result<Held, CallProblem>>;
  settle(held: Held, spent: Spent): void;
  /** Nothing was sent to a provider. */
  release(held: Held): void;
}
