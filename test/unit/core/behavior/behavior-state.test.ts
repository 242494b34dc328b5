import assert from "node:assert/strict";
import { test } from "node:test";
import { BehaviorMonitor } from "../../../../router/core/behavior/behavior-monitor.ts";
import type { DetectorRule } from "../../../../router/core/behavior/detector.ts";
import { alarmsOf, detector, moment, NOON, QUARANTINE, seen } from "./behavior-fixture.ts";

const HOUR = 3_600_000;
const RULES: readonly DetectorRule[] = [
  detector("burst", { kind: "burst", count: 3, window: HOUR }),
  detector("fresh", { kind: "new_destinations", count: 2, window: HOUR, memory: 24 * HOUR }),
  detector("volume", { kind: "volume", bytes: 100, window: HOUR, perDestination: true }),
  detector(
    "slow",
    { kind: "denials", count: 2, window: HOUR },
    { response: { kind: "throttle", perMinute: 1, millis: HOUR } },
  ),
  detector(
    "ask",
    { kind: "denials", count: 2, window: HOUR },
    { response: { kind: "require_approval", millis: HOUR }, actions: new Set(["exec", "tool"]) },
  ),
  detector("stop", { kind: "denials", count: 4, window: HOUR }, { response: QUARANTINE }),
];

/** Restarted after `save`: another process, whose monotonic clock begins at `steady`. */
function restarted(monitor: BehaviorMonitor, saved: number, steady: number, rules = RULES): BehaviorMonitor {
  const next = new BehaviorMonitor(rules);
  const state: unknown = JSON.parse(JSON.stringify(monitor.save(saved)));
  assert.ok(next.restore(state, steady).ok);
  return next;
}

test("INV-GOV-QUARANTINE: a restart lifts no quarantine", () => {
  const monitor = new BehaviorMonitor(RULES);
  alarmsOf(
    monitor,
    [0, 1, 2, 3].map((i) => seen(i, { result: "denied" })),
  );
  const next = restarted(monitor, 10, 0, []);
  assert.deepEqual(next.standing({ at: 0, steady: 1e12 }, "egress"), {
    kind: "quarantined",
    since: NOON + 3,
    detector: "stop",
  });
  const third = restarted(next, 1e12, 5);
  assert.equal(third.standing(moment(0), "egress").kind, "quarantined");
  assert.deepEqual([...third.lift("stop", 5)], ["stop"]);
});

test("after a restart no row is taken for one of words alone", () => {
  const monitor = new BehaviorMonitor(RULES);
  alarmsOf(
    monitor,
    [0, 1, 2].map((i) => seen(i, { result: "denied" })),
  );
  const next = restarted(monitor, 10, 0);
  next.observe(seen(1, { action: "exec", isSaid: true }));
  assert.deepEqual(
    alarmsOf(next, [seen(2, { result: "denied" })]).filter((alarm) => alarm.startsWith("stop")),
    ["stop:4"],
  );
});

/** The state of a router that did not keep whether a row was seen. */
function asBefore(state: unknown): unknown {
  const form = JSON.parse(JSON.stringify(state)) as { readonly gauges: readonly (readonly unknown[])[] };
  return { ...form, gauges: form.gauges.map((row) => row.slice(0, 5)) };
}

const EXEC = new Set(["exec"] as const);
const rowsOfWords: readonly (readonly [
  name: string,
  actions: DetectorRule["actions"],
  before: boolean,
  ends: boolean,
])[] = [
  ["of words alone", EXEC, false, true],
  ["of words alone, kept by an earlier router", EXEC, true, true],
  ["of all kinds", undefined, false, true],
  ["of all kinds, kept by an earlier router", undefined, true, false],
];
for (const [name, actions, isBefore, ends] of rowsOfWords) {
  test(`after a restart a row ${name} is ${ends ? "" : "not "}ended by words`, () => {
    const rules = [detector("f", { kind: "failures", count: 5, window: HOUR }, { response: QUARANTINE, actions })];
    const said = (at: number, result: "failed" | "succeeded") => seen(at, { action: "exec", isSaid: true, result });
    const monitor = new BehaviorMonitor(rules);
    alarmsOf(
      monitor,
      [0, 1, 2, 3].map((at) => said(at, "failed")),
    );
    const next = new BehaviorMonitor(rules);
    const state: unknown = isBefore ? asBefore(monitor.save(4)) : JSON.parse(JSON.stringify(monitor.save(4)));
    assert.ok(next.restore(state, 0).ok);
    assert.deepEqual(alarmsOf(next, [said(1, "succeeded"), said(2, "failed")]), ends ? [] : ["f:5"]);
  });
}

