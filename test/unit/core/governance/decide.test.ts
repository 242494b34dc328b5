import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { argumentAt } from "../../../../router/core/governance/argument-at.ts";
import type { Json } from "../../../../router/core/json/json.ts";
import { NO_GOVERNANCE } from "../../../../router/core/governance/compile-governance-policy.ts";
import { decide, mustSeeArguments } from "../../../../router/core/governance/decide.ts";
import type { Action } from "../../../../router/core/governance/action.ts";
import { actionOf, contextOf, governance, governanceDocument, NOON, shown, verdictOn } from "./engine-fixture.ts";

const LIST = "id: list, effect: allow, actions: [exec], when: { program: { in: [/bin/ls] } }";
const ALL = "id: all, effect: allow, actions: [exec]";
const RM = "id: rm, effect: deny, actions: [exec], when: { program: { in: [/bin/rm] } }";
const ASK = "id: ask, effect: require_approval, actions: [exec], when: { argv: { some: { glob: ['--force*'] } } }";
const SLOW = "id: slow, effect: rate_limit, actions: [exec], limit: { rate: { count: 5, window: 1m } }";

const precedence: readonly (readonly [what: string, rules: readonly string[], action: string, expected: string])[] = [
  ["no rule", [], "exec, program: /bin/ls", "deny - governance_denied"],
  ["no rule about this", [LIST], "exec, program: /bin/cat", "deny - governance_denied"],
  ["a rule about another kind", [ALL], "spawn, agent: x", "deny - governance_denied"],
  ["a rule that allows", [LIST], "exec, program: /bin/ls", "allow list"],
  ["deny over allow, before", [RM, ALL], "exec, program: /bin/rm", "deny rm governance_denied"],
  ["deny over allow, behind", [ALL, RM], "exec, program: /bin/rm", "deny rm governance_denied"],
  ["approval over allow", [ALL, ASK], "exec, program: /bin/ls, argv: [--force-all]", "require_approval ask"],
  ["deny over approval", [ASK, ALL, RM], "exec, program: /bin/rm, argv: [--force]", "deny rm governance_denied"],
  ["approval over rate", [SLOW, ASK], "exec, program: /x, argv: [--force]", "require_approval ask [slow]"],
  ["rate over allow", [ALL, SLOW], "exec, program: /bin/ls", "allow slow [slow]"],
  ["rate alone allows", [SLOW], "exec, program: /bin/ls", "allow slow [slow]"],
  ["the first of one effect", [LIST, ALL], "exec, program: /bin/ls", "allow list"],
  ["the first of one effect, however it is indexed", [ALL, LIST], "exec, program: /bin/ls", "allow all"],
  [
    "the first deny, however it is indexed",
    ["id: two, effect: deny, actions: [exec], when: { program: { glob: ['*rm'] } }", RM],
    "exec, program: /bin/rm",
    "deny two governance_denied",
  ],
];
for (const [what, rules, action, expected] of precedence) {
  test(`precedence: ${what}`, () => assert.equal(verdictOn(rules, action), expected));
}

/** What each effect makes of the same condition: `deny ask rate allow`, as the verdict's rule or "-". */
function matching(when: string, action: string | Action, context = {}): string {
  const kind = typeof action === "string" ? (action.split(",")[0] ?? "") : action.kind;
  const found = ["deny", "require_approval", "rate_limit", "allow"].map((effect) => {
    const limit = effect === "rate_limit" ? ", limit: { rate: { count: 5, window: 1m } }" : "";
    return verdictOn([`id: it, effect: ${effect}, actions: [${kind}], ${when}${limit}`], action, context);
  });
  const [deny, ask, rate, allow] = found;
  return [
    deny === "deny it governance_denied",
    ask === "require_approval it",
    rate === "allow it [it]",
    allow === "allow it",
  ]
    .map((holds) => (holds ? "y" : "n"))
    .join("");
}

const YES = "yyyy";
const NO = "nnnn";
const UNKNOWN = "yynn";
const argument = (test: string): string => `when: { arguments: [{ at: ${test} }] }`;

