import assert from "node:assert/strict";
import { test } from "node:test";
import { Budget } from "../../../../router/app/governance/budget.ts";

test("shares of a budget are never more than it, together, and are let go once", () => {
  const budget = new Budget(10);
  const [one, other] = [budget.share(), budget.share()];
  assert.ok(one.grow(6));
  assert.equal(other.grow(5), false);
  assert.ok(other.grow(4), "what was refused took nothing");
  assert.equal(one.grow(1), false);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  assert.ok(other.grow(6));
  assert.equal(other.grow(1), false, "let go once, though it was told twice");
});
