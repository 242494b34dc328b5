import { once } from "node:events";
import { connect } from "node:net";
import { type EpochMillis, millis } from "../../router/core/base/quantity.ts";
import type { BudgetRule } from "../../router/core/budget/budget-rule.ts";
import { sharedKey, type SharedRule } from "../../router/core/budget/shared-key.ts";
import type { SharedRequest } from "../../router/core/budget/shared-request.ts";
import { systemClock } from "../../router/app/clock.ts";
import { type LedgerReply, SharedLedgerLink } from "../../router/edge/upstream/shared-ledger-link.ts";

export const IDENTITY = { namespace: "research", agent: "agent-1" };

export function shared(changes: Partial<BudgetRule> = {}): SharedRule {
  const rule: BudgetRule = {
    id: "b",
    unit: "tokens",
    limit: 1000,
    window: { kind: "day" },
    scope: "agent",
    models: undefined,
    cut: false,
    ...changes,
  };
  return { rule, key: sharedKey(IDENTITY, rule) };
}

/** One connection to a server, on which requests are run as if it were another time there. */
export interface TimedLedger extends Disposable {
  run(request: SharedRequest, at: EpochMillis): Promise<LedgerReply>;
  send(...parts: readonly string[]): Promise<LedgerReply>;
}

export async function timedLedger(port: number): Promise<TimedLedger> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const link = new SharedLedgerLink(socket, systemClock, millis(5_000));
  return {
    run({ script, keys, args }, at) {
      const seconds = Math.floor(at / 1000);
      const micros = (at - seconds * 1000) * 1000;
      const text = script.text.replace("redis.call('TIME')", `{ ARGV[${args.length + 1}], ARGV[${args.length + 2}] }`);
      return link.send(["EVAL", text, String(keys.length), ...keys, ...args, String(seconds), String(micros)]);
    },
    send: (...parts) => link.send(parts),
    [Symbol.dispose]: () => link.destroy("the test is over"),
  };
}
