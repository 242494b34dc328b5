import assert from "node:assert/strict";
import { test } from "node:test";
import { PeerStandings } from "../../../../router/core/peer/peer-standings.ts";
import type { TrustRates } from "../../../../router/core/peer/trust.ts";

const RATES: TrustRates = { initial: 500, reward: 10, penalty: 50, perHour: 200, decay: 50 };
const HOUR = 3_600_000;
const MINUTE = 60_000;

function standings(rates: Partial<TrustRates> = {}, peers: readonly string[] = ["a", "b"]): PeerStandings {
  const made = new PeerStandings();
  made.apply({ ...RATES, ...rates }, peers, 0);
  return made;
}

function observe(of: PeerStandings, outcomes: string, at: number, peer = "a"): number | undefined {
  for (const outcome of outcomes) of.observe(peer, outcome === "+" ? "succeeded" : "failed", at);
  return of.scoreOf(peer, at);
}

const flat = { decay: 0 };
type Step = readonly [outcomes: string, at: number, score: number];
const rows: readonly (readonly [name: string, rates: Partial<TrustRates>, steps: readonly Step[]])[] = [
  ["a peer of which nothing is known", {}, [["", 0, 500]]],
  [
    "a success adds, a failure takes",
    flat,
    [
      ["+", 0, 510],
      ["-", 0, 460],
    ],
  ],
  [
    "no more than so much up within an hour",
    flat,
    [
      ["+".repeat(50), 0, 700],
      ["+", HOUR - 1, 700],
    ],
  ],
  [
    "no more than so much down within an hour",
    flat,
    [
      ["-".repeat(50), 0, 300],
      ["-", HOUR - 1, 300],
    ],
  ],
  [
    "both ways have a bound of their own",
    flat,
    [
      ["-".repeat(9), 0, 300],
      ["+".repeat(99), 1, 500],
      ["-", 2, 500],
    ],
  ],
  ["the part that is left of the bound", { ...flat, perHour: 120 }, [["---", 0, 380]]],
  [
    "after an hour there is room again",
    flat,
    [
      ["----", 0, 300],
      ["----", 61 * MINUTE, 100],
    ],
  ],
  [
    "the hour slides",
    flat,
    [
      ["--", 0, 400],
      ["--", 40 * MINUTE, 300],
      ["--", 61 * MINUTE, 200],
      ["-", 62 * MINUTE, 200],
    ],
  ],
  [
    "never over 1000",
    { ...flat, initial: 995 },
    [
      ["++", 0, 1000],
      ["-", 0, 950],
    ],
  ],
  [
    "never under 0",
    { ...flat, initial: 20 },
    [
      ["--", 0, 0],
      ["+", 0, 10],
    ],
  ],
  [
    "what is at its end takes nothing of the hour",
    { ...flat, initial: 1000, perHour: 10 },
    [
      ["+++", 0, 1000],
      ["-", 0, 990],
      ["+", 0, 1000],
    ],
  ],
  [
    "nothing moves where nothing may",
    { ...flat, perHour: 0 },
    [
      ["--", 0, 500],
      ["++", 0, 500],
    ],
  ],
  [
    "it falls back towards initial",
    {},
    [
      ["+".repeat(20), 0, 700],
      ["", HOUR - 1, 700],
      ["", HOUR, 690],
      ["", 2 * HOUR, 680],
    ],
  ],
  [
    "it rises towards initial",
    {},
    [
      ["----", 0, 300],
      ["", HOUR, 310],
      ["", 10 * HOUR, 380],
    ],
  ],
  [
    "decay reaches initial, and stays",
    {},
    [
      ["----", 0, 300],
      ["", 1_000 * HOUR, 500],
      ["", 9_000 * HOUR, 500],
    ],
  ],
  [
    "decay of everything is bounded like all else",
    { decay: 1000 },
    [
      ["----", 0, 300],
      ["----", 61 * MINUTE, 300],
      ["", 3 * HOUR, 500],
    ],
  ],
  [
    "decay by one in a thousand",
    { decay: 1 },
    [
      ["----", 0, 300],
      ["", 24 * HOUR, 304],
    ],
  ],
];
for (const [name, rates, steps] of rows) {
  test(`scores: ${name}`, () => {
    const made = standings(rates);
    for (const [outcomes, at, score] of steps) assert.equal(observe(made, outcomes, at), score, `at ${at}`);
    assert.equal(made.scoreOf("b", 0) !== undefined, true);
  });
}

