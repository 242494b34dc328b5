import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { AuditEvent } from "../../router/core/audit/audit-event.ts";
import { recordRenderer } from "../../router/core/audit/record.ts";
import { assertNever } from "../../router/core/base/assert-never.ts";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import { type Alarm, BehaviorMonitor } from "../../router/core/behavior/behavior-monitor.ts";
import type { DetectorRule, Observation, Watch } from "../../router/core/behavior/detector.ts";
import { observationsOf } from "../../router/core/behavior/observed-event.ts";
import { type RecordedEvent, replayBehavior } from "../../router/core/behavior/replay-behavior.ts";
import { epochMillisOf } from "../../router/core/export/record-time.ts";
import { readRecord } from "../../router/core/export/exported-record.ts";

const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 300) };
const START = Date.UTC(2026, 10, 20, 16, 59, 30);
const WEEK = new Set([1, 2, 3, 4, 5]);

const windows = fc.constantFrom(7, 60, 1_000, 61_000);
const counts = fc.integer({ min: 1, max: 6 });
const watches: fc.Arbitrary<Watch> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("burst" as const, "failures" as const, "denials" as const),
    count: counts,
    window: windows,
  }),
  fc.record({ kind: fc.constant("new_destinations" as const), count: counts, window: windows, memory: windows }),
  fc.record({
    kind: fc.constant("volume" as const),
    bytes: fc.integer({ min: 0, max: 300 }),
    window: windows,
    perDestination: fc.boolean(),
  }),
  fc.constant<Watch>({ kind: "off_hours", hours: { days: WEEK, from: 540, to: 1_020, offset: 0 } }),
);
const rules: fc.Arbitrary<readonly DetectorRule[]> = fc
  .array(
    fc.record({
      watch: watches,
      actions: fc.constantFrom(
        undefined,
        new Set(["egress" as const]),
        new Set(["tool" as const, "inference" as const]),
      ),
      response: fc.constantFrom<DetectorRule["response"][]>(
        { kind: "alert" },
        { kind: "quarantine" },
        { kind: "throttle", perMinute: 60, millis: 500 },
        { kind: "require_approval", millis: 5_000 },
      ),
      quiet: fc.constantFrom(0, 50, 100_000),
    }),
    { maxLength: 6 },
  )
  .map((list) => list.map((rule, index) => ({ id: `d${index}`, ...rule })));

const TARGETS = ["a:443", "b:443", "c:80", "d:1"];
const decisions = fc.record({
  kind: fc.constantFrom("egress.decision" as const, "inference.decision" as const, "governance.decision" as const),
  verdict: fc.constantFrom<(readonly [AuditEvent["decision"], AuditEvent["reason"]])[]>(
    ["allow", null],
    ["deny", "host_not_allowed"],
    ["deny", "rate_limited"],
    ["deny", "dns_failure"],
    ["deny", "overloaded"],
    ["none", null],
  ),
  rule: fc.constantFrom(null, null, "behavior/d0"),
});
const ends = fc.record({
  kind: fc.constantFrom("egress.end" as const, "inference.end" as const),
  verdict: fc.constantFrom<(readonly [AuditEvent["decision"], AuditEvent["reason"]])[]>(
    ["allow", null],
    ["allow", null],
    ["deny", "upstream_unreachable"],
    ["allow", "byte_limit"],
  ),
  detail: fc.record({
    outcome: fc.constantFrom("completed", "aborted"),
    bytesOut: fc.integer({ min: 0, max: 200 }),
    status: fc.constantFrom(200, 503),
  }),
});
const events: fc.Arbitrary<readonly { readonly event: AuditEvent; readonly steady: number }[]> = fc
  .array(
    fc.record({
      what: fc.oneof({ weight: 3, arbitrary: decisions }, { weight: 2, arbitrary: ends }),
      target: fc.constantFrom(...TARGETS),
      by: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 40 }) }, fc.constantFrom(2_000, 70_000)),
      step: fc.oneof({ weight: 15, arbitrary: fc.constant(0) }, fc.constantFrom(-3_600_000, 3_600_000)),
    }),
    { maxLength: 80 },
  )
  .map((list) => {
    let steady = 0;
    let wall = START;
    return list.map(({ what, target, by, step }) => {
      const { kind, verdict } = what;
      steady += by;
      wall += by + step;
      const [decision, reason] = verdict;
      const action = kind === "governance.decision" ? "tool" : "connect";
      const detail = "detail" in what ? what.detail : {};
      const rule = "rule" in what && decision === "deny" ? what.rule : null;
      const common = { detail, rule, policy: null, request: null };
      return { event: { time: epochMillis(wall), kind, action, target, decision, reason, ...common }, steady };
    });
  });

/** Rendered as the writer does, and read as an export does. */
function recorded(list: readonly { readonly event: AuditEvent; readonly steady: number }[]): readonly RecordedEvent[] {
  const render = recordRenderer({ namespace: "n", pod: "p", agent: "a" }, "0".repeat(32));
  return list.map(({ event, steady }, seq) => {
    const time = new Date(event.time).toISOString();
    const record = readRecord(render(event, { seq, prev: "0".repeat(64), time, uptime: millis(steady) }));
    assert.ok(record !== undefined);
    return { ...record, at: epochMillisOf(record.time) };
  });
}

function live(
  detectors: readonly DetectorRule[],
  list: readonly { readonly event: AuditEvent; readonly steady: number }[],
): readonly Alarm[] {
  const monitor = new BehaviorMonitor(detectors);
  return list.flatMap(({ event, steady }) =>
    observationsOf(event, { at: event.time, steady }).flatMap((one) => monitor.observe(one)),
  );
}

