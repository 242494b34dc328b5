import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type CallEstimate, saturated } from "../../core/budget/amount.ts";
import type { BudgetView } from "../../core/budget/budget-view.ts";
import { type CountsAnswer, readLook } from "../../core/budget/shared-answer.ts";
import { type SharedBudgetView, SharedCounts } from "../../core/budget/shared-counts.ts";
import { aliveKey, type SharedIdentity, sharedKey, type SharedRule } from "../../core/budget/shared-key.ts";
import { type LeaseHold, SharedLease } from "../../core/budget/shared-lease.ts";
import { sharedRefusal } from "../../core/budget/shared-refusal.ts";
import {
  chargeRequest,
  lookRequest,
  releaseRequest,
  settleRequest,
  type SharedHold,
} from "../../core/budget/shared-request.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { SharedLedgerClient, SharedLedgerClientOptions } from "../../edge/upstream/shared-ledger-client.ts";
import type { BudgetRooms, CallAsk, Held, Spent } from "./budget-rooms.ts";
import type { CallProblem } from "./call-problem.ts";
import { exhausted } from "./local-budgets.ts";
import { type ReserveRooms, reserveShared } from "./shared-reserve.ts";
import { type Settlement, SharedSettlements } from "./shared-settlements.ts";

export type SharedBudgetEvent =
  /**
   * The ledger does not answer, or now for another reason: calls that it would count are refused, or go on under this
   * pod's lease.
   */
  { readonly kind: "down"; readonly sentence: string } | { readonly kind: "up"; readonly down: Millis };

export interface SharedBudgetsOptions {
  /** The pod's own, which count every rule too, and are asked first. */
  readonly local: BudgetRooms;
  readonly identity: SharedIdentity;
  /** Of this process alone, among all that ever ran: 1 to 40 of A-Z a-z 0-9 - . */
  readonly instance: string;
  readonly clock: Clock;
  /** Rules that pods count together and that apply to a model, and what its tokens may cost; none where there is no such model. */
  rulesOf(model: string): { readonly rules: readonly SharedRule[]; readonly price: CallEstimate["price"] };
  /** All of them, of all models. */
  allRules(): readonly SharedRule[];
  readonly whenDown: "deny" | "lease";
  readonly leasePercent: number;
  /** The longest that a call may be open: after it the ledger charges it in full, whatever became of this pod. */
  readonly life: Millis;
  client(options: Pick<SharedLedgerClientOptions, "probe" | "onChange">): SharedLedgerClient;
  onEvent(event: SharedBudgetEvent): void;
}

/** Budgets of scope agent and namespace counted in the shared ledger, on top of the pod's own. */
export interface SharedBudgets extends BudgetRooms {
  /** The pod's views, with what the ledger last said of the budgets that it counts. */
  view(local: readonly BudgetView[]): readonly SharedBudgetView[];
  condition(): Condition;
  /** Tells the ledger what it has not heard, as far as that can be done within a second, and closes the connection. */
  close(): Promise<void>;
}

const RETRY_AFTER = 1_000;
/** What a call waits for the ledger, all in all: a refusal may take 250 ms, this included. */
const PATIENCE = 200;
/** Rules whose counts are looked at without a call. */
const MOST_LOOKED_AT = 128;
const FAREWELL = millis(1_000);

interface Reserved {
  readonly kind: "reserved";
  readonly hold: SharedHold;
  readonly tokens: number;
  readonly cost: number;
  /** From then on the ledger has charged it (monotonic). */
  readonly until: Millis;
}

type Tracked = Reserved | { readonly kind: "leased"; readonly hold: LeaseHold };

/**
 * A call is held in the pod's own ledger first, then in the shared one: by one script, in all its rules or in none. What
 * is not certain counts as used: a reservation whose answer is lost is released when it can no more come into force, and
 * one that nobody ends is charged in full by the server when its life is over.
 */
