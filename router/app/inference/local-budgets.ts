import type { CallPrice } from "../../core/budget/amount.ts";
import type { Exhausted, NotAdmitted } from "../../core/budget/exhausted.ts";
import type { RateState, RateView } from "../../core/budget/rate-view.ts";
import { assertNever } from "../../core/base/assert-never.ts";
import { fail, ok } from "../../core/base/result.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import type { Price } from "../../core/models/inference-policy.ts";
import type { Ledger, LedgerUnavailable } from "../../edge/ledger/ledger.ts";
import type { BudgetRooms } from "./budget-rooms.ts";
import type { CallProblem } from "./call-problem.ts";

/** The pod's own ledger, as the corridor asks it. */
export function localBudgets(
  ledger: Ledger,
  policy: () => CompiledInferencePolicy | { readonly state: "missing" },
  now: () => EpochMillis,
): BudgetRooms {
  return {
    meters(model) {
      const current = policy();
      const rule = current.state === "missing" ? undefined : current.model(model);
      if (current.state === "missing" || rule === undefined) return true;
      const { budgets, rateLimits } = current.limitsOf(rule);
      return budgets.some(({ unit }) => unit !== "requests") || rateLimits.some(({ unit }) => unit === "tokens");
    },
    countsMoney(model) {
      const current = policy();
      const rule = current.state === "missing" ? undefined : current.model(model);
      if (current.state === "missing" || rule === undefined) return true;
      return current.limitsOf(rule).budgets.some(({ unit }) => unit === "cost");
    },
    hold(ask) {
      const current = policy();
      const rule = current.state === "missing" ? undefined : current.model(ask.model);
      if (rule === undefined) return fail({ reason: "model_not_allowed", detail: undefined, param: "model" });
      const metered = this.meters(ask.model);
      if (metered && ask.input === undefined) return fail(UNBOUNDED);
      const reserved = ledger.reserve({ ...ask, input: ask.input ?? 0, price: rule.price && highestPrice(rule.price) });
      if (!reserved.ok) {
        const problem = problemOf(reserved.problem, now());
        return fail(
          reserved.problem.kind === "rate" ? { ...problem, limits: limitsOf(ledger.rates(ask.model), now()) } : problem,
        );
      }
      const { id, outputCap, tokens, cut, clampedBy } = reserved.value;
      return ok({
        id,
        outputCap: metered && ask.output > 0 ? outputCap : undefined,
        tokens,
        cut: cut === undefined ? undefined : { at: cut, budget: clampedBy ?? "" },
      });
    },
    settle: (held, spent) => void ledger.settle(held.id, spent),
    release: (held) => void ledger.release(held.id),
  };
}

const UNBOUNDED: CallProblem = {
  reason: "budget_exhausted",
  status: 400,
  detail:
    "This call carries media or a stored conversation, whose tokens nobody can tell beforehand, and the policy does not say how many the model takes: give the model its context in the policy.",
};

/** Prices are kept in trillionths of a dollar, budgets in billionths. */
export function highestPrice(price: Price): CallPrice {
  const input = Math.max(price.input, price.cacheRead, price.cacheWrite, price.cacheWriteHour, price.audioInput);
  return {
    input: input / 1000,
    output: Math.max(price.output, price.audioOutput) / 1000,
    request: price.request / 1000,
  };
}

function problemOf(problem: NotAdmitted | LedgerUnavailable, now: EpochMillis): CallProblem {
  switch (problem.kind) {
    case "budget":
    case "rate":
      return exhausted(problem, now);
    case "unknown_model":
      return { reason: "model_not_allowed", detail: undefined, param: "model" };
    case "unpriced":
      return { reason: "budget_exhausted", detail: problem.sentence };
    case "too_many_open":
      return { reason: "overloaded", detail: problem.sentence };
    case "ledger_unavailable":
      return { reason: "audit_unavailable", detail: problem.sentence };
    default:
      return assertNever(problem);
  }
}

function limitsOf({ requests, tokens }: RateView, now: EpochMillis): NonNullable<CallProblem["limits"]> {
  const told = (state: RateState | undefined) =>
    state && { ...state, resetAt: new Date(now + state.reset).toISOString() };
  return { requests: told(requests), tokens: told(tokens) };
}

export function exhausted(problem: Exhausted, now: EpochMillis): CallProblem {
  const { kind, id, unit, resetAt, sentence } = problem;
  const wait = resetAt === undefined ? undefined : Math.max(0, resetAt - now);
  return {
    reason: kind === "budget" ? "budget_exhausted" : unit === "concurrent" ? "connection_limit" : "rate_limited",
    detail: sentence,
    rule: id,
    ...(wait === undefined ? {} : { retryAfter: kind === "rate" && wait === 0 ? 1_000 : wait }),
    ...(resetAt === undefined ? {} : { resetAt: new Date(resetAt).toISOString() }),
  };
}