test("live and replayed from the log, the same actions raise the same alarms", () => {
  let raised = 0;
  fc.assert(
    fc.property(rules, events, (detectors, list) => {
      const alarms = live(detectors, list);
      raised += alarms.length;
      assert.deepEqual([...replayBehavior(detectors, recorded(list))], alarms);
    }),
    runs,
  );
  assert.ok(raised > runs.numRuns / 10, `and there were some: ${raised}`);
});

test("a restart in the middle, its state saved and restored, changes no alarm", () => {
  fc.assert(
    fc.property(rules, events, fc.nat({ max: 80 }), (detectors, list, cut) => {
      const loud = detectors.map((rule): DetectorRule => ({ ...rule, quiet: 0, response: { kind: "alert" } }));
      const first = new BehaviorMonitor(loud);
      const next = new BehaviorMonitor(loud);
      const whole = new BehaviorMonitor(loud);
      for (const [index, { event, steady }] of list.entries()) {
        if (index === cut) assert.ok(next.restore(JSON.parse(JSON.stringify(first.save(steady))), steady).ok);
        for (const one of observationsOf(event, { at: event.time, steady })) {
          assert.deepEqual((index < cut ? first : next).observe(one), whole.observe(one));
        }
      }
    }),
    runs,
  );
});

const observations: fc.Arbitrary<readonly Observation[]> = fc
  .array(
    fc.record({
      by: fc.integer({ min: 0, max: 30 }),
      action: fc.constantFrom("egress" as const, "tool" as const),
      target: fc.constantFrom(...TARGETS),
      result: fc.constantFrom<Observation["result"][]>("allowed", "denied", "limited", "failed", "succeeded", "ended"),
      bytes: fc.integer({ min: 0, max: 50 }),
      isSaid: fc.constant(false),
    }),
    { maxLength: 120 },
  )
  .map((list) => {
    let steady = 0;
    return list.map(({ by, ...rest }) => {
      steady += by;
      return { at: START + steady, steady, ...rest };
    });
  });

/** What a list of everything says; windows may look back for up to a sub-window (a sixtieth, at least a millisecond) more. */
function counted(watch: Watch, list: readonly Observation[], slack: boolean): number {
  const last = list.at(-1);
  if (last === undefined || !("window" in watch)) return 0;
  const length = watch.window + (slack ? 2 * Math.max(1, Math.ceil(watch.window / 60)) : 0);
  const recent = list.filter(({ steady }) => last.steady - steady <= length);
  const begins = ({ result }: Observation): boolean => ["allowed", "denied", "limited"].includes(result);
  const row = (counts: Observation["result"], ends: Observation["result"]): number => {
    const from = list.findLastIndex(({ result }) => result === ends);
    return list.filter((one, index) => index > from && one.result === counts && recent.includes(one)).length;
  };
  switch (watch.kind) {
    case "burst":
      return begins(last) ? recent.filter(begins).length : 0;
    case "failures":
      return last.result === "failed" ? row("failed", "succeeded") : 0;
    case "denials":
      return last.result === "denied" ? row("denied", "allowed") : 0;
    case "volume": {
      const same = recent.filter(({ target }) => !watch.perDestination || target === last.target);
      return last.bytes === 0 ? 0 : same.reduce((sum, { bytes }) => sum + bytes, 0);
    }
    case "new_destinations":
      return 0;
    default:
      return assertNever(watch);
  }
}

test("a detector misses nothing of its window, and sees no more than a sub-window beyond it", () => {
  const sums = watches.filter(({ kind }) => kind !== "off_hours" && kind !== "new_destinations");
  fc.assert(
    fc.property(sums, observations, (watch, list) => {
      const monitor = new BehaviorMonitor([
        { id: "d", watch, actions: undefined, response: { kind: "alert" }, quiet: 0 },
      ]);
      for (const [index, one] of list.entries()) {
        const before = list.slice(0, index + 1);
        const [least, most] = [counted(watch, before, false), counted(watch, before, true)];
        const bound = "bytes" in watch ? watch.bytes : "count" in watch ? watch.count : 0;
        const trips = (count: number): boolean =>
          watch.kind === "burst" || watch.kind === "volume" ? count > bound : count > 0 && count >= bound;
        const alarm = monitor.observe(one)[0];
        if (trips(least)) assert.ok(alarm !== undefined, "it misses nothing");
        if (!trips(most)) assert.equal(alarm, undefined);
        if (alarm !== undefined) assert.ok(alarm.count >= least && alarm.count <= most);
      }
    }),
    runs,
  );
});

test("under a throttle no minute has more than so many actions, whatever else happens", () => {
  const perMinutes = fc.constantFrom(1, 7, 60, 1_000);
  fc.assert(
    fc.property(perMinutes, fc.array(fc.integer({ min: 0, max: 9_000 }), { maxLength: 200 }), (perMinute, list) => {
      const response = { kind: "throttle", perMinute, millis: 1e9 } as const;
      const watch = { kind: "off_hours", hours: { days: new Set([0]), from: 0, to: 0, offset: 0 } } as const;
      const monitor = new BehaviorMonitor([{ id: "d", watch, actions: undefined, response, quiet: 0 }]);
      const times: number[] = [];
      let steady = 0;
      for (const by of list) {
        steady += by;
        const at = START + steady;
        monitor.observe({ at, steady, action: "egress", target: "a:1", result: "allowed", bytes: 0, isSaid: false });
        const standing = monitor.admit({ at, steady }, "egress", false);
        if (standing.kind === "free") times.push(steady);
        else assert.ok(standing.kind === "throttled" && standing.retryAfter > 0);
      }
      for (const [index, first] of times.entries()) {
        assert.ok(times.slice(index).filter((one) => one - first < 60_000).length <= perMinute);
      }
    }),
    runs,
  );
});
