import assert from "node:assert/strict";
import { test } from "node:test";
import { BehaviorMonitor } from "../../../../router/core/behavior/behavior-monitor.ts";
import type { DetectorRule, Observation, Watch } from "../../../../router/core/behavior/detector.ts";
import { alarmsOf, ALERT, detector, moment, NOON, QUARANTINE, seen } from "./behavior-fixture.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const BURST: Watch = { kind: "burst", count: 3, window: MINUTE };
const FAILURES: Watch = { kind: "failures", count: 3, window: MINUTE };
const DENIALS: Watch = { kind: "denials", count: 3, window: MINUTE };
const FRESH: Watch = { kind: "new_destinations", count: 2, window: MINUTE, memory: HOUR };
const VOLUME: Watch = { kind: "volume", bytes: 100, window: MINUTE, perDestination: false };
const PER_DESTINATION: Watch = { ...VOLUME, perDestination: true };
const OFFICE: Watch = {
  kind: "off_hours",
  hours: { days: new Set([1, 2, 3, 4, 5]), from: 9 * 60, to: 17 * 60, offset: 0 },
};

const times = (count: number, of: (index: number) => Observation): readonly Observation[] =>
  Array.from({ length: count }, (_, index) => of(index));
const results = (...list: readonly Observation["result"][]): readonly Observation[] =>
  list.map((result, index) => seen(index, { result, bytes: 0 }));

/** Of what passed the router, and, where it begins with "said", of what the agent only says. */
const mixed = (...list: readonly string[]): readonly Observation[] =>
  list.map((text, index) => {
    const result = text.replace("said ", "") as Observation["result"];
    return seen(index, {
      result,
      isSaid: text.startsWith("said "),
      action: text.startsWith("said ") ? "exec" : "egress",
    });
  });

