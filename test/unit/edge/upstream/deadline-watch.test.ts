import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { createDeadlineWatch, type DeadlineWatch } from "../../../../router/edge/upstream/deadline-watch.ts";

interface Watching {
  readonly watch: DeadlineWatch;
  readonly events: string[];
  readonly pass: (milliseconds: number) => void;
  /** One more octet for that connection. */
  readonly carry: (name: string) => void;
  readonly start: (name: string, idle: number, lifetime: number) => () => void;
}

function withWatch(use: (watching: Watching) => void): void {
  let now = 1_000;
  const carried = new Map<string, number>();
  const events: string[] = [];
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    const clock = { now: () => epochMillis(0), monotonic: () => millis(now) };
    const watch = createDeadlineWatch(clock, millis(100));
    use({
      watch,
      events,
      pass: (milliseconds) => {
        for (let passed = 0; passed < milliseconds; passed += 10) {
          now += 10;
          mock.timers.tick(10);
        }
      },
      carry: (name) => carried.set(name, (carried.get(name) ?? 0) + 1),
      start: (name, idle, lifetime) =>
        watch.watch({
          idle: millis(idle),
          lifetime: millis(lifetime),
          carried: () => carried.get(name) ?? 0,
          expire: (cause) => events.push(`${name} ${cause} ${now - 1_000}`),
        }),
    });
  } finally {
    mock.timers.reset();
  }
}

test("idle expires no earlier than its time and at most two periods later", () => {
  withWatch(({ start, pass, events }) => {
    start("a", 250, 10_000);
    pass(240);
    assert.deepEqual(events, []);
    pass(210);
    assert.deepEqual(events, ["a idle_timeout 300"]);
  });
});

test("payload starts the idle time anew; lifetime does not care", () => {
  withWatch(({ start, pass, carry, events, watch }) => {
    start("a", 250, 1_000);
    for (let round = 0; round < 20; round++) {
      pass(100);
      carry("a");
    }
    assert.deepEqual(events, ["a lifetime_limit 1000"]);
    assert.equal(watch.size, 0);
  });
});

test("where both have passed it is the lifetime that counts", () => {
  withWatch(({ start, pass, events }) => {
    start("a", 100, 100);
    pass(300);
    assert.deepEqual(events, ["a lifetime_limit 100"]);
  });
});

test("an entry that was ended expires no more; each is on its own; ending twice is nothing", () => {
  withWatch(({ start, pass, events, watch }) => {
    const end = start("a", 200, 10_000);
    pass(50);
    start("b", 200, 10_000);
    end();
    end();
    assert.equal(watch.size, 1);
    pass(400);
    assert.deepEqual(events, ["b idle_timeout 300"]);
    start("c", 100, 10_000);
    pass(400);
    assert.equal(events.length, 2, "the timer starts again");
    assert.equal(watch.size, 0);
  });
});

test("expiring may end and start others", () => {
  withWatch(({ watch, pass }) => {
    const expired: string[] = [];
    const entry = (name: string, more: () => void) => ({
      idle: millis(100),
      lifetime: millis(10_000),
      carried: () => 0,
      expire: () => {
        expired.push(name);
        more();
      },
    });
    const others: (() => void)[] = [];
    watch.watch(
      entry("first", () => {
        for (const end of others) end();
        watch.watch(entry("third", () => undefined));
      }),
    );
    others.push(watch.watch(entry("second", () => undefined)));
    pass(300);
    assert.deepEqual(expired, ["first", "third"]);
  });
});