test("a restart shortens no throttle and no approval, whatever its clock says", () => {
  const monitor = new BehaviorMonitor(RULES);
  alarmsOf(
    monitor,
    [0, 1].map((i) => seen(i, { result: "denied", action: "tool" })),
  );
  for (const steady of [0, 77, 1e12]) {
    const next = restarted(monitor, HOUR / 2, steady);
    const { at } = moment(0);
    const last = steady + HOUR / 2;
    const first = next.admit({ at, steady }, "egress", false);
    assert.ok(first.kind === "throttled" && first.retryAfter === 60_000, "nor does it give a place anew");
    assert.deepEqual(next.admit({ at, steady: last }, "tool", false), {
      kind: "approval",
      until: at + 1,
      detector: "ask",
    });
    assert.equal(next.admit({ at, steady: last }, "egress", false).kind, "free");
    assert.equal(next.admit({ at, steady: last }, "egress", false).kind, "throttled");
    assert.equal(next.admit({ at, steady: last + 1 }, "tool", false).kind, "free");
  }
});

test("a restart gives no fresh window, and makes no known destination new", () => {
  const monitor = new BehaviorMonitor(RULES);
  alarmsOf(monitor, [seen(0), seen(1, { target: "b:443", bytes: 90 })]);
  const next = restarted(monitor, 60_001, 3);
  assert.deepEqual(alarmsOf(next, [seen(4)]), []);
  assert.deepEqual(alarmsOf(next, [seen(5, { target: "b:443", bytes: 11 })]), ["burst:4", "volume:101"]);
  assert.deepEqual(alarmsOf(next, [seen(6, { target: "c:443" })]), ["burst:5", "fresh:3"]);
  const half = restarted(monitor, 60_001, 3);
  assert.deepEqual(alarmsOf(half, [seen(HOUR / 2), seen(HOUR / 2 + 1)]), ["burst:4"]);
  const later = restarted(monitor, 60_001, 3);
  assert.deepEqual(alarmsOf(later, [seen(HOUR + 4), seen(HOUR + 5)]), [], "and what slid out is gone");
});

test("counts are restored where they are counted the same", () => {
  const monitor = new BehaviorMonitor(RULES);
  alarmsOf(monitor, [seen(0), seen(1), seen(2)]);
  const other = restarted(monitor, 3, 0, [detector("burst", { kind: "burst", count: 3, window: HOUR / 2 })]);
  assert.deepEqual(alarmsOf(other, [seen(4)]), []);
  const same = restarted(monitor, 3, 0, [detector("burst", { kind: "burst", count: 2, window: HOUR })]);
  assert.deepEqual(alarmsOf(same, [seen(4)]), ["burst:4"]);
});

const empty = { v: 1, quarantines: [], approvals: [], throttles: [], gauges: [] };
const gauge = (sum: unknown, known: unknown, sums: unknown): unknown => ({
  ...empty,
  gauges: [["burst", "burst 3600000   *", sum, known, sums]],
});
const long = Array.from({ length: 2_049 }, (_, index) => [`t${index}`, 0]);