const detectors: readonly (readonly [
  name: string,
  watch: Watch,
  observations: readonly Observation[],
  alarms: readonly string[],
])[] = [
  ["burst: as many as are allowed", BURST, times(3, (i) => seen(i)), []],
  ["burst: one more", BURST, times(4, (i) => seen(i)), ["d:4"]],
  ["burst: denied and limited ones are actions", BURST, results("denied", "limited", "allowed", "denied"), ["d:4"]],
  ["burst: ends are none", BURST, results("allowed", "failed", "succeeded", "ended", "allowed", "allowed"), []],
  ["burst: they slide out of the window", BURST, times(50, (i) => seen(i * 21_000)), []],
  ["burst: over a minute's edge", BURST, times(4, (i) => seen(59_000 + i * 600)), ["d:4"]],
  ["burst: the whole window counts", BURST, [seen(0), seen(1), seen(2), seen(MINUTE)], ["d:4"]],
  ["burst: what is a sub-window older does not", BURST, [seen(0), seen(1), seen(2), seen(61_000)], []],
  ["failures: so many", FAILURES, results("failed", "failed", "failed"), ["d:3"]],
  ["failures: a success ends the row", FAILURES, results("failed", "failed", "succeeded", "failed", "failed"), []],
  ["failures: what is only allowed does not", FAILURES, results("failed", "failed", "allowed", "failed"), ["d:3"]],
  ["failures: they decay", FAILURES, times(20, (i) => seen(i * 35_000, { result: "failed" })), []],
  ["trap 1.4: a denial is no failure", FAILURES, results(...times(9, seen).map(() => "denied" as const)), []],
  ["trap 1.4: a failure is no denial", DENIALS, results(...times(9, seen).map(() => "failed" as const)), []],
  ["a limit's refusal is no denial", DENIALS, results(...times(9, seen).map(() => "limited" as const)), []],
  ["denials: so many", DENIALS, results("denied", "denied", "denied"), ["d:3"]],
  ["denials: an allowed one ends the row", DENIALS, results("denied", "denied", "allowed", "denied", "denied"), []],
  [
    "denials: a success is the end of an earlier one",
    DENIALS,
    results("denied", "denied", "succeeded", "denied"),
    ["d:3"],
  ],
  [
    "denials: what is only said ends no row of what passed",
    DENIALS,
    mixed("denied", "denied", "said allowed", "denied"),
    ["d:3"],
  ],
  [
    "denials: nor a row in which some passed",
    DENIALS,
    mixed("said denied", "denied", "said allowed", "denied"),
    ["d:3"],
  ],
  ["denials: what is said counts", DENIALS, mixed("said denied", "said denied", "denied"), ["d:3"]],
  [
    "denials: what is said ends a row of that",
    DENIALS,
    mixed("said denied", "said denied", "said allowed", "denied"),
    [],
  ],
  [
    "denials: and then the next begins",
    DENIALS,
    mixed("denied", "allowed", "said denied", "said allowed", "said denied", "said denied"),
    [],
  ],
  [
    "denials: what passed and is older than the window does not count for who ends a row",
    DENIALS,
    [
      seen(0, { result: "denied" }),
      ...[200_000, 200_001].map((at) => seen(at, { result: "denied", isSaid: true })),
      seen(200_002, { isSaid: true }),
      seen(200_003, { result: "denied", isSaid: true }),
    ],
    [],
  ],
  [
    "failures: a success that is only reported ends no row of what passed",
    FAILURES,
    mixed("failed", "failed", "said succeeded", "failed"),
    ["d:3"],
  ],
  ["trap 1.4: denials decay", DENIALS, times(100, (i) => seen(i * 35_000, { result: "denied" })), []],
  ["new destinations: as many as are allowed", FRESH, times(2, (i) => seen(i, { target: `t${i}` })), []],
  ["new destinations: one more", FRESH, times(3, (i) => seen(i, { target: `t${i}` })), ["d:3"]],
  ["new destinations: known ones are none", FRESH, times(90, (i) => seen(i, { target: `t${i % 2}` })), []],
  [
    "new destinations: denied ones are some",
    FRESH,
    times(3, (i) => seen(i, { target: `t${i}`, result: "denied" })),
    ["d:3"],
  ],
  ["new destinations: ends name none", FRESH, times(9, (i) => seen(i, { target: `t${i}`, result: "ended" })), []],
  [
    "new destinations: what was forgotten is new",
    FRESH,
    ["a", "b", "a", "b", "c"].map((target, i) => seen(i < 2 ? i : 2 * HOUR + i, { target })),
    ["d:3"],
  ],
  [
    "new destinations: what is used is not forgotten",
    FRESH,
    times(100, (i) => seen(i * HOUR, { target: "a" })).concat(["b", "c"].map((target) => seen(99 * HOUR, { target }))),
    [],
  ],
  ["off hours: within", OFFICE, [seen(0), seen(HOUR)], []],
  ["off hours: outside, each", OFFICE, [seen(5 * HOUR), seen(6 * HOUR)], ["d:1", "d:1"]],
  ["off hours: what ends then is no action", OFFICE, [seen(5 * HOUR, { result: "ended", bytes: 5 })], []],
  ["volume: as much as is allowed", VOLUME, [seen(0, { bytes: 60 }), seen(1, { bytes: 40, target: "b:1" })], []],
  ["volume: one octet more", VOLUME, [seen(0, { bytes: 60 }), seen(1, { bytes: 41, target: "b:1" })], ["d:101"]],
  ["volume: it slides out", VOLUME, times(50, (i) => seen(i * 62_000, { result: "ended", bytes: 100 })), []],
  [
    "volume: a destination for itself",
    PER_DESTINATION,
    times(20, (i) => seen(i, { result: "ended", bytes: 10, target: `t${i % 2}` })),
    [],
  ],
  [
    "volume: one destination too much",
    PER_DESTINATION,
    times(22, (i) => seen(i, { result: "ended", bytes: 10, target: `t${i % 2}` })),
    ["d:110", "d:110"],
  ],
  [
    "volume: numbers that are none",
    VOLUME,
    [Number.NaN, -1e9, Number.NEGATIVE_INFINITY, 0.9].map((bytes) => seen(0, { bytes })),
    [],
  ],
  ["volume: endless", VOLUME, [seen(0, { bytes: Number.POSITIVE_INFINITY })], [`d:${Number.MAX_SAFE_INTEGER}`]],
];