const conditions: readonly (readonly [when: string, action: string, expected: string])[] = [
  ["when: { program: { in: [/bin/ls] } }", "exec, program: /bin/ls", YES],
  ["when: { program: { in: [/bin/ls] } }", "exec, program: /bin/LS", NO],
  ["when: { program: { in: [/bin/ls] } }", "exec", UNKNOWN],
  ["when: { program: { in: [/bin/ls] } }", "exec, program: ls", UNKNOWN],
  ["when: { program: { in: [/bin/ls] } }", "exec, program: /bin/../bin/ls", UNKNOWN],
  ["when: { program: { glob: ['/bin/*'] } }", "exec, program: /bin//ls", UNKNOWN],
  ["when: { program: { glob: ['/bin/*'] } }", "exec, program: /bin/./ls", UNKNOWN],
  ["when: { program: { glob: ['/bin/*'] } }", "exec, program: /bin/ls/", UNKNOWN],
  ["when: { program: { glob: ['/bin/*'] } }", 'exec, program: "/bin/ls\\0"', UNKNOWN],
  ["when: { program: { glob: ['/bin/*'] } }", 'exec, program: ""', UNKNOWN],
  ["when: { program: { glob: ['/bin/*'] } }", "exec, program: /bin/...", YES],
  ["when: { program: { glob: ['/b?n/*'] } }", "exec, program: /bin/x/y", YES],
  ["when: { program: { pattern: ['^/bin/[a-z]+$'] } }", "exec, program: /bin/ls", YES],
  ["when: { program: { pattern: ['^/bin/[a-z]+$'] } }", "exec, program: /usr/bin/ls", NO],
  ["when: { program: { glob: ['/b*in*/n'] } }", "exec, program: /bin/n", YES],
  ["when: { program: { glob: ['/*in/n*n'] } }", "exec, program: /bin/n", NO],
  ["when: { program: { glob: ['/*in/*n/n'] } }", "exec, program: /bin/n", NO],
  ["when: { program: { glob: ['/a*', '/ab*', '/abb*'] } }", "exec, program: /ac", YES],
  ["when: { directory: { in: [/] } }", "exec, directory: /", YES],
  ["when: { directory: { glob: ['/work/*'] } }", "exec, directory: /work/../etc", UNKNOWN],
  ["when: { argv: { some: { in: [-f] } } }", "exec, argv: [a, -f]", YES],
  ["when: { argv: { some: { in: [-f] } } }", "exec, argv: []", NO],
  ["when: { argv: { some: { in: [-f] } } }", "exec", UNKNOWN],
  ["when: { argv: { every: { in: [a, b] } } }", "exec, argv: []", YES],
  ["when: { argv: { every: { in: [a, b] } } }", "exec, argv: [a, c]", NO],
  ["when: { argv: { every: { in: [a, b] } } }", "exec, argv: [a, b, a]", YES],
  ["when: { argv: { every: { pattern: ['^safe.*$'] } } }", 'exec, argv: ["safe\\nrm -rf /"]', UNKNOWN],
  ["when: { argv: { some: { glob: ['*rm*'] } } }", 'exec, argv: ["\\n\\nrm"]', YES],
  ["when: { host: { names: [a.example] } }", "egress, host: a.example", YES],
  ["when: { host: { names: ['*.example'] } }", "egress, host: a.b.example", NO],
  ["when: { host: { names: ['**.example'] } }", "egress, host: a.b.example", YES],
  ["when: { host: { names: ['**.example'] } }", "egress, host: example", NO],
  ["when: { host: { names: ['**.example'] } }", "egress, host: badexample", NO],
  ["when: { host: { names: [a.example] } }", "egress", UNKNOWN],
  ["when: { host: { names: [a.example] } }", "egress, host: 10.0.0.1", NO],
  ["when: { host: { ranges: [10.0.0.0/8] } }", "egress, host: 10.9.8.7", YES],
  ["when: { host: { ranges: [10.0.0.0/8] } }", "egress, host: 11.9.8.7", NO],
  ["when: { host: { ranges: [10.0.0.0/8] } }", "egress, host: a.example", NO],
  ["when: { host: { ranges: [10.0.0.0/8] } }", 'egress, host: "[::ffff:10.0.0.1]"', UNKNOWN],
  ["when: { host: { ranges: [10.0.0.0/8] } }", 'egress, host: "[64:ff9b::a00:1]"', UNKNOWN],
  ["when: { host: { ranges: ['fd00::/9'] } }", 'egress, host: "[fd7f::1]"', YES],
  ["when: { host: { ranges: ['fd00::/9'] } }", 'egress, host: "[fd80::1]"', NO],
  ["when: { host: { ranges: [0.0.0.0/0] } }", "egress, host: 1.2.3.4", YES],
  ["when: { port: { in: [443] } }", "egress, port: 443", YES],
  ["when: { port: { from: 80, to: 90 } }", "egress, port: 91", NO],
  ["when: { port: { in: [443] } }", "egress", UNKNOWN],
  ["when: { method: { in: [GET] } }", "egress, method: GET", YES],
  ["when: { method: { in: [GET] } }", "egress, method: get", UNKNOWN],
  ["when: { method: { in: [GET] } }", "egress, method: PUT", NO],
  ["when: { method: { in: [GET] } }", "egress", UNKNOWN],
  ["when: { path: { glob: ['/a/**'] } }", "egress, path: /a/b", YES],
  ["when: { path: { glob: ['/a/**'] } }", "egress, path: /b", NO],
  ["when: { path: { glob: ['/a/**'] } }", "egress, path: /a/../b", UNKNOWN],
  ["when: { path: { glob: ['/a/**'] } }", "egress, path: /b/%2e%2e/a", UNKNOWN],
  ["when: { path: { glob: ['/a/**'] } }", "egress, path: /a;x/b", UNKNOWN],
  ["when: { path: { glob: ['/a/**'] } }", "egress, path: a", UNKNOWN],
  ["when: { path: { glob: ['/a/**'] } }", "egress", UNKNOWN],
  ["when: { stream: true }", "inference, stream: true", YES],
  ["when: { stream: true }", "inference, stream: false", NO],
  ["when: { stream: true }", "inference", UNKNOWN],
  ["when: { bytes: { to: 10 } }", "inference, bytes: 10", YES],
  ["when: { bytes: { to: 10 } }", "inference, bytes: 11", NO],
  ["when: { depth: { to: 0 } }", "spawn, depth: 0", YES],
  ["when: { depth: { to: 0 } }", "spawn", UNKNOWN],
  [argument("/path, glob: ['/tmp/*']"), "tool, arguments: { path: /tmp/a }", YES],
  [argument("/path, glob: ['/tmp/*']"), "tool, arguments: { path: /etc }", NO],
  [argument("/path, glob: ['/tmp/*']"), "tool, arguments: { path: 7 }", UNKNOWN],
  [argument("/path, glob: ['/tmp/*']"), "tool, arguments: { path: [/tmp/a] }", UNKNOWN],
  [argument("/path, glob: ['/tmp/*']"), "tool, arguments: {}", UNKNOWN],
  [argument("/path, glob: ['/tmp/*']"), "tool", UNKNOWN],
  [argument("/n, from: 1, to: 5"), "tool, arguments: { n: 5 }", YES],
  [argument("/n, from: 1, to: 5"), "tool, arguments: { n: 5.5 }", NO],
  [argument("/n, from: 1, to: 5"), 'tool, arguments: { n: "3" }', UNKNOWN],
  [argument("/n, to: 5"), "tool, arguments: { n: null }", UNKNOWN],
  [argument("/n, to: 5"), "tool, arguments: { n: .nan }", UNKNOWN],
  [argument("/n, from: -2, to: -1"), "tool, arguments: { n: -1 }", YES],
  [argument("/on, is: true"), "tool, arguments: { on: true }", YES],
  [argument("/on, is: true"), 'tool, arguments: { on: "true" }', UNKNOWN],
  [argument("/a/1/b, in: [x]"), "tool, arguments: { a: [0, { b: x }] }", YES],
  [argument("/a/01/b, in: [x]"), "tool, arguments: { a: [0, { b: x }] }", UNKNOWN],
  [argument("/a/-, in: [x]"), "tool, arguments: { a: [x] }", UNKNOWN],
  [argument("/a/length, from: 0"), "tool, arguments: { a: [x] }", UNKNOWN],
  [argument("/m~1n/o~0p/~01, in: [x]"), 'tool, arguments: { "m/n": { "o~p": { "~1": x } } }', YES],
  [argument("/constructor/name, in: [Object]"), "tool, arguments: {}", UNKNOWN],
  [argument("/__proto__/x, in: [y]"), "tool, arguments: { __proto__: { x: y } }", YES],
  [argument("/__proto__/x, in: [y]"), "tool, arguments: {}", UNKNOWN],
  ["when: { labels: [{ name: team, in: [research] }] }", "admin", YES],
  ["when: { labels: [{ name: team, in: [other] }] }", "admin", NO],
  ["when: { labels: [{ name: zone, in: [a] }] }", "admin", UNKNOWN],
  ["when: { time: { days: [tue], from: '09:00', to: '17:00' } }", "admin", YES],
  ["when: { time: { days: [wed], from: '09:00', to: '17:00' } }", "admin", NO],
  ["when: { operation: { in: [restart] }, target: { in: [db] } }", "admin, operation: restart", UNKNOWN],
  ["when: { operation: { in: [restart] }, target: { in: [db] } }", "admin, operation: stop", NO],
  // What is excepted: yes and no change places, and unknown stays.
  ["unless: { program: { in: [/bin/ls] } }", "exec, program: /bin/ls", NO],
  ["unless: { program: { in: [/bin/ls] } }", "exec, program: /bin/cat", YES],
  ["unless: { program: { in: [/bin/ls] } }", "exec", UNKNOWN],
  ["unless: { program: { in: [/bin/ls] }, argv: { every: { in: [-l] } } }", "exec, program: /bin/ls, argv: [-a]", YES],
  ["unless: { program: { in: [/bin/ls] }, argv: { every: { in: [-l] } } }", "exec, program: /bin/ls", UNKNOWN],
  ["unless: { program: { in: [/bin/ls] }, argv: { every: { in: [-l] } } }", "exec, program: /bin/cat", YES],
  ["unless: { path: { glob: ['/admin/**'] } }", "egress, path: /admin;x/y", UNKNOWN],
];
for (const [when, action, expected] of conditions) {
  test(`condition: ${when} of { ${action} } -> ${expected}`, () => assert.equal(matching(when, action), expected));
}

