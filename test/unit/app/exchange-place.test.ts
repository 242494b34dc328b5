import assert from "node:assert/strict";
import { test } from "node:test";
import { Exchange } from "../../../router/app/exchange.ts";
import { epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { ConnectionCounts } from "../../../router/core/policy/connection-counts.ts";
import { NO_LIMITS } from "../../../router/core/policy/limits.ts";

const clock = { now: () => epochMillis(0), monotonic: () => millis(0) };
const host = { kind: "name", text: "a.example" as never } as const;

test("INV-CONNECTION-LIMIT: an exchange gives its place back once, however it ends, also where it had ended before", () => {
  const counts = new ConnectionCounts();
  const take = (): Parameters<Exchange["hold"]>[0] => {
    const taken = counts.take("r", host, NO_LIMITS, millis(0));
    assert.ok(taken.ok);
    return taken.value;
  };
  const ends: readonly ((exchange: Exchange) => void)[] = [
    (exchange) => exchange.completed(),
    (exchange) => exchange.refused("dns_failure", undefined, undefined),
    (exchange) => exchange.aborted("internal"),
  ];
  for (const end of ends) {
    let settled = 0;
    const exchange = new Exchange("id", "connect", undefined, clock, () => void (settled += 1), undefined);
    exchange.hold(take());
    assert.equal(counts.open("r"), 1);
    exchange.hold(take());
    assert.equal(counts.open("r"), 1, "the second in the place of the first");
    end(exchange);
    assert.deepEqual([counts.open("r"), exchange.place], [0, undefined]);
    exchange.hold(take());
    end(exchange);
    assert.deepEqual([counts.open("r"), settled], [0, 1]);
  }
});