for (const [name, watch, observations, alarms] of detectors) {
  test(`${name}: ${alarms.join(" ") || "no alarm"}`, () => {
    assert.deepEqual(alarmsOf(new BehaviorMonitor([detector("d", watch)]), observations), alarms);
  });
}

test("an alarm says what, when, where and what follows", () => {
  const monitor = new BehaviorMonitor([detector("exfil", VOLUME, { response: QUARANTINE })]);
  assert.deepEqual(monitor.observe(seen(7, { bytes: 101, result: "ended" })), [
    {
      detector: "exfil",
      kind: "volume",
      at: NOON + 7,
      action: "egress",
      target: "a:443",
      count: 101,
      response: QUARANTINE,
    },
  ]);
});

test("a detector watches its own kinds of action, and its response is about them", () => {
  const response = { kind: "require_approval", millis: MINUTE } as const;
  const monitor = new BehaviorMonitor([detector("d", BURST, { actions: new Set(["exec"]), response })]);
  assert.deepEqual(
    alarmsOf(
      monitor,
      times(9, (i) => seen(i)),
    ),
    [],
  );
  assert.deepEqual(
    alarmsOf(
      monitor,
      times(4, (i) => seen(10 + i, { action: "exec" })),
    ),
    ["d:4"],
  );
  assert.deepEqual(monitor.standing(moment(20), "egress"), { kind: "free" });
  assert.equal(monitor.standing(moment(20), "exec").kind, "approval");
});

test("trap 1.4: the time between alarms is no threshold: 20 failures or 10 denials trip, whatever quiet says", () => {
  const rules = (quiet: number): readonly DetectorRule[] => [
    detector("failures", { kind: "failures", count: 20, window: HOUR }, { quiet }),
    detector("denials", { kind: "denials", count: 10, window: HOUR }, { quiet }),
  ];
  for (const quiet of [0, 1, 5, 1_000_000]) {
    const monitor = new BehaviorMonitor(rules(quiet));
    assert.deepEqual(
      alarmsOf(
        monitor,
        times(19, (i) => seen(i, { result: "failed" })),
      ),
      [],
    );
    assert.deepEqual(
      alarmsOf(
        monitor,
        times(9, (i) => seen(20 + i, { result: "denied" })),
      ),
      [],
    );
    assert.deepEqual(alarmsOf(monitor, [seen(30, { result: "denied" })]), ["denials:10"]);
    assert.deepEqual(alarmsOf(monitor, [seen(31, { result: "failed" })]), ["failures:20"]);
  }
});

test("an alarm is not raised again while it is quiet, but its response lasts longer", () => {
  const response = { kind: "require_approval", millis: 30_000 } as const;
  const monitor = new BehaviorMonitor([detector("d", BURST, { quiet: MINUTE, response })]);
  assert.deepEqual(
    alarmsOf(
      monitor,
      times(60, (i) => seen(i * 1_000)),
    ),
    ["d:4"],
  );
  assert.deepEqual(monitor.standing(moment(MINUTE), "egress"), {
    kind: "approval",
    until: NOON + 89_000,
    detector: "d",
  });
  assert.deepEqual(alarmsOf(monitor, [seen(63_000)]), ["d:58"]);
  assert.equal(monitor.standing(moment(92_999), "egress").kind, "approval");
  assert.equal(monitor.standing(moment(93_000), "egress").kind, "free");
});

test("trap 1.4: an alert alone is not all: a quarantine denies everything until it is lifted", () => {
  const monitor = new BehaviorMonitor([detector("d", DENIALS, { actions: new Set(["tool"]), response: QUARANTINE })]);
  alarmsOf(
    monitor,
    times(3, (i) => seen(i, { action: "tool", result: "denied" })),
  );
  for (const later of [0, 15 * MINUTE, 1e15]) {
    for (const approved of [false, true]) {
      const standing = monitor.admit(moment(3 + later), "inference", approved);
      assert.deepEqual(standing, { kind: "quarantined", since: NOON + 2, detector: "d" });
    }
  }
  monitor.apply([]);
  assert.equal(
    monitor.standing(moment(5), "egress").kind,
    "quarantined",
    "a policy without the detector lifts nothing",
  );
  assert.deepEqual(monitor.lift("other", 5), []);
  assert.equal(monitor.standing(moment(5), "egress").kind, "quarantined");
  assert.deepEqual(monitor.lift("d", 5), ["d"]);
  assert.equal(monitor.standing(moment(5), "egress").kind, "free");
});