test("condition: of an unknown rate_limit rule the limit counts, beside what allows", () => {
  const slow =
    "id: slow, effect: rate_limit, actions: [exec], when: { program: { in: [/bin/x] } }, limit: { concurrent: 1 }";
  assert.equal(verdictOn([slow, ALL], "exec"), "allow all [slow]");
  assert.equal(verdictOn([slow, ALL], "exec, program: /bin/y"), "allow all");
  assert.equal(verdictOn([slow], "exec"), "deny - governance_denied");
});

const scores: readonly (readonly [score: number | undefined, from: string, expected: string])[] = [
  [600, "from: verified", YES],
  [599, "from: verified", NO],
  [599.9, "from: verified", NO],
  [0, "from: anonymous", YES],
  [1000, "from: sovereign", YES],
  [199, "below: observed", YES],
  [200, "below: observed", NO],
  [400, "from: known, below: verified", YES],
  [600, "from: known, below: verified", NO],
  [undefined, "from: anonymous", UNKNOWN],
  [Number.NaN, "from: anonymous", UNKNOWN],
];
for (const [score, from, expected] of scores) {
  test(`tier: a score of ${score} and { ${from} } -> ${expected}`, () => {
    const scoreOf = (peer: string): number | undefined => (peer === "billing" ? score : 999);
    assert.equal(matching(`when: { tier: { ${from} } }`, "mesh.send, peer: billing", { scoreOf }), expected);
  });
}
test("tier: without its peer it is unknown", () => {
  assert.equal(matching("when: { tier: { from: known } }", "mesh.send", { scoreOf: () => 999 }), UNKNOWN);
});