const garbage: readonly (readonly [name: string, state: unknown])[] = [
  ["nothing", undefined],
  ["null", null],
  ["a text", "{}"],
  ["a list", []],
  ["an empty object", {}],
  ["another version", { ...empty, v: 2 }],
  ["a member too many", { ...empty, more: [] }],
  ["a member too few", { v: 1, quarantines: [], approvals: [], throttles: [] }],
  ["quarantines that are no list", { ...empty, quarantines: {} }],
  ["a quarantine of nobody", { ...empty, quarantines: [[null, 5]] }],
  ["a quarantine since nothing", { ...empty, quarantines: [["d"]] }],
  ["a quarantine since a fraction", { ...empty, quarantines: [["d", 0.5]] }],
  ["a quarantine since no number", { ...empty, quarantines: [["d", Number.NaN]] }],
  [
    "two quarantines by one",
    {
      ...empty,
      quarantines: [
        ["d", 1],
        ["d", 2],
      ],
    },
  ],
  ["an id without end", { ...empty, quarantines: [["d".repeat(257), 1]] }],
  ["more than there can be", { ...empty, quarantines: Array.from({ length: 10_001 }, (_, i) => [`${i}`, 1]) }],
  ["an approval for less than no time", { ...empty, approvals: [["d", -1, null]] }],
  ["an approval for what there is not", { ...empty, approvals: [["d", 1, ["fly"]]] }],
  ["an approval for the same twice", { ...empty, approvals: [["d", 1, ["exec", "exec"]]] }],
  ["an approval for text", { ...empty, approvals: [["d", 1, "exec"]] }],
  ["a throttle without a spacing", { ...empty, throttles: [["d", 1, null]] }],
  ["a throttle without end", { ...empty, throttles: [["d", Number.POSITIVE_INFINITY, null, 1]] }],
  ["a gauge of nobody", { ...empty, gauges: [[5, "burst", [], [], []]] }],
  ["a gauge of nothing", { ...empty, gauges: [["burst", null, [], [], []]] }],
  ["a gauge seen by no boolean", { ...empty, gauges: [["burst", "burst 3600000   *", [], [], [], 1]] }],
  ["a gauge of too much", { ...empty, gauges: [["burst", "burst 3600000   *", [], [], [], true, true]] }],
  ["a sum that is none", gauge([[0, "1"]], [], [])],
  ["an amount of nothing", gauge([[0, 0]], [], [])],
  ["an amount too old", gauge([[61, 1]], [], [])],
  ["a negative amount", gauge([[0, -5]], [], [])],
  ["destinations without an age", gauge([], [["a"]], [])],
  [
    "a destination twice",
    gauge(
      [],
      [
        ["a", 1],
        ["a", 2],
      ],
      [],
    ),
  ],
  ["too many destinations", gauge([], long, [])],
  ["a destination without a sum", gauge([], [], [["a", null]])],
  ["a sum of a destination that is none", gauge([], [], [["a", [[0, 1, 2]]]])],
  [
    "a sum twice",
    gauge(
      [],
      [],
      [
        [null, []],
        [null, []],
      ],
    ),
  ],
];

for (const [name, state] of garbage) {
  test(`INV-GOV-STATE: a state that is garbage, ${name}, is a problem, and nothing of it counts`, () => {
    const monitor = new BehaviorMonitor(RULES);
    assert.deepEqual(monitor.restore(state, 0), { ok: false, problem: "malformed" });
    assert.deepEqual(monitor.standing(moment(0), "egress"), { kind: "free" });
    assert.deepEqual(alarmsOf(monitor, [seen(0), seen(1), seen(2)]), []);
  });
}

test("an empty state is one", () => {
  const monitor = new BehaviorMonitor(RULES);
  assert.ok(monitor.restore(empty, 0).ok);
  assert.ok(monitor.restore(gauge([[60, 5]], [["__proto__", 0]], [["__proto__", [[0, 1]]]]), 0).ok);
});

test("what is older than a window is not counted, whatever a state says", () => {
  const monitor = new BehaviorMonitor([detector("burst", { kind: "burst", count: 3, window: 7 })]);
  assert.ok(monitor.restore({ ...empty, gauges: [["burst", "burst 7   *", [[60, 5]], [], []]] }, 0).ok);
  assert.deepEqual(alarmsOf(monitor, [seen(0)]), []);
});

test("what a caller says that is no time does not spoil the state", () => {
  const monitor = new BehaviorMonitor(RULES);
  monitor.quarantine("unreadable", Number.NaN);
  monitor.quarantine("other", 5.5);
  const next = restarted(monitor, 0, 0);
  assert.deepEqual(next.standing(moment(0), "egress"), { kind: "quarantined", since: 0, detector: "unreadable" });
});
