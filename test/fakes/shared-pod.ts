import { randomBytes } from "node:crypto";
import { systemClock } from "../../router/app/clock.ts";
import type { BudgetRooms, CallAsk, Held } from "../../router/app/inference/budget-rooms.ts";
import type { CallProblem } from "../../router/app/inference/call-problem.ts";
import {
  createSharedBudgets,
  type SharedBudgetEvent,
  type SharedBudgets,
} from "../../router/app/inference/shared-budgets.ts";
import { type Millis, millis } from "../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { Budgets } from "../../router/core/budget/budgets.ts";
import type { SharedRule } from "../../router/core/budget/shared-key.ts";
import { parseEndpoint } from "../../router/core/config/endpoint-shape.ts";
import type { IpAddress } from "../../router/core/wire/ip-address.ts";
import {
  createSharedLedgerClient,
  LEDGER_DEADLINES,
  type LedgerDeadlines,
  type LedgerLogin,
  type SharedLedgerClient,
} from "../../router/edge/upstream/shared-ledger-client.ts";
import { IDENTITY } from "./ledger-link.ts";

export interface SharedPodOptions {
  readonly port: number;
  /** Default: http on 127.0.0.1. */
  readonly endpoint?: string;
  readonly rules: readonly SharedRule[];
  readonly whenDown?: "deny" | "lease";
  readonly leasePercent?: number;
  readonly life?: number;
  readonly login?: () => Promise<Result<LedgerLogin, string>>;
  readonly deadlines?: Partial<LedgerDeadlines>;
}

/** What a pod has of shared budgets: its own counts in memory, and a client of the server. */
export interface SharedPod extends AsyncDisposable {
  readonly rooms: SharedBudgets;
  readonly client: SharedLedgerClient;
  readonly local: Budgets;
  readonly events: readonly SharedBudgetEvent[];
  ask(changes?: Partial<CallAsk>): Promise<Result<Held, CallProblem>>;
  /** Resolves when the ledger answers; throws where it does not within five seconds. */
  ready(): Promise<void>;
}

const LOOPBACK = "127.0.0.1" as IpAddress;
export const PRICE = { input: 1000, output: 2000, request: 5 };
export const NO_LOGIN: LedgerLogin = { username: undefined, password: undefined, ca: undefined };

export function startSharedPod(options: SharedPodOptions): SharedPod {
  const { rules, whenDown = "deny", leasePercent = 10, life = 60_000 } = options;
  const endpoint = parseEndpoint(options.endpoint ?? `http://127.0.0.1:${options.port}`);
  if (!endpoint.ok) throw new Error(endpoint.problem);
  const time = { wall: systemClock.now(), steady: millis(0) };
  const local = new Budgets({ budgets: rules.map(({ rule }) => rule), rates: [], models: ["m"] }, time);
  const events: SharedBudgetEvent[] = [];
  let client: SharedLedgerClient | undefined;
  const rooms = createSharedBudgets({
    local: memoryRooms(local, () => ({ wall: systemClock.now(), steady: millis(0) })),
    identity: IDENTITY,
    instance: randomBytes(8).toString("hex"),
    clock: systemClock,
    rulesOf: () => ({ rules, price: PRICE }),
    allRules: () => rules,
    whenDown,
    leasePercent,
    life: millis(life),
    client(given) {
      client = createSharedLedgerClient({
        ...given,
        endpoint: endpoint.value,
        deadlines: { ...LEDGER_DEADLINES, retry: 100 as Millis, ...options.deadlines },
        clock: systemClock,
        resolve: async (name) =>
          name === "ledger.test" ? ok([LOOPBACK]) : fail({ reason: "dns_failure", detail: "none" }),
        login: options.login ?? (async () => ok(NO_LOGIN)),
        random: Math.random,
      });
      return client;
    },
    onEvent: (event) => events.push(event),
  });
  if (client === undefined) throw new Error("no client was asked for");
  const made = client;
  return {
    rooms,
    client: made,
    local,
    events,
    ask: async (changes) => rooms.hold({ model: "m", input: 100, output: 100, choices: 1, least: 1, ...changes }),
    async ready() {
      for (let tries = 0; rooms.condition().state !== "ok"; tries += 1) {
        if (tries === 1_000) throw new Error(`the ledger does not answer: ${rooms.condition().reason}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    [Symbol.asyncDispose]: () => rooms.close(),
  };
}

function memoryRooms(
  budgets: Budgets,
  now: () => { wall: ReturnType<typeof systemClock.now>; steady: Millis },
): BudgetRooms {
  return {
    meters: () => true,
    countsMoney: () => true,
    hold({ input, ...ask }) {
      const reserved = budgets.reserve({ ...ask, input: input ?? 0, price: PRICE }, now());
      if (!reserved.ok) return fail({ reason: "budget_exhausted", detail: reserved.problem.sentence });
      const { id, outputCap, tokens, cut, clampedBy } = reserved.value;
      return ok({ id, outputCap, tokens, cut: cut === undefined ? undefined : { at: cut, budget: clampedBy ?? "" } });
    },
    settle: ({ id }, spent) => void budgets.settle(id, spent, now()),
    release: ({ id }) => void budgets.release(id, now()),
  };
}