const hours: readonly (readonly [when: string, time: string, expected: string])[] = [
  ["from: '22:00', to: '06:00', days: [mon]", "2026-12-01T05:59:59Z", YES],
  ["from: '22:00', to: '06:00', days: [mon]", "2026-12-01T06:00:00Z", NO],
  ["from: '22:00', to: '06:00', days: [mon]", "2026-11-30T21:59:59Z", NO],
  ["from: '22:00', to: '06:00', days: [mon]", "2026-11-30T22:00:00Z", YES],
  ["from: '22:00', to: '06:00', days: [tue]", "2026-12-01T05:00:00Z", NO],
  ["days: [sat, sun]", "2026-12-05T00:00:00Z", YES],
  ["days: [sat, sun]", "2026-12-04T23:59:59Z", NO],
  ["days: [tue], from: '09:00', to: '17:00', offset: '+05:30'", "2026-12-01T03:30:00Z", YES],
  ["days: [tue], from: '09:00', to: '17:00', offset: '+05:30'", "2026-12-01T03:29:59Z", NO],
  ["days: [mon], from: '20:00', to: '23:00', offset: '-08:00'", "2026-12-01T04:00:00Z", YES],
];
for (const [when, time, expected] of hours) {
  test(`time: { ${when} } at ${time} -> ${expected}`, () => {
    assert.equal(matching(`when: { time: { ${when} } }`, "admin", { now: Date.parse(time) }), expected);
  });
}