test("a throttle lets so many a minute through, evenly, and says when the next one is", () => {
  const response = { kind: "throttle", perMinute: 7, millis: 5 * MINUTE } as const;
  const monitor = new BehaviorMonitor([detector("d", BURST, { response })]);
  alarmsOf(
    monitor,
    times(4, () => seen(0)),
  );
  let admitted = 0;
  for (let now = 0; now < 5 * MINUTE; now += 10) {
    const asked = monitor.standing(moment(now), "egress");
    const standing = monitor.admit(moment(now), "egress", true);
    assert.deepEqual(standing, asked, "asking takes nothing");
    if (standing.kind === "free") admitted += 1;
    else assert.equal(standing.kind, "throttled");
  }
  assert.equal(admitted, 35);
  assert.equal(monitor.admit(moment(5 * MINUTE), "egress", false).kind, "free");
  assert.equal(monitor.admit(moment(5 * MINUTE), "egress", false).kind, "free", "it is over");
});

test("retry-after of a throttle is honest", () => {
  const response = { kind: "throttle", perMinute: 7, millis: 10_000 } as const;
  const monitor = new BehaviorMonitor([detector("d", BURST, { response })]);
  alarmsOf(
    monitor,
    times(4, () => seen(0)),
  );
  assert.equal(monitor.admit(moment(0), "egress", false).kind, "free");
  const first = monitor.admit(moment(1), "egress", false);
  assert.deepEqual(first, { kind: "throttled", until: NOON + 10_000, detector: "d", retryAfter: 8_571 });
  assert.equal(monitor.admit(moment(8_571), "egress", false).kind, "throttled");
  assert.equal(monitor.admit(moment(8_572), "egress", false).kind, "free");
  const second = monitor.standing(moment(8_573), "egress");
  assert.ok(second.kind === "throttled" && second.retryAfter === 10_000 - 8_573, "the end comes before the next one");
  assert.equal(monitor.admit(moment(10_000), "egress", false).kind, "free");
});

test("two throttles: a place is taken from both or from none", () => {
  const of = (perMinute: number): Partial<DetectorRule> => ({
    response: { kind: "throttle", perMinute, millis: HOUR },
  });
  const monitor = new BehaviorMonitor([detector("fast", BURST, of(60)), detector("slow", BURST, of(6))]);
  alarmsOf(
    monitor,
    times(4, () => seen(0)),
  );
  assert.equal(monitor.admit(moment(0), "egress", false).kind, "free");
  for (let now = 1; now < 10_000; now += 1) {
    const standing = monitor.admit(moment(now), "egress", false);
    assert.ok(standing.kind === "throttled" && standing.detector === "slow");
  }
  assert.equal(monitor.admit(moment(10_000), "egress", false).kind, "free");
});

test("a throttle counts the actions that it is about, and no others", () => {
  const response = { kind: "throttle", perMinute: 1, millis: HOUR } as const;
  const monitor = new BehaviorMonitor([
    detector("exec", BURST, { response, actions: new Set(["exec"]) }),
    detector("all", { ...BURST, count: 4 }, { response: { ...response, perMinute: 60 } }),
  ]);
  alarmsOf(
    monitor,
    times(5, () => seen(0, { action: "exec" })),
  );
  assert.equal(monitor.admit(moment(0), "egress", false).kind, "free");
  assert.equal(monitor.admit(moment(1_000), "exec", false).kind, "free");
  assert.equal(monitor.admit(moment(2_000), "egress", false).kind, "free");
  assert.equal(monitor.admit(moment(3_000), "exec", false).kind, "throttled");
});

