import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { NO_GOVERNANCE } from "../../../../router/core/governance/compile-governance-policy.ts";
import type { Leave } from "../../../../router/app/governance/governor.ts";
import { actionOf, governance, NOON } from "../../core/governance/engine-fixture.ts";
import { governorWorld, said, type WorldOptions } from "./governor-world.ts";

const LS = actionOf("exec, program: /bin/ls, argv: []");
const RM = actionOf("exec, program: /bin/rm, argv: []");
const SPAWN = actionOf("spawn, agent: a");

const ALLOW = "id: all, effect: allow, actions: [exec]";
const DENY = "id: no, effect: deny, actions: [exec], message: Never.";
const ASK = "id: ask, effect: require_approval, actions: [exec]";
const FULL = "id: full, effect: rate_limit, actions: [exec], limit: { concurrent: 1 }";
const GRANT = { id: "approval-1" };
const QUARANTINE = { kind: "quarantine" } as const;
const THROTTLE = { kind: "throttle", perMinute: 1, millis: 600_000 } as const;
const WATCHED = { kind: "require_approval", millis: 600_000 } as const;

interface Row extends WorldOptions {
  readonly name: string;
  readonly expected: string;
  /** Uses of the approval that were taken. */
  readonly used?: number;
  /** It can be asked for. */
  readonly askable?: boolean;
}

const order: readonly Row[] = [
  { name: "no rule", expected: "governance_denied -", askable: true },
  { name: "no rule, an approval", grant: GRANT, expected: "allow - by approval-1", used: 1 },
  { name: "no rule, an approval that is over", grant: "expired", expected: "approval_expired -", askable: true },
  { name: "a rule that allows", rules: [ALLOW], expected: "allow all" },
  { name: "a rule that allows spends no approval", rules: [ALLOW], grant: GRANT, expected: "allow all" },
  { name: "a deny rule", rules: [ALLOW, DENY], expected: "governance_denied no" },
  { name: "a deny rule over an approval", rules: [DENY], grant: GRANT, expected: "governance_denied no" },
  { name: "a deny rule over one that is over", rules: [DENY], grant: "expired", expected: "governance_denied no" },
  { name: "an approval is needed", rules: [ALLOW, ASK], expected: "approval_required ask", askable: true },
  { name: "an approval is there", rules: [ALLOW, ASK], grant: GRANT, expected: "allow ask by approval-1", used: 1 },
  { name: "an approval was there", rules: [ASK], grant: "expired", expected: "approval_expired ask", askable: true },
  {
    name: "an approval without a use left",
    rules: [ASK],
    grant: GRANT,
    uses: 0,
    expected: "approval_expired -",
    askable: true,
  },
  { name: "a quarantine over a rule", rules: [ALLOW], response: QUARANTINE, expected: "governance_denied behavior/d" },
  {
    name: "a quarantine over an approval",
    grant: GRANT,
    response: QUARANTINE,
    expected: "governance_denied behavior/d",
  },
  {
    name: "a quarantine over a needed approval",
    rules: [ASK],
    grant: GRANT,
    response: QUARANTINE,
    expected: "governance_denied behavior/d",
  },
  {
    name: "a deny rule is named before a quarantine",
    rules: [DENY],
    response: QUARANTINE,
    expected: "governance_denied no",
  },
  {
    name: "behaviour asks for an approval",
    rules: [ALLOW],
    response: WATCHED,
    expected: "approval_required behavior/d",
    askable: true,
  },
  {
    name: "and one is there",
    rules: [ALLOW],
    grant: GRANT,
    response: WATCHED,
    expected: "allow all by approval-1",
    used: 1,
  },
  {
    name: "and one was there",
    rules: [ALLOW],
    grant: "expired",
    response: WATCHED,
    expected: "approval_required behavior/d",
    askable: true,
  },
  { name: "a peer that is not connected over a rule", rules: [ALLOW], barred: "no", expected: "governance_denied -" },
  {
    name: "a peer that is not connected over an approval",
    grant: GRANT,
    barred: "no",
    expected: "governance_denied -",
  },
  {
    name: "a deny rule over behaviour's approval",
    rules: [DENY],
    grant: GRANT,
    response: WATCHED,
    expected: "governance_denied no",
  },
];
for (const { name, expected, used = 0, askable = false, ...options } of order) {
  test(`order: ${name}: ${expected}`, () => {
    const world = governorWorld(options);
    const governed = world.governor.judge(LS, false);
    assert.equal(said(governed), expected);
    assert.equal(governed.kind === "refused" && governed.askable, askable);
    assert.equal(world.used.length, used, "uses of the approval");
    assert.deepEqual(world.counted, [governed]);
  });

  test(`order, only asked: ${name}: nothing is taken`, () => {
    const world = governorWorld(options);
    const foreseen = world.governor.preview(LS);
    assert.equal(foreseen.kind, options.uses === 0 || expected.startsWith("allow") ? "allowed" : "refused");
    assert.deepEqual([world.used, world.counted, world.ended], [[], [], []]);
  });
}

