import assert from "node:assert/strict";
import { test } from "node:test";
import { MemberOrder } from "../../../../router/core/audit/member-order.ts";

const rows: readonly [name: string, keys: readonly string[], order: readonly string[] | undefined][] = [
  ["none", [], []],
  ["one", ["a"], ["a"]],
  ["a longer one after its beginning", ["ab", "a"], ["a", "ab"]],
  ["by UTF-16 unit", ["\u{1f600}", "\ufb33"], ["\u{1f600}", "\ufb33"]],
  ["array indices, which the engine lists first", ["10", "9"], undefined],
  ["the same where that is the order anyway", ["b", "1"], ["1", "b"]],
  ["the last array index", ["4294967294", "5"], undefined],
  ["digits that are no array index", ["-1", "01"], ["-1", "01"]],
  ["__proto__, which is no member", ["__proto__"], undefined],
  ["__proto__ among others", ["z", "__proto__", "a"], undefined],
  ["a lone surrogate", ["a\ud800"], undefined],
  ["a key too long to be remembered", ["x".repeat(65), "a"], ["a", "x".repeat(65)]],
];

for (const [name, keys, order] of rows) {
  test(`the order of members: ${name}`, () => {
    const orders = new MemberOrder();
    for (let time = 0; time < 3; time += 1) assert.deepEqual(orders.of(keys), order);
  });
}

test("orders are right while, and after, more were asked for than are remembered", () => {
  const orders = new MemberOrder();
  for (let index = 0; index < 5_000; index += 1) {
    const keys = [`k${index}`, "b", `j${index}`, "a"];
    assert.deepEqual(orders.of(keys), keys.toSorted());
    assert.deepEqual(orders.of(["b", "a"]), ["a", "b"]);
  }
});

test("the same keys in the same order are sorted once", () => {
  const orders = new MemberOrder();
  assert.equal(orders.of(["b", "a"]), orders.of(["b", "a"]));
});

test("what is remembered is bounded: after a thousand other keys it is forgotten", () => {
  const orders = new MemberOrder();
  const first = orders.of(["b", "a"]);
  for (let index = 0; index < 500; index += 1) orders.of([`k${index}`]);
  assert.equal(orders.of(["b", "a"]), first);
  for (let index = 500; index < 1_100; index += 1) orders.of([`k${index}`]);
  assert.notEqual(orders.of(["b", "a"]), first);
});
