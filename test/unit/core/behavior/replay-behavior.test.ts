import assert from "node:assert/strict";
import { test } from "node:test";
import type { DetectorRule } from "../../../../router/core/behavior/detector.ts";
import { type RecordedEvent, replayBehavior } from "../../../../router/core/behavior/replay-behavior.ts";
import { detector, NOON, QUARANTINE } from "./behavior-fixture.ts";

const BURST: readonly DetectorRule[] = [detector("burst", { kind: "burst", count: 2, window: 60_000 })];

function record(stream: string, uptime: number, some: Partial<RecordedEvent> = {}): RecordedEvent {
  return {
    stream,
    uptime,
    at: NOON,
    kind: "egress.decision",
    action: "connect",
    target: "a:443",
    decision: "allow",
    reason: null,
    rule: null,
    detail: {},
    ...some,
  };
}

const replayed = (rules: readonly DetectorRule[], records: readonly RecordedEvent[]): readonly string[] =>
  [...replayBehavior(rules, records)].map(({ detector: id, count }) => `${id}:${count}`);

const cases: readonly (readonly [name: string, records: readonly RecordedEvent[], alarms: readonly string[]])[] = [
  ["nothing", [], []],
  ["within a window", [record("a", 5), record("a", 6), record("a", 7)], ["burst:3"]],
  ["apart", [record("a", 5), record("a", 70_000), record("a", 140_000)], []],
  ["a restart ends no window", [record("a", 99_000), record("a", 99_001), record("b", 3)], ["burst:3"]],
  [
    "after a restart time goes on",
    [record("a", 99_000), record("b", 3), record("b", 70_000), record("b", 140_000)],
    [],
  ],
  ["an uptime that goes back is no time", [record("a", 99_000), record("a", 3), record("a", 4)], ["burst:3"]],
  ["an uptime that is none", [record("a", 5), record("a", Number.NaN), record("a", 6)], ["burst:3"]],
  ["records of other kinds", [1, 2, 3].map((i) => record("a", i, { kind: "policy.load" })), []],
];

for (const [name, records, alarms] of cases) {
  test(`${name}: ${alarms.join(" ") || "no alarm"}`, () => assert.deepEqual(replayed(BURST, records), alarms));
}

test("kars trap: neither a failure nor what the monitor withheld is a denial in a log either", () => {
  const rules = [detector("d", { kind: "denials", count: 1, window: 60_000 }, { response: QUARANTINE })];
  const quiet = [
    record("a", 1, { decision: "deny", reason: "dns_failure" }),
    record("a", 2, { kind: "egress.end", reason: "upstream_unreachable", detail: { outcome: "refused" } }),
    record("a", 3, { decision: "deny", reason: "governance_denied", rule: "behavior/d" }),
    record("a", 4, { decision: "deny", reason: "rate_limited" }),
  ];
  assert.deepEqual(replayed(rules, quiet), []);
  assert.deepEqual(replayed(rules, [...quiet, record("a", 5, { decision: "deny", reason: "host_not_allowed" })]), [
    "d:1",
  ]);
});
