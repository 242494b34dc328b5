import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { Budgets } from "../../../../router/core/budget/budgets.ts";
import type { ClockAnchor } from "../../../../router/core/budget/budget-time.ts";
import {
  clockText,
  createReserveText,
  firstText,
  policyText,
  releaseText,
  settleText,
} from "../../../../router/core/budget/ledger-entry.ts";
import { parseState, stateForm } from "../../../../router/core/budget/ledger-state.ts";
import { Replay } from "../../../../router/core/budget/replay.ts";
import { at, budget, budgetsOf, call, charge, policyOf, TEN } from "./budget-fixture.ts";

const anchor: ClockAnchor = { wall: epochMillis(TEN), steady: millis(1e9), uptime: millis(5_000), boot: "boot" };
const rules = [
  budget(),
  budget({ id: "r", unit: "requests", limit: 9, scope: "model" }),
  budget({ id: "c", unit: "cost", limit: 1e9, window: { kind: "rolling", millis: 60_000 } }),
  budget({ id: "q", limit: 500, window: { kind: "request" }, models: new Set(["m"]), cut: true }),
];
const policy = policyOf(rules);
const start = at(TEN);
const first = firstText(start.wall, anchor, policy, new Budgets(policy, start).state(start));
const reserveOne = `["reserve",${TEN + 1},1,"m",200,300005`;

function replay(...texts: readonly string[]): Replay {
  const read = new Replay();
  for (const text of texts) assert.equal(read.apply(text), undefined, text);
  return read;
}

test("what was written is read into the same budgets", () => {
  const budgets = new Budgets(policy, start);
  const reserveText = createReserveText();
  const texts = [first];
  const held = [0, 1, 2, 3].map((index) => {
    const result = budgets.reserve(call({ model: index === 3 ? "n" : "m", output: 20 }), at(TEN + index));
    assert.ok(result.ok);
    texts.push(reserveText(epochMillis(TEN + index), result.value));
    return result.value;
  });
  const [one, two, three] = held;
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  const settled = budgets.settle(one.id, charge(150, 7), at(TEN + 10));
  assert.ok(settled !== undefined);
  texts.push(settleText(epochMillis(TEN + 10), settled));
  const released = budgets.release(two.id, at(TEN + 11));
  assert.ok(released !== undefined);
  texts.push(releaseText(epochMillis(TEN + 11), released));
  const step = { from: epochMillis(TEN + 12), to: epochMillis(TEN - 90_000_000) };
  const stepped = at(step.to, anchor.steady + 12);
  budgets.carry(step, stepped);
  const next: ClockAnchor = { wall: step.to, steady: stepped.steady, uptime: millis(5_012), boot: "boot" };
  texts.push(clockText(step.to, step, next));
  const other = policyOf([budget({ id: 'ü"\\\u2028' }), ...rules.slice(1)]);
  budgets.reconfigure(other, stepped);
  texts.push(policyText(step.to, other));

  const { replayed } = replay(...texts);
  assert.ok(replayed !== undefined);
  assert.deepEqual(replayed.anchor, next);
  assert.equal(replayed.wall, step.to);
  assert.deepEqual(replayed.budgets.state(stepped), budgets.state(stepped));
  assert.deepEqual(replayed.budgets.view(stepped), budgets.view(stepped));
  assert.deepEqual(replayed.budgets.policy, other);

  const again = replay(firstText(step.to, next, other, budgets.state(stepped))).replayed;
  assert.ok(again !== undefined);
  assert.deepEqual(again.budgets.state(stepped), budgets.state(stepped));
  for (const text of texts) assert.match(text, /^[\x20-\x7e]+$/);
  for (const { budgets: one } of [replayed, again]) {
    const charged = one.settleAll(stepped);
    assert.deepEqual(
      charged.map(({ reservation, tokens, estimated }) => [reservation.id, reservation.model, tokens, estimated]),
      [
        [three.id, "m", 120, true],
        [4, "n", 120, true],
      ],
    );
    assert.equal(one.open, 0);
  }
});

