import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Leave } from "../../../../router/app/governance/governor.ts";
import { OpenActions } from "../../../../router/app/governance/open-actions.ts";

const MINUTE = 60_000;

function world() {
  let now = 0;
  const ended: string[] = [];
  const open = new OpenActions(() => now);
  const leave = (name: string, holds: boolean): Pick<Leave, "holds" | "ended"> => ({
    holds,
    ended: (result) => ended.push(`${name} ${result}`),
  });
  const add = (name: string, holds = false): boolean => open.add(name, leave(name, holds));
  return { open, ended, add, pass: (millis: number) => (now += millis) };
}

test("an action is told to be over once", () => {
  const { open, add, ended } = world();
  add("a");
  open.take("a")?.ended("succeeded", 0);
  assert.equal(open.take("a"), undefined);
  assert.equal(open.take("b"), undefined);
  assert.deepEqual(ended, ["a succeeded"]);
});

test("what is not told in ten minutes is over, whoever asks first", () => {
  for (const touch of ["add", "take", "expire"] as const) {
    const { open, add, ended, pass } = world();
    add("a");
    pass(5 * MINUTE);
    add("b");
    pass(5 * MINUTE - 1);
    open.expire();
    assert.deepEqual(ended, [], "a moment before");
    pass(1);
    if (touch === "add") add("c");
    if (touch === "take") assert.equal(open.take("a"), undefined, "too late");
    if (touch === "expire") open.expire();
    assert.deepEqual(ended, ["a unknown"], touch);
    assert.ok(open.take("b") !== undefined);
  }
});

test("of 4,097 that hold a place the last is refused, and nothing takes theirs from the others", () => {
  const { open, add, ended, pass } = world();
  for (let index = 0; index < 4_096; index += 1) assert.ok(add(`a${index}`, true));
  assert.equal(add("more", true), false);
  for (let index = 0; index < 5_000; index += 1) assert.ok(add(`b${index}`));
  assert.ok(!ended.some((text) => text.startsWith("a")), "evicted by what holds nothing");
  open.take("a7")?.ended("succeeded", 0);
  assert.ok(add("again", true), "one was told to be over");
  assert.equal(add("more", true), false);
  pass(10 * MINUTE);
  assert.ok(add("more", true), "they took too long");
});

test("of 4,097 that hold nothing the oldest is over", () => {
  const { open, add, ended } = world();
  for (let index = 0; index < 4_096; index += 1) add(`a${index}`);
  assert.deepEqual(ended, []);
  add("more");
  assert.deepEqual(ended, ["a0 unknown"]);
  assert.equal(open.take("a0"), undefined);
  assert.ok(open.take("more") !== undefined);
});

test("property: each leave is ended by what took it or by the book, and never by both", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("add" as const) }),
    fc.record({ do: fc.constant("take" as const), which: fc.nat(30) }),
    fc.record({ do: fc.constant("pass" as const), millis: fc.nat(8 * MINUTE) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { open, add, ended, pass } = world();
      let added = 0;
      for (const one of steps) {
        if (one.do === "add") add(String(added++));
        else if (one.do === "pass") pass(one.millis);
        else open.take(String(one.which))?.ended("failed", 0);
      }
      pass(10 * MINUTE);
      open.expire();
      const names = ended.map((text) => Number(text.split(" ")[0])).toSorted((one, other) => one - other);
      assert.deepEqual(
        names,
        Array.from({ length: added }, (_, index) => index),
      );
    }),
  );
});
