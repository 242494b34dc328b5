import { writeSync } from "node:fs";
import { bytes, epochMillis, millis } from "../../router/core/base/quantity.ts";
import { openLedger } from "../../router/edge/ledger/ledger.ts";
import { machineClock } from "../../router/edge/ledger/machine-clock.ts";

/**
 * Reserves and settles without end and says on stdout what it does: `d <id> <tokens>` once a call may be dispatched,
 * `s <id> <tokens>` once it is settled. To be killed.
 */
const [directory = "", limit = ""] = process.argv.slice(2);
const opened = await openLedger({
  directory,
  clock: machineClock({ now: () => epochMillis(Date.now()), monotonic: () => millis(performance.now()) }),
  compactAt: bytes(20_000),
  syncAfter: millis(50),
  retryAfter: millis(50),
  onEvent: () => undefined,
});
if (!opened.ok) {
  process.stdout.write(`${opened.problem}\n`);
  process.exit(1);
}
const ledger = opened.value;
const rule = { id: "b", unit: "tokens", limit: Number(limit), window: { kind: "month" } } as const;
const budgets = [{ ...rule, scope: "pod", models: undefined, cut: false }] as const;
ledger.reconfigure({ budgets, rates: [], models: ["m"] });
writeSync(1, "started\n");
const open: { readonly id: number; readonly tokens: number }[] = [];
for (let round = 0; ; round += 1) {
  const call = { model: "m", input: 5, output: round % 40, choices: 1, least: 1, price: undefined };
  const reserved = ledger.reserve(call);
  if (!reserved.ok) {
    writeSync(1, "refused\n");
    break;
  }
  writeSync(1, `d ${reserved.value.id} ${reserved.value.tokens}\n`);
  open.push(reserved.value);
  if (open.length > 20) {
    const [call] = open.splice((round * 7) % open.length, 1);
    const used = Math.floor(((call?.tokens ?? 0) * (round % 10)) / 9);
    ledger.settle(call?.id ?? 0, { tokens: used, cost: 0, estimated: false });
    writeSync(1, `s ${call?.id} ${used}\n`);
  }
  if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
}