test("a rule with many names matches as one with few", () => {
  const names = Array.from(
    { length: 12 },
    (_, index) => `h${index}.example, '*.one${index}.example', '**.deep${index}.example'`,
  );
  const when = `when: { host: { names: [${names.join(", ")}] } }`;
  for (const host of ["h11.example", "x.one3.example", "x.y.deep7.example"]) {
    assert.equal(matching(when, `egress, host: ${host}`), YES);
  }
  for (const host of ["x.h11.example", "x.y.one3.example", "deep7.example", "10.0.0.1"]) {
    assert.equal(matching(when, `egress, host: ${host}`), NO);
  }
});

test("an argument is an own member, never what an object inherits", () => {
  assert.equal(argumentAt(Object.create({ x: "y" }) as Json, ["x"]), undefined);
  assert.equal(argumentAt({ x: ["y"] }, ["x", "0"]), "y");
  assert.deepEqual(argumentAt({ x: 1 }, []), { x: 1 });
});

test("labels that cannot be read are unknown", () => {
  const when = "when: { labels: [{ name: team, in: [research] }] }";
  assert.equal(matching(when, "admin", { labels: undefined }), UNKNOWN);
});

test("a text that is not well-formed is unknown, whatever the test", () => {
  for (const program of ["/bin/\ud800", "/bin/\udc00ls"]) {
    assert.equal(matching("when: { program: { glob: ['/bin/*'] } }", { ...exec, program }), UNKNOWN);
    assert.equal(matching("when: { argv: { some: { glob: ['*'] } } }", { ...exec, argv: [program] }), UNKNOWN);
  }
});
const exec = { kind: "exec", program: undefined, argv: undefined, directory: undefined } as const;

test('"?" of a glob is one character, of one or two units', () => {
  const when = "when: { argv: { every: { glob: ['a?b', '*?😀'] } } }";
  assert.equal(matching(when, { ...exec, argv: ["a😀b", "axb", "éé😀"] }), YES);
  assert.equal(matching(when, { ...exec, argv: ["a😀😀b"] }), NO);
  assert.equal(matching(when, { ...exec, argv: ["😀"] }), NO);
});

test("INV-GOV-DENY: missing policy, expired policy, and a clock that is no number deny", () => {
  const policy = governance([ALL]);
  const asked = actionOf("exec, program: /bin/ls");
  assert.equal(shown(decide(NO_GOVERNANCE, asked, contextOf())), "deny - policy_missing");
  assert.equal(shown(decide(policy, asked, contextOf({ now: policy.deniesFrom }))), "deny - policy_expired");
  assert.equal(shown(decide(policy, asked, contextOf({ now: Number.NaN }))), "deny - policy_expired");
  assert.equal(shown(decide(policy, asked, contextOf({ now: policy.deniesFrom - 1 }))), "allow all");
});

const observing = 'mode: observe\n  observeUntil: "2026-12-02T00:00:00Z"';
const observed: readonly (readonly [what: string, action: string, now: string, expected: string])[] = [
  ["a deny rule", "exec, program: /bin/rm", "2026-12-01T00:00:00Z", "allow - observed deny rm"],
  [
    "an approval",
    "exec, program: /a, argv: [--force]",
    "2026-12-01T00:00:00Z",
    "allow - observed require_approval ask",
  ],
  ["no rule", "spawn, agent: x", "2026-12-01T00:00:00Z", "allow - observed deny -"],
  ["what is allowed", "exec, program: /bin/ls, argv: []", "2026-12-01T00:00:00Z", "allow list"],
  ["a deny rule afterwards", "exec, program: /bin/rm", "2026-12-02T00:00:00Z", "deny rm governance_denied"],
  ["no rule afterwards", "spawn, agent: x", "2026-12-02T00:00:00Z", "deny - governance_denied"],
  ["what has expired", "exec, program: /bin/ls", "2027-01-20T00:00:00Z", "deny - policy_expired"],
];
for (const [what, action, now, expected] of observed) {
  test(`observe: ${what} at ${now}`, () => {
    assert.equal(verdictOn([RM, LIST, ASK], action, { now: Date.parse(now) }, observing), expected);
  });
}