test("what is over does not come back with a later alarm", () => {
  const rule = (kind: "egress" | "exec"): DetectorRule =>
    detector("d", BURST, { response: { kind: "require_approval", millis: MINUTE }, actions: new Set([kind]) });
  const monitor = new BehaviorMonitor([rule("egress")]);
  alarmsOf(
    monitor,
    times(4, () => seen(0)),
  );
  monitor.apply([rule("exec")]);
  alarmsOf(
    monitor,
    times(4, () => seen(HOUR, { action: "exec" })),
  );
  assert.equal(monitor.standing(moment(HOUR), "exec").kind, "approval");
  assert.equal(monitor.standing(moment(HOUR), "egress").kind, "free");
});

test("after a lift the next alarm is raised, however quiet it was", () => {
  const monitor = new BehaviorMonitor([detector("d", BURST, { quiet: HOUR, response: QUARANTINE })]);
  const burst = (from: number): readonly Observation[] => times(4, (i) => seen(from + i));
  assert.deepEqual(alarmsOf(monitor, burst(0)), ["d:4"]);
  monitor.lift("d", 10);
  assert.deepEqual(alarmsOf(monitor, burst(20)), ["d:4"]);
});

test("an approval goes over require_approval, and over no throttle", () => {
  const monitor = new BehaviorMonitor([
    detector("ask", BURST, { response: { kind: "require_approval", millis: HOUR } }),
    detector("slow", BURST, { response: { kind: "throttle", perMinute: 1, millis: HOUR } }),
  ]);
  alarmsOf(
    monitor,
    times(4, () => seen(0)),
  );
  assert.equal(monitor.admit(moment(0), "egress", false).kind, "approval");
  assert.equal(monitor.admit(moment(0), "egress", true).kind, "free");
  assert.equal(monitor.admit(moment(1), "egress", true).kind, "throttled");
});

test("INV-GOV-WITHHELD: kars trap: what the monitor withholds does not feed it, so that every throttle ends", () => {
  const watches = { burst: BURST, denials: DENIALS, fresh: FRESH, volume: VOLUME };
  const rules = Object.entries(watches).map(([id, watch]) =>
    detector(id, watch, { response: { kind: "throttle", perMinute: 1, millis: MINUTE } }),
  );
  const monitor = new BehaviorMonitor(rules);
  alarmsOf(
    monitor,
    times(4, (i) => seen(i, { result: "denied", target: `t${i}` })),
  );
  const own = times(10_000, (i) => seen(10 + i * 6, { result: "withheld", target: `w${i}`, bytes: 9 }));
  assert.deepEqual(alarmsOf(monitor, own), []);
  assert.equal(monitor.standing(moment(MINUTE + 3), "egress").kind, "free");
});

test("denials in a quarantine feed nothing, and what is lifted does not trip by what it was lifted for", () => {
  const monitor = new BehaviorMonitor([
    detector("volume", VOLUME, { response: QUARANTINE }),
    detector("denials", DENIALS, { response: QUARANTINE }),
  ]);
  alarmsOf(monitor, [seen(0, { bytes: 500, result: "ended" })]);
  assert.deepEqual(
    alarmsOf(
      monitor,
      times(50, (i) => seen(i, { result: "denied" })),
    ),
    [],
  );
  assert.deepEqual(monitor.lift(undefined, 60), ["volume"]);
  assert.deepEqual(alarmsOf(monitor, [seen(61, { bytes: 100 }), seen(62, { result: "denied" })]), []);
  assert.equal(monitor.standing(moment(63), "egress").kind, "free");
});

test("an operator can lift one of two, and quarantine by hand", () => {
  const monitor = new BehaviorMonitor([
    detector("one", BURST, { response: QUARANTINE }),
    detector("two", BURST, { response: { kind: "throttle", perMinute: 1, millis: HOUR } }),
  ]);
  alarmsOf(
    monitor,
    times(4, () => seen(0)),
  );
  monitor.quarantine("operator", NOON);
  monitor.quarantine("operator", NOON + 5);
  assert.deepEqual(monitor.lift("one", 1), ["one"]);
  assert.deepEqual(monitor.standing(moment(1), "exec"), { kind: "quarantined", since: NOON, detector: "operator" });
  assert.deepEqual([...monitor.lift(undefined, 1)].toSorted(), ["operator", "two"]);
  assert.equal(monitor.admit(moment(1), "egress", false).kind, "free");
  assert.equal(monitor.admit(moment(1), "egress", false).kind, "free");
});