test("decay is the same however often it is looked at", () => {
  const [often, once] = [standings(), standings()];
  for (const made of [often, once]) observe(made, "---", 17);
  for (let at = 100; at < 30 * HOUR; at += 7 * MINUTE + 13) often.scoreOf("a", at);
  assert.deepEqual(often.save(30 * HOUR), once.save(30 * HOUR));
});

const strangers = ["self", "c", "", "A", "a ", "__proto__", "constructor"];
for (const peer of strangers) {
  test(`INV-GOV-TRUST: nobody else has a score, or gets one: ${JSON.stringify(peer)}`, () => {
    const made = standings();
    assert.equal(made.observe(peer, "succeeded", 1), false);
    assert.equal(made.scoreOf(peer, 1), undefined);
    assert.deepEqual(made.scores(1), [
      ["a", 500],
      ["b", 500],
    ]);
  });
}

test("before a policy nobody has a score", () => {
  const made = new PeerStandings();
  assert.equal(made.observe("a", "succeeded", 1), false);
  assert.deepEqual([made.scoreOf("a", 1), made.scores(1), made.changes(1)], [undefined, [], []]);
});

test("INV-GOV-TRUST: a peer that is taken out and put in again keeps its score and its hour", () => {
  const made = standings(flat);
  observe(made, "----", 0);
  made.apply(RATES, ["b"], 1);
  assert.equal(made.scoreOf("a", 1), undefined);
  assert.equal(made.observe("a", "succeeded", 1), false);
  made.apply({ ...RATES, decay: 0 }, ["a", "b"], 2);
  assert.equal(observe(made, "-", 2), 300);
});

const clocks: readonly (readonly [name: string, at: number])[] = [
  ["that goes back", -HOUR],
  ["that is no number", NaN],
  ["that is infinite", Infinity],
  ["beyond whole numbers", 2 ** 60],
];
for (const [name, at] of clocks) {
  test(`INV-GOV-TRUST: a clock ${name} refills nothing and lets nothing decay`, () => {
    const made = standings();
    observe(made, "----", 5 * MINUTE);
    assert.equal(observe(made, "--", at), 300);
    assert.equal(observe(made, "+", 6 * MINUTE), 310);
  });
}

test("INV-GOV-TRUST: a restart neither resets nor refills, and no time has passed meanwhile", () => {
  const before = standings();
  observe(before, "----", 50 * MINUTE);
  observe(before, "+", 55 * MINUTE, "b");
  const saved: unknown = JSON.parse(JSON.stringify(before.save(59 * MINUTE)));
  const after = new PeerStandings();
  after.apply(RATES, ["a", "b"], 0);
  assert.deepEqual(after.restore(saved, 10), { ok: true, value: undefined });
  assert.deepEqual(after.scores(10), [
    ["a", 300],
    ["b", 510],
  ]);
  assert.equal(observe(after, "-", 20), 300);
  // One minute was left of its hour.
  assert.equal(after.scoreOf("a", 10 + MINUTE), 310);
  assert.equal(observe(after, "-", 40 * MINUTE), 310);
  assert.equal(observe(after, "-", 53 * MINUTE), 260);
});

test("a policy that comes after the restart finds the scores", () => {
  const before = standings(flat);
  observe(before, "--", 1);
  const after = new PeerStandings();
  assert.equal(after.restore(before.save(2), 0).ok, true);
  assert.equal(after.scoreOf("a", 1), undefined);
  after.apply({ ...RATES, decay: 0 }, ["a"], 1);
  assert.deepEqual(after.scores(1), [["a", 400]]);
});