/** An approval that the egress policy rests on, by which it was found. */
const given: readonly (readonly [string, WorldOptions, string, number])[] = [
  ["is spent where a rule allows too", { rules: [ALLOW] }, "allow all by approval-1", 1],
  ["is spent where no rule does", {}, "allow - by approval-1", 1],
  ["is kept where a deny rule refuses", { rules: [ALLOW, DENY] }, "governance_denied no", 0],
  ["is kept in a quarantine", { rules: [ALLOW], response: QUARANTINE }, "governance_denied behavior/d", 0],
  ["without a use left allows nothing", { rules: [ALLOW], uses: 0 }, "approval_expired -", 0],
  ["allows nothing by an expired policy", { rules: [ALLOW], time: () => Infinity }, "policy_expired -", 0],
];
for (const [name, options, expected, used] of given) {
  test(`an approval of another policy ${name}`, () => {
    const world = governorWorld(options);
    assert.equal(said(world.governor.judge(LS, true, GRANT.id)), expected);
    assert.equal(world.used.length, used);
    assert.equal(world.looked(), 0, "nobody looks for a second one");
  });
}

function allowed(world: ReturnType<typeof governorWorld>, action = LS): Leave {
  const governed = world.governor.judge(action, false);
  assert.ok(governed.kind === "allowed", said(governed));
  return governed;
}

test("a limit is over an approval, which is kept", () => {
  const world = governorWorld({ rules: [FULL, ASK], grant: GRANT });
  allowed(world);
  assert.deepEqual(world.used, ["approval-1"]);
  assert.equal(said(world.governor.judge(LS, false)), "rate_limited full");
  assert.deepEqual(world.used, ["approval-1"]);
});

test("what the approvals refuse in the end gives its place back", () => {
  const world = governorWorld({ rules: [FULL, ASK], grant: GRANT, uses: 0 });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    assert.equal(said(world.governor.judge(LS, false)), "approval_expired -");
  }
});

test("what an approval allows counts against the policy's limits", () => {
  const world = governorWorld({
    more: "limits: [{ id: few, rate: { count: 1, window: 1h, burst: 1 } }]",
    grant: GRANT,
  });
  allowed(world);
  assert.equal(said(world.governor.judge(LS, false)), "rate_limited few");
  assert.deepEqual(world.used, ["approval-1"]);
});

test("a throttle is over an approval, and lets one through at its time", () => {
  const world = governorWorld({ rules: [ASK], grant: GRANT, response: THROTTLE });
  const answers = Array.from({ length: 3 }, () => said(world.governor.judge(LS, false)));
  assert.ok(answers.filter((answer) => answer === "rate_limited behavior/d").length >= 2, answers.join(", "));
  assert.equal(world.used.length, answers.filter((answer) => answer.startsWith("allow")).length);
  const refused = world.governor.judge(LS, false);
  assert.ok(refused.kind === "refused" && refused.retryAfter !== undefined && refused.retryAfter <= 60_000);
  world.pass(refused.retryAfter);
  allowed(world);
});

