import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { CircuitBreakers, type Pass, type TargetSign } from "../../../../router/core/inference/circuit-breaker.ts";

const at = millis;
const FAILED: TargetSign = { kind: "failed" };
const ALIVE: TargetSign = { kind: "alive" };

function passOf(breakers: CircuitBreakers, now: number, target = "a"): Pass {
  const admission = breakers.admit(target, at(now));
  assert.ok(admission.admitted, `refused at ${now}`);
  return admission.pass;
}

function refusedFor(breakers: CircuitBreakers, now: number, target = "a"): number {
  const admission = breakers.admit(target, at(now));
  assert.ok(!admission.admitted, `admitted at ${now}`);
  return admission.wait;
}

function fail(breakers: CircuitBreakers, now: number, times = 5): void {
  for (let time = 0; time < times; time++) breakers.report(passOf(breakers, now), FAILED, at(now), 0);
}

test("five consecutive failures open it, an answer in between starts the count anew", () => {
  const breakers = new CircuitBreakers();
  fail(breakers, 0, 4);
  breakers.report(passOf(breakers, 0), ALIVE, at(0), 0);
  fail(breakers, 0, 4);
  assert.equal(breakers.state("a", at(0)), "closed");
  fail(breakers, 0, 1);
  assert.equal(refusedFor(breakers, 0), 1_000);
  assert.equal(refusedFor(breakers, 999), 1);
  assert.ok(breakers.admit("b", at(0)).admitted, "another target is another breaker");
});

test("calls that are late open it from the fifth in a row on, and again with each probe; an answer starts the count anew", () => {
  const late: TargetSign = { kind: "late" };
  const answers: readonly TargetSign[] = [ALIVE, { kind: "limited", wait: undefined }];
  const breakers = new CircuitBreakers();
  const report = (sign: TargetSign, now: number, times = 1): void => {
    for (let time = 0; time < times; time++) breakers.report(passOf(breakers, now), sign, at(now), 0);
  };
  for (const answer of answers) {
    report(late, 0, 4);
    report(answer, 0);
  }
  report(late, 0, 4);
  assert.equal(breakers.state("a", at(0)), "closed");
  report({ kind: "nothing" }, 0);
  report(late, 0);
  assert.equal(refusedFor(breakers, 0), 1_000);
  report(late, 1_000);
  assert.equal(refusedFor(breakers, 1_000), 2_000, "the probe that hangs too");
  report(ALIVE, 3_000);
  report(late, 3_000, 4);
  assert.equal(breakers.state("a", at(3_000)), "closed");
});

test("calls that are late do not count for failures, nor a probe of those", () => {
  const breakers = new CircuitBreakers();
  for (let time = 0; time < 4; time++) breakers.report(passOf(breakers, 0), { kind: "late" }, at(0), 0);
  fail(breakers, 0, 4);
  assert.equal(breakers.state("a", at(0)), "closed");
  fail(breakers, 0, 1);
  assert.equal(refusedFor(breakers, 0), 1_000);
});

test("one probe at a time; each that fails doubles the time, up to a minute; one that works closes it", () => {
  const breakers = new CircuitBreakers();
  fail(breakers, 0);
  let now = 1_000;
  for (const seconds of [2, 4, 8, 16, 32, 60, 60]) {
    const probe = passOf(breakers, now);
    assert.ok(probe.probe);
    assert.ok(refusedFor(breakers, now) > 0, "while it is under way nobody else");
    breakers.report(probe, FAILED, at(now), 0);
    assert.equal(refusedFor(breakers, now), seconds * 1000);
    now += seconds * 1000;
  }
  breakers.report(passOf(breakers, now), ALIVE, at(now), 0);
  assert.equal(breakers.state("a", at(now)), "closed");
  fail(breakers, now);
  assert.equal(refusedFor(breakers, now), 1_000, "and the time begins anew");
});

test("jitter takes up to a quarter off", () => {
  const breakers = new CircuitBreakers();
  for (let time = 0; time < 5; time++) breakers.report(passOf(breakers, 0), FAILED, at(0), 0.999);
  assert.equal(refusedFor(breakers, 0), 751);
});

test("a hundred calls that were under way when it opened open it no further, nor close it", () => {
  const breakers = new CircuitBreakers();
  const passes = Array.from({ length: 100 }, () => passOf(breakers, 0));
  for (const pass of passes.slice(0, 99)) breakers.report(pass, FAILED, at(0), 0);
  assert.equal(refusedFor(breakers, 0), 1_000);
  breakers.report(passes.at(-1) as Pass, ALIVE, at(10), 0);
  assert.equal(refusedFor(breakers, 10), 990);
  const probe = passOf(breakers, 1_000);
  breakers.report(probe, FAILED, at(1_000), 0);
  assert.equal(refusedFor(breakers, 1_000), 2_000);
});

const limits: readonly (readonly [string, number | undefined, number | undefined])[] = [
  ["as long as it said", 7_000, 7_000],
  ["five minutes at most", 86_400_000, 300_000],
  ["not at all without a word", undefined, undefined],
];
for (const [name, wait, expected] of limits) {
  test(`a limit opens it at once: ${name}`, () => {
    const breakers = new CircuitBreakers();
    const sign: TargetSign = { kind: "limited", wait: wait === undefined ? undefined : at(wait) };
    breakers.report(passOf(breakers, 0), sign, at(0), 0);
    if (expected === undefined) passOf(breakers, 0);
    else {
      assert.equal(refusedFor(breakers, 0), expected);
      assert.ok(passOf(breakers, expected).probe);
    }
  });
}

test("a shorter word does not shorten a longer one", () => {
  const breakers = new CircuitBreakers();
  const [one, other] = [passOf(breakers, 0), passOf(breakers, 0)];
  breakers.report(one, { kind: "limited", wait: at(9_000) }, at(0), 0);
  breakers.report(other, { kind: "limited", wait: at(1_000) }, at(0), 0);
  assert.equal(refusedFor(breakers, 0), 9_000);
});

test("a probe that is limited without a word keeps it open; one that says nothing makes room for the next", () => {
  const breakers = new CircuitBreakers();
  fail(breakers, 0);
  breakers.report(passOf(breakers, 1_000), { kind: "nothing" }, at(1_000), 0);
  const next = passOf(breakers, 1_000);
  assert.ok(next.probe);
  breakers.report(next, { kind: "limited", wait: undefined }, at(1_000), 0);
  assert.equal(refusedFor(breakers, 1_000), 2_000);
});

test("a probe that never comes back blocks for ten minutes at most", () => {
  const breakers = new CircuitBreakers();
  fail(breakers, 0);
  passOf(breakers, 1_000);
  refusedFor(breakers, 600_999);
  assert.ok(passOf(breakers, 601_000).probe);
});

test("targets that policy dropped are forgotten, and their late passes do no harm", () => {
  const breakers = new CircuitBreakers();
  fail(breakers, 0);
  const probe = passOf(breakers, 1_000);
  breakers.retain(new Set(["b"]));
  assert.equal(breakers.state("a", at(0)), "closed");
  breakers.report(probe, FAILED, at(1_000), 0);
  assert.equal(breakers.state("a", at(1_000)), "closed");
});

test("a flood of names stays bounded: those beyond are admitted and not kept", () => {
  const breakers = new CircuitBreakers();
  for (let name = 0; name < 10_050; name++) {
    breakers.report(passOf(breakers, 0, `t${name}`), { kind: "limited", wait: at(5_000) }, at(0), 0);
  }
  assert.equal(breakers.state("t9999", at(0)), "open");
  assert.equal(breakers.state("t10000", at(0)), "closed");
});