test("changes of tier are told once, with their scores", () => {
  const made = standings({ ...flat, initial: 590 });
  assert.deepEqual(made.changes(0), [
    { peer: "a", from: undefined, to: "known", score: 590 },
    { peer: "b", from: undefined, to: "known", score: 590 },
  ]);
  observe(made, "+", 1);
  assert.deepEqual(made.changes(1), [{ peer: "a", from: "known", to: "verified", score: 600 }]);
  assert.deepEqual(made.changes(1), []);
  const again = new PeerStandings();
  assert.equal(again.restore(made.save(2), 0).ok, true);
  again.apply({ ...RATES, decay: 0 }, ["a", "b"], 0);
  assert.deepEqual(again.changes(1), []);
});

test("decay alone changes tiers", () => {
  const made = standings();
  observe(made, "+".repeat(10), 0);
  made.changes(0);
  assert.deepEqual(made.changes(HOUR), [{ peer: "a", from: "verified", to: "known", score: 595 }]);
});

test("what policies no longer have is kept within a bound, and what they have always", () => {
  const made = new PeerStandings();
  for (let round = 0; round < 10; round++) {
    const peers = Array.from({ length: 256 }, (_, at) => `p${round}-${at}`);
    made.apply(RATES, peers, round);
    assert.equal(made.scores(round).length, 256);
  }
  const saved = made.save(10) as { readonly peers: readonly unknown[] };
  assert.equal(saved.peers.length, 1_024);
});

const good = [
  "a",
  500_000,
  5,
  "known",
  [
    [0, 1, 2],
    [60, 0, 1],
  ],
];
const states: readonly (readonly [name: string, state: unknown, ok: boolean])[] = [
  ["as it is written", { v: 1, peers: [good] }, true],
  ["empty", { v: 1, peers: [] }, true],
  ["no object", [good], false],
  ["nothing", undefined, false],
  ["null", null, false],
  ["another version", { v: 2, peers: [] }, false],
  ["a member more", { v: 1, peers: [], x: 1 }, false],
  ["a peer twice", { v: 1, peers: [good, good] }, false],
  ["a column less", { v: 1, peers: [good.slice(1)] }, false],
  ["a score over the highest", { v: 1, peers: [good.with(1, 1_000_001)] }, false],
  ["a score that is not whole", { v: 1, peers: [good.with(1, 0.5)] }, false],
  ["a score as a text", { v: 1, peers: [good.with(1, "500")] }, false],
  ["an age of an hour", { v: 1, peers: [good.with(2, HOUR)] }, false],
  ["an unknown tier", { v: 1, peers: [good.with(3, "root")] }, false],
  ["a name that no peer has", { v: 1, peers: [good.with(0, "../x")] }, false],
  ["moves in the future", { v: 1, peers: [good.with(4, [[-1, 0, 0]])] }, false],
  ["moves of longer ago", { v: 1, peers: [good.with(4, [[61, 0, 0]])] }, false],
  [
    "a minute twice",
    {
      v: 1,
      peers: [
        good.with(4, [
          [3, 0, 1],
          [3, 0, 1],
        ]),
      ],
    },
    false,
  ],
  ["moves below nothing", { v: 1, peers: [good.with(4, [[3, -1, 1]])] }, false],
  ["too many peers", { v: 1, peers: Array.from({ length: 1_025 }, (_, at) => good.with(0, `p${at}`)) }, false],
];
for (const [name, state, isOk] of states) {
  test(`a state is read strictly: ${name}`, () => {
    const made = standings();
    assert.equal(made.restore(state, 0).ok, isOk);
    if (!isOk)
      assert.deepEqual(made.scores(0), [
        ["a", 500],
        ["b", 500],
      ]);
  });
}