export function createSharedBudgets(options: SharedBudgetsOptions): SharedBudgets {
  const { local, clock, life } = options;
  const counts = new SharedCounts();
  const lease = new SharedLease(options.leasePercent);
  const tracked = new Map<number, Tracked>();
  let number = 0;
  /** What was used under a lease is on its way. */
  let reporting = false;
  let outage: { readonly sentence: string; readonly since: Millis } | undefined;

  const isDown = (): boolean => outage !== undefined;
  const nextId = (): string => `${options.instance}-${(number += 1)}`;
  const now = (): Millis => clock.monotonic();

  function down(sentence: string): void {
    if (outage?.sentence === sentence) return;
    if (outage === undefined) lease.begin();
    outage = { sentence, since: outage?.since ?? now() };
    options.onEvent({ kind: "down", sentence });
  }

  function up(): void {
    if (outage === undefined || client.problem !== undefined) return;
    const since = outage.since;
    outage = undefined;
    options.onEvent({ kind: "up", down: millis(now() - since) });
    reportLease();
    void settlements.flush();
  }

  const client = options.client({
    probe() {
      const id = nextId();
      const rules = options.allRules().slice(0, MOST_LOOKED_AT);
      return {
        request: lookRequest(id, aliveKey(options.identity), rules),
        accepts(answer) {
          const read = readLook(answer, id, rules.length);
          if (read !== undefined) counts.note(rules, read, now());
          return read !== undefined;
        },
      };
    },
    onChange: (problem) => (problem === undefined ? up() : down(problem)),
  });
  const settlements = new SharedSettlements(client, clock);
  outage = { sentence: client.problem ?? "it was not asked yet", since: now() };

  const settlement = (hold: SharedHold, request: Settlement["request"], from: number, until: number): Settlement => ({
    id: hold.id,
    request,
    rules: hold.rules.length,
    from: millis(from),
    until: millis(until),
    done: (answer) => counts.note(hold.rules, answer, now()),
  });

  const rooms: ReserveRooms = {
    client,
    clock,
    counts,
    down,
    up,
    giveBack: (hold, from) => settlements.add(settlement(hold, releaseRequest(hold), from, now() + life)),
  };

  function reportLease(): void {
    const due = reporting ? undefined : lease.report();
    if (due === undefined) return;
    reporting = true;
    const hold = { id: nextId(), rules: due.rules, life };
    const told = settlement(hold, chargeRequest(hold, due.amounts), 0, Number.POSITIVE_INFINITY);
    const done = (answer: CountsAnswer): void => {
      told.done(answer);
      lease.reported(due);
      reporting = false;
      if (!isDown()) reportLease();
    };
    settlements.add({ ...told, done });
  }

  async function holdShared(
    held: Held,
    asked: CallAsk,
    rules: readonly SharedRule[],
    call: CallEstimate,
  ): Promise<Result<Held, CallProblem>> {
    const began = now();
    for (let attempt = 0; attempt < 2 && !isDown(); attempt += 1) {
      const hold = { id: nextId(), rules, life };
      const until = millis(now() + life);
      const answer = await reserveShared(rooms, hold, call, millis(Math.max(1, began + PATIENCE - now())));
      switch (answer?.kind) {
        case "admitted": {
          tracked.set(held.id, { kind: "reserved", hold, tokens: answer.tokens, cost: answer.cost, until });
          const clampedBy = answer.clamp === undefined ? undefined : rules[answer.clamp]?.rule.id;
          return ok(lessened(held, asked, answer.output, answer.tokens, clampedBy));
        }
        case "refused": {
          const refusal = sharedRefusal(rules, answer.counts, call);
          return refuse(held, refusal === undefined ? CONTRADICTED : exhausted(refusal, answer.now));
        }
        case "damaged": {
          const id = rules[answer.rule]?.rule.id ?? "";
          const detail = `The shared count of the budget "${id}" is damaged, and nothing can be counted by it.`;
          return refuse(held, { reason: "budget_exhausted", detail, rule: id });
        }
        // The server's clock was set, or the way to it is slow; now it is known what it says.
        case "late":
        case undefined:
      }
    }
    if (options.whenDown === "deny" || !isDown()) return refuse(held, NO_ANSWER);
    const leased = lease.hold(rules, ({ key }) => counts.of(key), call);
    if (leased === undefined) return refuse(held, NO_LEASE);
    tracked.set(held.id, { kind: "leased", hold: leased });
    return ok(lessened(held, asked, leased.output, leased.tokens, leased.clampedBy));
  }

  function refuse(held: Held, problem: CallProblem): Result<never, CallProblem> {
    local.release(held);
    return fail(problem);
  }

  function afterLocal(first: Result<Held, CallProblem>, asked: CallAsk) {
    if (!first.ok) return first;
    const { rules, price } = options.rulesOf(asked.model);
    if (rules.length === 0) return first;
    const output = first.value.outputCap ?? asked.output;
    return holdShared(first.value, asked, rules, { ...asked, input: asked.input ?? 0, output, price });
  }

  return {
    countsMoney: (model) => local.countsMoney(model),
    meters: (model) => local.meters(model),
    hold(asked) {
      const first = local.hold(asked);
      return first instanceof Promise ? first.then((held) => afterLocal(held, asked)) : afterLocal(first, asked);
    },
    settle(held, spent) {
      local.settle(held, spent);
      const one = tracked.get(held.id);
      if (!tracked.delete(held.id) || one === undefined) return;
      if (one.kind === "leased") {
        lease.settle(one.hold, ...wholes(spent, one.hold.tokens, one.hold.cost));
        if (!isDown()) reportLease();
        return;
      }
      const request = settleRequest(one.hold, ...wholes(spent, one.tokens, one.cost));
      settlements.add(settlement(one.hold, request, 0, one.until));
    },
    release(held) {
      local.release(held);
      const one = tracked.get(held.id);
      if (!tracked.delete(held.id) || one === undefined) return;
      if (one.kind === "leased") lease.release(one.hold);
      else settlements.add(settlement(one.hold, releaseRequest(one.hold), 0, one.until));
    },
    view(views) {
      counts.retain(options.allRules());
      return counts.view(views, (view) => sharedKey(options.identity, view), now());
    },
    condition() {
      const name = "shared budgets";
      if (outage === undefined || options.allRules().length === 0) return { name, state: "ok", reason: "" };
      const { sentence } = outage;
      return options.whenDown === "deny"
        ? { name, state: "failed", reason: `no call is admitted that several pods' budgets count: ${sentence}` }
        : {
            name,
            state: "degraded",
            reason: `calls that several pods' budgets count go on under a lease: ${sentence}`,
          };
    },
    async close() {
      if (!isDown()) await settlements.drained(FAREWELL);
      client.close();
    },
  };
}