const HOST = (host: string) => actionOf(`egress, host: ${host}, port: 443, protocol: tls`);
const TWO = [
  "id: each, effect: rate_limit, actions: [egress], limit: { per: destination, rate: { count: 1, window: 1h, burst: 1 } }",
];
const GLOBAL = "limits: [{ id: overall, rate: { count: 3, window: 1h, burst: 3 } }]";

test("trap 1.4: one throttled destination does not drain the bucket of all", () => {
  const world = governorWorld({ rules: TWO, more: GLOBAL });
  allowed(world, HOST("a.example"));
  for (let attempt = 0; attempt < 50; attempt += 1) {
    assert.equal(said(world.governor.judge(HOST("a.example"), false)), "rate_limited each");
  }
  allowed(world, HOST("b.example"));
  allowed(world, HOST("c.example"));
  assert.equal(said(world.governor.judge(HOST("d.example"), false)), "rate_limited overall");
});

test("nothing is taken for what rules, behaviour or a quarantine refuse", () => {
  const rules = [
    "id: rm, effect: deny, actions: [exec], when: { program: { in: [/bin/rm] } }",
    ALLOW,
    ASK.replace("exec", "spawn"),
  ];
  const world = governorWorld({ rules, more: GLOBAL });
  for (let attempt = 0; attempt < 20; attempt += 1) {
    assert.equal(world.governor.judge(RM, false).kind, "refused");
    assert.equal(world.governor.judge(SPAWN, false).kind, "refused");
  }
  world.monitor.quarantine("test", NOON);
  for (let attempt = 0; attempt < 20; attempt += 1) assert.equal(world.governor.judge(LS, false).kind, "refused");
  assert.deepEqual(world.monitor.lift(undefined, 0), ["test"]);
  for (let attempt = 0; attempt < 3; attempt += 1) allowed(world);
  assert.equal(said(world.governor.judge(LS, false)), "rate_limited overall");
});

test("nothing is taken for what is only asked", () => {
  const world = governorWorld({ rules: [ALLOW], more: GLOBAL });
  for (let attempt = 0; attempt < 20; attempt += 1) assert.equal(world.governor.preview(LS).kind, "allowed");
  for (let attempt = 0; attempt < 3; attempt += 1) allowed(world);
});

test("trap 1.4: another policy refills no bucket", () => {
  const world = governorWorld({ rules: [ALLOW], more: GLOBAL });
  for (let attempt = 0; attempt < 3; attempt += 1) allowed(world);
  world.set(governance([ALLOW, TWO[0] ?? ""], GLOBAL));
  assert.equal(said(world.governor.judge(LS, false)), "rate_limited overall");
});

test("ended: a second time is without effect, and the place is given back once", () => {
  const world = governorWorld({ rules: [FULL] });
  const first = allowed(world);
  first.ended("succeeded", 7, "id-1");
  const second = allowed(world);
  first.ended("failed", 9);
  assert.equal(said(world.governor.judge(LS, false)), "rate_limited full");
  second.ended("unknown", 0);
  second.ended("failed", 1);
  allowed(world);
  assert.deepEqual(world.ended, ["exec succeeded 7 id-1"], "unknown tells nobody, and nothing after it");
});

