import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { BudgetTime, type ClockReading } from "../../../../router/core/budget/budget-time.ts";

const T = Date.UTC(2026, 10, 20, 10);
const HOUR = 3_600_000;

function reading(wall: number, uptime: number): ClockReading {
  return { wall: epochMillis(wall), uptime: millis(uptime) };
}

interface Case {
  readonly name: string;
  /** What wall clock and uptime have moved by, one after the other. */
  readonly moves: readonly (readonly [wall: number, uptime: number])[];
  readonly wall: number;
  readonly steady: number;
  readonly steps: readonly (readonly [from: number, to: number])[];
}

const cases: readonly Case[] = [
  { name: "time passes", moves: [[1_000, 1_000]], wall: 1_000, steady: 1_000, steps: [] },
  { name: "a small jump forwards is followed", moves: [[5_000, 0]], wall: 5_000, steady: 5_000, steps: [] },
  { name: "a small jump back is time standing still", moves: [[-5_000, 0]], wall: 0, steady: 0, steps: [] },
  {
    name: "a step forwards passes no time",
    moves: [[5_001, 0]],
    wall: 5_001,
    steady: 0,
    steps: [[0, 5_001]],
  },
  {
    name: "a step back passes no time",
    moves: [[-24 * HOUR, 0]],
    wall: -24 * HOUR,
    steady: 0,
    steps: [[0, -24 * HOUR]],
  },
  {
    name: "a step within an hour that passed",
    moves: [[25 * HOUR, HOUR]],
    wall: 25 * HOUR,
    steady: HOUR,
    steps: [[HOUR, 25 * HOUR]],
  },
  {
    name: "forwards and back again",
    moves: [
      [HOUR, 0],
      [-HOUR, 0],
      [1_000, 1_000],
    ],
    wall: 1_000,
    steady: 1_000,
    steps: [
      [0, HOUR],
      [HOUR, 0],
    ],
  },
  {
    name: "many small jumps come to a step",
    moves: [
      [3_000, 0],
      [3_000, 0],
    ],
    wall: 6_000,
    steady: 3_000,
    steps: [[3_000, 6_000]],
  },
  {
    name: "jumps of 3 s, two hours apart, are followed",
    moves: [
      [2 * HOUR + 3_000, 2 * HOUR],
      [2 * HOUR + 3_000, 2 * HOUR],
    ],
    wall: 4 * HOUR + 6_000,
    steady: 4 * HOUR + 6_000,
    steps: [],
  },
  { name: "an uptime that goes back is none", moves: [[1_000, -HOUR]], wall: 1_000, steady: 1_000, steps: [] },
];

for (const { name, moves, wall, steady, steps } of cases) {
  test(name, () => {
    const time = new BudgetTime("boot", reading(T, 500.7));
    const seen: [number, number][] = [];
    let [nowWall, nowUptime] = [T, 500.7];
    for (const [byWall, byUptime] of moves) {
      nowWall += byWall;
      nowUptime += byUptime;
      const step = time.tick(reading(nowWall, nowUptime));
      if (step !== undefined) seen.push([step.from - T, step.to - T]);
    }
    assert.deepEqual({ wall: time.wall - T, steady: time.steady, steps: seen }, { wall, steady, steps });
    const { anchor } = time;
    assert.equal(anchor.steady + (time.wall - anchor.wall), time.steady, "the anchor leads to the same time");
    assert.ok(Number.isSafeInteger(anchor.uptime));
  });
}

const resumed: readonly (readonly [
  name: string,
  boot: string,
  wall: number,
  uptime: number,
  steady: number,
  step: number | undefined,
])[] = [
  ["the same boot, an hour later", "boot", HOUR, 1_000 + HOUR, HOUR, undefined],
  ["the same boot, an hour later, the clock a day ahead", "boot", 25 * HOUR, 1_000 + HOUR, HOUR, 25 * HOUR],
  ["the same boot, an hour later, the clock a day back", "boot", -23 * HOUR, 1_000 + HOUR, HOUR, -23 * HOUR],
  ["after a reboot a later clock is believed", "other", 48 * HOUR, 10, 48 * HOUR, undefined],
  ["after a reboot an earlier clock is a step, in no time", "other", -HOUR, 10, 0, -HOUR],
  ["the same boot with a shorter uptime is another", "boot", HOUR, 10, HOUR, undefined],
  ["no boot is the same as an unknown one", "", HOUR, 1_000, HOUR, undefined],
];

for (const [name, boot, wall, uptime, steady, to] of resumed) {
  test(`resumed: ${name}`, () => {
    const before = new BudgetTime(boot === "" ? "" : "boot", reading(T, 1_000));
    const after = new BudgetTime(boot, reading(T + wall, uptime));
    const step = after.resume(before.anchor, before.wall, reading(T + wall, uptime));
    assert.equal(after.wall, T + wall);
    assert.equal(after.steady, steady);
    assert.equal(step === undefined ? undefined : step.to - T, to);
    assert.equal(after.tick(reading(T + wall + 1_000, uptime + 1_000)), undefined);
    assert.equal(after.steady, steady + 1_000);
  });
}