const NO_ANSWER: CallProblem = {
  reason: "overloaded",
  detail: "A budget of this model is shared by several pods, and the ledger that counts it does not answer.",
  retryAfter: RETRY_AFTER,
};

const NO_LEASE: CallProblem = {
  reason: "overloaded",
  detail:
    "A budget of this model is shared by several pods, the ledger that counts it does not answer, and what this pod may use meanwhile is used up.",
  retryAfter: 5 * RETRY_AFTER,
};

/** By its own counts the ledger could have admitted the call: rounding, of fractions of a billionth of a dollar. */
const CONTRADICTED: CallProblem = {
  reason: "budget_exhausted",
  detail: "A budget that several pods share has too little left for this call.",
};

function lessened(held: Held, asked: CallAsk, output: number, tokens: number, clampedBy: string | undefined): Held {
  const { outputCap, cut } = held;
  if (outputCap === undefined || output >= outputCap) return { ...held, tokens: Math.min(held.tokens, tokens) };
  return {
    ...held,
    outputCap: output,
    tokens: Math.min(held.tokens, tokens),
    cut: cut && { at: Math.min(cut.at, output * asked.choices), budget: clampedBy ?? cut.budget },
  };
}

/** Tokens and cost as whole numbers; what is none counts as all that was held. */
function wholes(spent: Spent, tokens: number, cost: number): readonly [tokens: number, cost: number] {
  const whole = (amount: number, held: number): number => (amount >= 0 ? saturated(Math.ceil(amount)) : held);
  return [whole(spent.tokens, tokens), whole(spent.cost, cost)];
}