const OBSERVE = 'mode: observe\n  observeUntil: "2026-12-02T00:00:00Z"';
const observe: readonly (readonly [string, WorldOptions, string])[] = [
  ["no rule", {}, "allow - deny"],
  ["a deny rule", { rules: [DENY] }, "allow - deny no"],
  ["an approval is needed", { rules: [ASK] }, "allow - require_approval ask"],
  ["and none is spent", { rules: [ASK], grant: GRANT }, "allow - require_approval ask"],
  ["a rule that allows is as ever", { rules: [ALLOW] }, "allow all"],
  ["a quarantine is no rule", { rules: [ALLOW], response: QUARANTINE }, "governance_denied behavior/d"],
  ["behaviour asks for an approval", { rules: [ALLOW], response: WATCHED }, "approval_required behavior/d"],
  ["it is over", { rules: [DENY], time: () => Date.UTC(2026, 11, 2) }, "governance_denied no"],
  ["it is over where no rule is", { time: () => Date.UTC(2026, 11, 2) }, "governance_denied -"],
];
for (const [name, options, expected] of observe) {
  test(`observe: ${name}: ${expected}`, () => {
    const world = governorWorld({ ...options, more: OBSERVE });
    assert.equal(said(world.governor.judge(LS, false)), expected);
    assert.deepEqual(world.used, []);
  });
}

test("observe: limits count", () => {
  const world = governorWorld({ more: `${OBSERVE}\n  ${GLOBAL}` });
  for (let attempt = 0; attempt < 3; attempt += 1) allowed(world);
  assert.equal(said(world.governor.judge(LS, false)), "rate_limited overall");
});

const missing: readonly (readonly [string, boolean, boolean, string])[] = [
  ["passes the router where none need be there", true, true, "allow -"],
  ["passes the router where one must be there", true, false, "policy_missing -"],
  ["is asked about where none need be there", false, true, "policy_missing -"],
  ["is asked about where one must be there", false, false, "policy_missing -"],
];
for (const [name, passing, absent, expected] of missing) {
  test(`no policy: what ${name}: ${expected}`, () => {
    const world = governorWorld({ policy: NO_GOVERNANCE, absent, grant: GRANT });
    assert.equal(said(world.governor.judge(LS, passing)), expected);
    assert.equal(said(world.governor.preview(LS)), "policy_missing -");
    assert.deepEqual(world.used, []);
  });
}

test("no policy: the egress policy's approval is spent all the same, and refuses where it cannot be", () => {
  const world = governorWorld({ policy: NO_GOVERNANCE, absent: true, uses: 1 });
  assert.equal(said(world.governor.judge(HOST("a.example"), true, GRANT.id)), "allow -");
  assert.equal(said(world.governor.judge(HOST("a.example"), true, GRANT.id)), "approval_expired -");
  assert.deepEqual(world.used, [GRANT.id]);
});

test("no policy: what was allowed without one can be ended, and tells nobody", () => {
  const world = governorWorld({ policy: NO_GOVERNANCE, absent: true });
  const governed = world.governor.judge(LS, true);
  assert.ok(governed.kind === "allowed");
  governed.ended("failed", 1);
  assert.deepEqual(world.ended, []);
});

const standing: readonly (readonly [string, WorldOptions, string | undefined, string | undefined])[] = [
  ["a rule allows", { rules: [ALLOW] }, undefined, undefined],
  ["a deny rule", { rules: [DENY] }, undefined, "governance_denied"],
  ["a deny rule, an approval", { rules: [DENY] }, "approval-1", "governance_denied"],
  ["no rule", {}, undefined, "governance_denied"],
  ["no rule, an approval", {}, "approval-1", undefined],
  ["no rule, a revoked approval", { stands: false }, "approval-1", "approval_expired"],
  ["an approval is needed", { rules: [ASK] }, undefined, "approval_required"],
  ["an approval is needed, and there", { rules: [ASK] }, "approval-1", undefined],
  ["an approval is needed, and revoked", { rules: [ASK], stands: false }, "approval-1", "approval_expired"],
  ["a quarantine", { rules: [ALLOW], response: QUARANTINE }, undefined, "governance_denied"],
  ["a quarantine, an approval", { response: QUARANTINE }, "approval-1", "governance_denied"],
  ["a peer that is not connected any more", { rules: [ALLOW], barred: "no" }, "approval-1", "governance_denied"],
  ["the policy has expired", { rules: [ALLOW], time: () => Infinity }, "approval-1", "policy_expired"],
  ["the policy is gone, and must be there", { policy: NO_GOVERNANCE }, "approval-1", "policy_missing"],
  ["there is none, and need not be", { policy: NO_GOVERNANCE, absent: true }, undefined, undefined],
];
for (const [name, options, approval, expected] of standing) {
  test(`what is live, asked again: ${name}: ${expected ?? "goes on"}`, () => {
    const world = governorWorld(options);
    assert.equal(world.governor.standing(LS, approval), expected);
    assert.deepEqual([world.used, world.counted], [[], []]);
  });
}