test("a reload keeps what was counted where it is counted the same, also under another bound", () => {
  const monitor = new BehaviorMonitor([detector("d", BURST)]);
  alarmsOf(
    monitor,
    times(3, (i) => seen(i)),
  );
  monitor.apply([detector("new", DENIALS), detector("d", { ...BURST, count: 5 }, { quiet: 7, response: QUARANTINE })]);
  assert.deepEqual(
    alarmsOf(
      monitor,
      times(2, (i) => seen(10 + i)),
    ),
    [],
  );
  assert.deepEqual(alarmsOf(monitor, [seen(20)]), ["d:6"]);
  assert.equal(monitor.standing(moment(21), "egress").kind, "quarantined");
  monitor.lift(undefined, 21);
  alarmsOf(
    monitor,
    times(5, (i) => seen(30 + i)),
  );
  monitor.apply([detector("d", { ...BURST, window: HOUR })]);
  assert.deepEqual(
    alarmsOf(
      monitor,
      times(3, (i) => seen(40 + i)),
    ),
    [],
    "another window begins anew",
  );
  monitor.apply([detector("d", { ...BURST, window: HOUR }, { actions: new Set(["egress"]) })]);
  assert.deepEqual(
    alarmsOf(
      monitor,
      times(3, (i) => seen(50 + i)),
    ),
    [],
    "so does another set of actions",
  );
  assert.throws(() => monitor.apply([detector("d", BURST), detector("d", DENIALS)]), /two detectors/);
});

test("a reload shortens no response that stands", () => {
  const rule = (millis: number, actions?: DetectorRule["actions"]): DetectorRule =>
    detector("d", BURST, { response: { kind: "require_approval", millis }, actions });
  const monitor = new BehaviorMonitor([rule(HOUR, new Set(["egress"]))]);
  alarmsOf(
    monitor,
    times(4, () => seen(0)),
  );
  monitor.apply([rule(1, new Set(["exec"]))]);
  alarmsOf(
    monitor,
    times(4, () => seen(1, { action: "exec" })),
  );
  for (const kind of ["egress", "exec"] as const) {
    assert.equal(monitor.standing(moment(HOUR - 1), kind).kind, "approval");
  }
  assert.equal(monitor.standing(moment(HOUR - 1), "tool").kind, "free");
  assert.equal(monitor.standing(moment(HOUR), "egress").kind, "free");
});

const CLOCKS = [-1, -1e15, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300];

for (const steady of CLOCKS) {
  test(`a monotonic clock that says ${steady} empties no window and ends no throttle`, () => {
    const response = { kind: "throttle", perMinute: 1, millis: MINUTE } as const;
    const monitor = new BehaviorMonitor([detector("d", BURST), detector("t", DENIALS, { response })]);
    alarmsOf(
      monitor,
      times(3, (i) => seen(1_000 + i, { result: "denied" })),
    );
    assert.deepEqual(alarmsOf(monitor, [seen(steady)]), ["d:4"]);
    assert.equal(monitor.admit(moment(steady), "egress", false).kind, "free");
    assert.equal(monitor.admit(moment(steady), "egress", false).kind, "throttled");
    assert.equal(monitor.standing(moment(61_001), "egress").kind, "throttled");
    assert.equal(monitor.standing(moment(61_002), "egress").kind, "free");
  });
}

test("setting the wall clock empties no window, ends no response, and moves only what people read", () => {
  const monitor = new BehaviorMonitor([
    detector("burst", BURST, { response: { kind: "throttle", perMinute: 1, millis: MINUTE } }),
  ]);
  const walls = [0, 1e12, -1e12, Number.NaN];
  const alarms = walls.flatMap((wall, i) => monitor.observe(seen(i, { at: NOON + wall })));
  assert.deepEqual(
    alarms.map(({ count }) => count),
    [4],
  );
  monitor.admit(moment(3), "egress", false);
  for (const at of [0, NOON + 1e12]) {
    const standing = monitor.standing({ at, steady: 10_003 }, "egress");
    assert.deepEqual(standing, { kind: "throttled", until: at + 50_000, detector: "burst", retryAfter: 50_000 });
  }
});