test("delegate: where no rule matches that kind's own policy decides, and deny rules stay", () => {
  const rules = ["id: no, effect: deny, actions: [egress], when: { host: { names: [bad.example] } }"];
  const more = "delegate: [egress]\n  limits: [{ id: all, concurrent: 9, per: all }]";
  assert.equal(verdictOn(rules, "egress, host: a.example", {}, more), "allow - [all]");
  assert.equal(verdictOn(rules, "egress, host: bad.example", {}, more), "deny no governance_denied");
  assert.equal(verdictOn(rules, "egress", {}, more), "deny no governance_denied");
  assert.equal(verdictOn(rules, "inference, model: m", {}, more), "deny - governance_denied");
});

test("limits: the policy's own of that kind before those of rules, each once", () => {
  const more =
    "limits: [{ id: every, concurrent: 9, per: all }, { id: tools, actions: [tool], concurrent: 9, per: all }]";
  const glob =
    "id: g, effect: rate_limit, actions: [exec], when: { program: { in: [/bin/ls], glob: ['/b*', '/bin/*'] } }, limit: { concurrent: 1 }";
  assert.equal(verdictOn([SLOW, glob], "exec, program: /bin/ls", {}, more), "allow slow [every slow g]");
});

test("obligations are merged over all rules that match", () => {
  const policy = governance([
    "id: a, effect: allow, actions: [tool], obligations: { redact: [/x, /y], resultBytes: 2Ki }",
    "id: b, effect: allow, actions: [tool], when: { tool: { in: [t] } }, obligations: { redact: [/y, /z], resultBytes: 1Ki, log: full }",
    "id: c, effect: allow, actions: [tool], when: { tool: { in: [other] } }, obligations: { redact: [/no] }",
  ]);
  const verdict = decide(policy, actionOf("tool, server: files, tool: t"), contextOf());
  assert.ok(verdict.effect === "allow");
  assert.deepEqual(verdict.obligations, { redact: ["/x", "/y", "/z"], resultBytes: 1024, log: "full" });
  const plain = decide(policy, actionOf("tool, server: files, tool: else"), contextOf());
  assert.ok(plain.effect === "allow");
  assert.deepEqual(plain.obligations, { redact: ["/x", "/y"], resultBytes: 2048, log: "digest" });
});

test("the message of who refuses is told, and none where nothing matches", () => {
  const policy = governance(["id: no, effect: deny, actions: [exec], message: Ask ops."]);
  const verdict = decide(policy, actionOf("exec"), contextOf());
  assert.ok(verdict.effect === "deny");
  assert.deepEqual([verdict.message, verdict.policy?.version], ["Ask ops.", 7]);
});