const damages: readonly (readonly [name: string, texts: readonly string[], problem: string])[] = [
  ["nothing before the first", [reserveOne], "it does not begin a ledger"],
  ["no JSON", ["["], "it does not begin a ledger"],
  ["another version", ['["ledger",2,{"new":1}'], "its version is 2, and this router knows only 1"],
  ["a first line with too much", [`${first},0`], "it does not begin a ledger"],
  ["a ledger within a ledger", [first, first], "a ledger begins within another"],
  ["no entry", [first, '["other",1'], "it is no ledger entry"],
  ["an object", [first, '[{"kind":"settle"}'], "it is no ledger entry"],
  ["a number that is not whole", [first, `["reserve",${TEN},1,"m",0.5,0`], "it is no ledger entry"],
  ["a number below 0", [first, `["reserve",${TEN},1,"m",1,-5`], "it is no ledger entry"],
  ["a number beyond 2^53", [first, `["settle",${TEN},1,9007199254740993,0,false`], "it is no ledger entry"],
  ["one item too many", [first, `["release",${TEN},1,0`], "it is no ledger entry"],
  ["an earlier time", [first, `["reserve",${TEN - 1},1,"m",200,0`], "it is earlier than the entry before it"],
  ["an unknown model", [first, `["reserve",${TEN},1,"x",200,0`], "call 1 cannot be reserved"],
  ["an id twice", [first, reserveOne, reserveOne], "call 1 cannot be reserved"],
  ["settled before it was reserved", [first, `["settle",${TEN},1,5,5,false`], "call 1 is not open"],
  [
    "settled twice",
    [first, reserveOne, `["settle",${TEN + 1},1,5,5,false`, `["settle",${TEN + 1},1,5,5,false`],
    "call 1 is not open",
  ],
  ["released twice", [first, reserveOne, `["release",${TEN + 1},1`, `["release",${TEN + 1},1`], "call 1 is not open"],
  ["a clock from nowhere", [first, `["clock",${TEN},${TEN},${TEN},77,5000,"boot"`], "its clock does not go on"],
  ["a policy that is none", [first, `["policy",${TEN},[[["b","tokens"]],[]]`], "it is no ledger entry"],
];

for (const [name, texts, problem] of damages) {
  test(`damage: ${name}`, () => {
    const read = replay(...texts.slice(0, -1));
    assert.equal(read.apply(texts.at(-1) ?? ""), problem);
  });
}

test("a state with anything else in it is none", () => {
  const budgets = budgetsOf(rules);
  assert.ok(budgets.reserve(call(), start).ok);
  budgets.settle(1, charge(5, 5), start);
  assert.ok(budgets.reserve(call(), start).ok);
  const text = JSON.stringify(stateForm(budgets.state(start)));
  assert.deepEqual(parseState(JSON.parse(text)), budgets.state(start));
  const changes: readonly (readonly [from: string, to: string])[] = [
    ['"tokens"', '"token"'],
    ['"day"', '"request"'],
    ['"day"', '"rolling:0"'],
    ['"rolling:60000"', '"rolling:99999999999999999"'],
    ['"c"', "7"],
    ['"m"', "7"],
    ['"r","requests","day","m"', '"b","tokens","day",null'],
    [",5]", ",5,1]"],
    ["[[", '[["x"],['],
    ["[3,", "[2,"],
    ["[3,", "[3.5,"],
    ["[0,1,2]", "[0,1,3]"],
    ["[0,1,2]", "[0,1,-1]"],
    ["[0,1,2]", '"012"'],
    [",5]]]", ",5],[1,5]]]"],
  ];
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `${from} is in ${text}`);
    assert.equal(parseState(JSON.parse(text.replace(from, to))), undefined, `${from} -> ${to}`);
  }
});