const clocks: readonly (readonly [string, number, string])[] = [
  ["before the policy's end", Date.UTC(2027, 0, 20) - 1, "allow all"],
  ["at the policy's end", Date.UTC(2027, 0, 20), "policy_expired -"],
  ["no number", NaN, "policy_expired -"],
  ["beyond all", Infinity, "policy_expired -"],
];
for (const [name, time, expected] of clocks) {
  test(`clock: ${name}: ${expected}`, () =>
    assert.equal(said(governorWorld({ rules: [ALLOW], time: () => time }).governor.judge(LS, false)), expected));
}

test("clock: setting the wall clock refills no bucket and ends no throttle", () => {
  let time = NOON as number;
  const world = governorWorld({ rules: [ALLOW], more: GLOBAL, time: () => time });
  for (let attempt = 0; attempt < 3; attempt += 1) allowed(world);
  for (const step of [86_400_000, -86_400_000]) {
    time = NOON + step;
    assert.equal(said(world.governor.judge(LS, false)), "rate_limited overall");
  }
});

test("what is not known of the pod: an allow rule that asks for a label does not match, a deny rule does", () => {
  const when = "when: { labels: [{ name: team, in: [red] }] }";
  const rule = `id: red, effect: allow, actions: [exec], ${when}`;
  const labels = new Map([["team", "red"]]);
  assert.equal(said(governorWorld({ rules: [rule], labels }).governor.judge(LS, false)), "allow red");
  assert.equal(said(governorWorld({ rules: [rule] }).governor.judge(LS, false)), "governance_denied -");
  const deny = [ALLOW, `id: red, effect: deny, actions: [exec], ${when}`];
  assert.equal(said(governorWorld({ rules: deny }).governor.judge(LS, false)), "governance_denied red");
});

test("property: a use is taken for each leave that rests on an approval, and for nothing else; no cap is overrun", () => {
  const step = fc.record({
    action: fc.constantFrom(LS, RM, SPAWN),
    end: fc.constantFrom("succeeded", "failed", "unknown", undefined),
    quarantine: fc.constantFrom(true, false, false, false),
    passed: fc.nat(5_000),
  });
  const rules = [
    "id: rm, effect: deny, actions: [exec], when: { program: { in: [/bin/rm] } }",
    "id: asked, effect: require_approval, actions: [exec]",
    "id: two, effect: rate_limit, actions: [exec], limit: { concurrent: 2 }",
  ];
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(5), (steps, uses) => {
      const world = governorWorld({ rules, grant: GRANT, uses });
      let leaves: { readonly leave: Leave; readonly kind: string }[] = [];
      let granted = 0;
      for (const { action, end, quarantine, passed } of steps) {
        world.pass(passed);
        if (quarantine) world.monitor.quarantine("q", NOON);
        const governed = world.governor.judge(action, false);
        if (governed.kind === "allowed") {
          assert.equal(governed.approval, GRANT.id);
          assert.notEqual(action, RM);
          assert.ok(!quarantine);
          granted += 1;
          leaves.push({ leave: governed, kind: action.kind });
        }
        assert.equal(world.used.length, granted);
        assert.ok(granted <= uses);
        assert.ok(leaves.filter(({ kind }) => kind === "exec").length <= 2);
        if (quarantine) world.monitor.lift("q", 0);
        if (end === undefined) continue;
        for (const { leave } of leaves) leave.ended(end, 1);
        leaves = [];
      }
    }),
    { numRuns: 100 },
  );
});