const tool = (rest: string): string => `actions: [tool], when: { tool: { in: [pay] }${rest} }`;
const big = ", arguments: [{ at: /n, from: 100 }]";
const pending: readonly (readonly [what: string, rules: readonly string[], verdict: string, mustSee: boolean])[] = [
  ["allowed whatever they are", [`id: a, effect: allow, ${tool("")}`], "allow a", false],
  ["allowed with some", [`id: a, effect: allow, ${tool(big)}`], "allow a", true],
  [
    "allowed, denied with some",
    [`id: a, effect: allow, ${tool("")}`, `id: d, effect: deny, ${tool(big)}`],
    "allow a",
    true,
  ],
  [
    "denied whatever they are",
    [`id: a, effect: allow, ${tool("")}`, `id: d, effect: deny, ${tool("")}`],
    "deny d governance_denied",
    false,
  ],
  [
    "not about it",
    [`id: a, effect: allow, actions: [tool], when: { tool: { in: [x] }${big} }`],
    "deny - governance_denied",
    false,
  ],
  [
    "approval with some",
    [`id: a, effect: allow, ${tool("")}`, `id: r, effect: require_approval, ${tool(big)}`],
    "allow a",
    true,
  ],
  ["nothing but approval with some", [`id: r, effect: require_approval, ${tool(big)}`], "require_approval r", true],
  [
    "approval whatever they are",
    [`id: a, effect: allow, ${tool(big)}`, `id: r, effect: require_approval, ${tool("")}`],
    "require_approval r",
    true,
  ],
  ["a rate with some", [`id: l, effect: rate_limit, ${tool(big)}, limit: { concurrent: 1 }`], "allow l [l]", true],
  [
    "excepted with some",
    [`id: a, effect: allow, actions: [tool], unless: { arguments: [{ at: /n, from: 9 }] }`],
    "allow a",
    true,
  ],
  [
    "denied unless some",
    [
      `id: a, effect: allow, ${tool("")}`,
      "id: d, effect: deny, actions: [tool], unless: { arguments: [{ at: /n, to: 9 }] }",
    ],
    "allow a",
    true,
  ],
];
for (const [what, rules, expected, mustSee] of pending) {
  test(`pending arguments: ${what}`, () => {
    const asked = actionOf("tool, server: files, tool: pay, arguments: pending");
    assert.equal(verdictOn(rules, asked), expected);
    assert.equal(mustSeeArguments(governance(rules), asked, contextOf()), mustSee);
    const known = actionOf("tool, server: files, tool: pay, arguments: { n: 1 }");
    assert.equal(mustSeeArguments(governance(rules), known, contextOf()), false);
  });
}

test("pending arguments: an unknown fact beside them allows nothing", () => {
  const rules = [`id: a, effect: allow, ${tool(`, model: { in: [m] }${big}`)}`];
  assert.equal(verdictOn(rules, "tool, server: files, tool: pay, arguments: pending"), "deny - governance_denied");
});

test("pending arguments: nothing needs to be seen of what expired or is missing", () => {
  const asked = actionOf("tool, server: files, tool: pay, arguments: pending");
  const policy = governance([`id: a, effect: allow, ${tool(big)}`]);
  assert.equal(mustSeeArguments(NO_GOVERNANCE, asked, contextOf()), false);
  assert.equal(mustSeeArguments(policy, asked, contextOf({ now: policy.deniesFrom })), false);
});

test("INV-GOV-LINEAR: hostile texts: nothing throws, and a decision stays quick", () => {
  const rules = [
    "id: g, effect: deny, actions: [exec], when: { argv: { some: { glob: ['*a*a*a*a*a*a*b', '*a?a?a?a?a?a?b*'], pattern: ['^(a+)+b$', '^(a|b)*a(a|b){12}c$'] } } }",
    "id: d, effect: allow, actions: [exec]",
    "id: t, effect: deny, actions: [tool], when: { arguments: [{ at: /a/b/c/d, in: [x] }] }",
  ];
  const policy = governance(rules);
  const long = "a".repeat(65_536);
  const began = performance.now();
  for (const text of [
    long,
    "ab".repeat(32_768),
    `${long}\ud800`,
    "\0",
    "__proto__",
    "",
    "\u202e",
    "*".repeat(65_536),
  ]) {
    const verdict = decide(policy, { ...exec, program: `/bin/${text}`, argv: [text, text] }, contextOf());
    assert.match(shown(verdict), /^(?:allow d|deny g governance_denied)$/);
  }
  let deep: Action & { kind: "tool" } = actionOf("tool, server: x, tool: y, arguments: {}") as Action & {
    kind: "tool";
  };
  for (const value of [null, [], "x", 1, { a: { b: { c: { d: "x" } } } }]) {
    deep = { ...deep, arguments: { state: "known", value } };
    assert.equal(decide(policy, deep, contextOf()).effect, "deny");
  }
  assert.ok(performance.now() - began < 900, `${performance.now() - began} ms`);
});

test("a document can be changed after it was compiled, and the policy cannot", () => {
  const document = governanceDocument([RM]);
  const policy = governance([RM]);
  assert.ok(Object.isFrozen(policy) && Object.isFrozen(policy.rules) && Object.isFrozen(policy.rules[0]?.when));
  assert.throws(() => (policy.rules as unknown[]).push(document.rules[0]), TypeError);
  assert.equal(epochMillis(NOON), policy.issuedAt + 11.5 * 86_400_000);
});