test("a flood of names trips the detectors, and memory does not grow", () => {
  const monitor = new BehaviorMonitor([
    detector("fresh", { ...FRESH, window: HOUR, memory: 1_000 * HOUR }, { quiet: HOUR }),
    detector("volume", { ...PER_DESTINATION, window: HOUR }, { quiet: HOUR }),
  ]);
  monitor.observe(seen(0, { target: "known:443" }));
  const alarms = new Set<string>();
  for (let name = 0; name < 50_000; name += 1) {
    const flood = seen(1, { target: `${name}.example:443`, bytes: 1 });
    for (const alarm of monitor.observe(flood)) alarms.add(alarm.detector);
  }
  assert.deepEqual([...alarms], ["fresh", "volume"], "the second: what has no sum of its own has one together");
  const saved = JSON.stringify(monitor.save(1));
  assert.ok(saved.length < 200_000, `${saved.length} octets of state`);
});

test("a name that is too long is new each time, and not kept", () => {
  const monitor = new BehaviorMonitor([detector("fresh", FRESH), detector("volume", PER_DESTINATION)]);
  const long = times(3, (i) => seen(i, { target: "x".repeat(257 + i), bytes: 40 }));
  assert.deepEqual(alarmsOf(monitor, long), ["fresh:3", "volume:120"], "and all of them are counted as one");
  assert.ok(JSON.stringify(monitor.save(3)).length < 300);
});

test("the last thousand destinations are remembered", () => {
  const watch: Watch = { kind: "new_destinations", count: 1_300, window: HOUR, memory: HOUR };
  const monitor = new BehaviorMonitor([detector("fresh", watch)]);
  const names = (count: number): readonly Observation[] => times(count, (i) => seen(0, { target: `t${i}` }));
  assert.deepEqual(alarmsOf(monitor, names(1_300)), []);
  assert.deepEqual(alarmsOf(monitor, names(1_300).slice(300)), []);
});

test("a destination that comes after a flood is not counted less than it was", () => {
  const monitor = new BehaviorMonitor([detector("d", { ...PER_DESTINATION, window: HOUR })]);
  for (let name = 0; name < 1_024; name += 1) monitor.observe(seen(0, { target: `t${name}`, bytes: 1 }));
  assert.deepEqual(alarmsOf(monitor, [seen(30 * MINUTE, { target: "late", bytes: 90 })]), []);
  assert.deepEqual(alarmsOf(monitor, [seen(HOUR + MINUTE, { target: "late", bytes: 11 })]), ["d:101"]);
  assert.deepEqual(alarmsOf(monitor, [seen(3 * HOUR, { target: "late", bytes: 100 })]), [], "and then it is forgotten");
});

test("no rules: nothing stands, and nothing is raised", () => {
  const monitor = new BehaviorMonitor();
  assert.deepEqual(
    alarmsOf(
      monitor,
      times(1_000, (i) => seen(i, { result: "denied", bytes: 1e9 })),
    ),
    [],
  );
  assert.equal(monitor.admit(moment(0), "admin", false).kind, "free");
  assert.deepEqual(new BehaviorMonitor([detector("a", BURST, { response: ALERT })]).lift(undefined, 0), []);
});

test("a throttle concerns what it covers also while it has room, and nothing once its time is over", () => {
  const monitor = new BehaviorMonitor([
    {
      id: "d",
      watch: { kind: "burst", count: 1, window: 60_000 },
      actions: new Set(["tool"]),
      response: { kind: "throttle", perMinute: 60, millis: 5_000 },
      quiet: 0,
    },
  ]);
  for (let at = 0; at < 2; at += 1) {
    monitor.observe({ at, steady: at, action: "tool", target: "a", result: "allowed", bytes: 0, isSaid: false });
  }
  assert.equal(monitor.standing({ at: 2_000, steady: 2_000 }, "tool").kind, "free");
  assert.equal(monitor.concerns("tool", 2_000), true);
  assert.equal(monitor.concerns("exec", 2_000), false);
  assert.equal(monitor.concerns("tool", 6_000), false);
});
