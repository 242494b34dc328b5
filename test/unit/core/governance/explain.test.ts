import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_GOVERNANCE } from "../../../../router/core/governance/compile-governance-policy.ts";
import { explainGovernance } from "../../../../router/core/governance/explain-governance.ts";
import { actionOf, contextOf, governance, shown } from "./engine-fixture.ts";

/** `rule effect matches: why` of each rule, then the count of others. */
function explained(rules: readonly string[], action: string, context = {}): readonly string[] {
  const { rules: rows, others } = explainGovernance(governance(rules), actionOf(action), contextOf(context));
  return [
    ...rows.map((row) => `${row.rule} ${row.effect} ${row.matches ? "y" : "n"}: ${row.why}`),
    `others: ${others}`,
  ];
}

const table: readonly (readonly [
  what: string,
  rules: readonly string[],
  action: string,
  expected: readonly string[],
])[] = [
  [
    "by effect, then in document order",
    [
      "id: a, effect: allow, actions: [exec]",
      "id: d, effect: deny, actions: [exec], when: { program: { in: [/bin/rm, /bin/dd, /bin/mv] } }",
      "id: s, effect: allow, actions: [spawn]",
    ],
    "exec, program: /bin/ls",
    ['d deny n: It asks for "/bin/rm" or 2 more as program.', "a allow y: It matches.", "others: 1"],
  ],
  [
    "two conditions that say no are not near",
    ["id: a, effect: allow, actions: [exec], when: { program: { in: [/bin/rm] }, argv: { some: { in: [x] } } }"],
    "exec, program: /bin/ls, argv: []",
    ["others: 1"],
  ],
  [
    "what is not known",
    [
      "id: d, effect: deny, actions: [exec], when: { program: { in: [/bin/rm] } }",
      "id: r, effect: rate_limit, actions: [exec], when: { directory: { in: [/w] } }, limit: { concurrent: 1 }",
      "id: a, effect: allow, actions: [exec], unless: { argv: { some: { in: [x] } } }",
    ],
    "exec, program: sh",
    [
      "d deny y: It asks for program, which is not known, and what is not known is refused.",
      "r rate_limit n: It asks for directory, which is not known: its limit counts, and it allows nothing.",
      "a allow n: It asks for argv, which is not known, and what is not known is not allowed.",
      "others: 0",
    ],
  ],
  [
    "what is excepted",
    ["id: a, effect: allow, actions: [admin], unless: { operation: { in: [stop] } }"],
    "admin, operation: stop",
    ['a allow n: All of its "unless" holds, which excepts this action.', "others: 0"],
  ],
  [
    "arguments that are pending",
    [
      "id: d, effect: deny, actions: [tool], when: { arguments: [{ at: /n, from: 9 }] }",
      "id: a, effect: allow, actions: [tool], when: { arguments: [{ at: /n, to: 9 }] }",
    ],
    "tool, server: files, tool: t, arguments: pending",
    [
      "d deny n: What it asks of the arguments is known only when the tool is called.",
      "a allow y: What it asks of the arguments is known only when the tool is called.",
      "others: 0",
    ],
  ],
  [
    "other conditions",
    [
      "id: a, effect: allow, actions: [tool], when: { arguments: [{ at: /n, to: 9 }] }",
      "id: l, effect: allow, actions: [tool], when: { labels: [{ name: team, in: [x] }] }",
      "id: t, effect: allow, actions: [tool], when: { time: { days: [sun] } }",
    ],
    "tool, server: files, tool: t, arguments: { n: 10 }",
    [
      'a allow n: It asks for something else at "/n" of the arguments.',
      'l allow n: The label team is "research", which it does not name.',
      "t allow n: It is about other hours.",
      "others: 0",
    ],
  ],
  [
    "a host",
    ["id: a, effect: allow, actions: [egress], when: { host: { names: [a.example] } }"],
    "egress, host: b.example, port: 443",
    ['a allow n: It is about another host than that of "b.example:443".', "others: 0"],
  ],
];
for (const [what, rules, action, expected] of table) {
  test(`explain: ${what}`, () => assert.deepEqual(explained(rules, action), expected));
}

test("explain: the score of a peer is told", () => {
  const rules = ["id: a, effect: allow, actions: [mesh.send], when: { tier: { from: verified } }"];
  const found = explained(rules, "mesh.send, peer: billing", { scoreOf: () => 599 });
  assert.deepEqual(found, ["a allow n: The peer's score is 599, of another tier than it asks for.", "others: 0"]);
});

test("explain: what an agent sent is made fit to print", () => {
  const rules = ["id: a, effect: allow, actions: [egress], when: { method: { in: [GET] }, port: { in: [1] } }"];
  const [why = ""] = explained(rules, 'egress, host: a.example, port: 443, method: "GET"');
  assert.ok(why.includes("a.example:443"));
  const hostile = explained(
    ["id: a, effect: allow, actions: [spawn], when: { depth: { to: 0 } }"],
    'spawn, agent: "\\e[2Jx\\u202e", depth: 1',
  );
  assert.ok(!/[\p{Cc}\p{Cf}]/u.test(hostile.join("")));
});

test("explain: near misses are few, however many rules there are", () => {
  const rules = Array.from(
    { length: 50 },
    (_, index) => `id: r${index}, effect: allow, actions: [exec], when: { program: { in: [/bin/p${index}] } }`,
  );
  const { rules: rows, others } = explainGovernance(
    governance(rules),
    actionOf("exec, program: /bin/p49"),
    contextOf(),
  );
  assert.deepEqual([rows.length, others, rows.at(-1)?.rule, rows.at(-1)?.matches], [21, 29, "r49", true]);
});

test("explain: no policy", () => {
  const found = explainGovernance(NO_GOVERNANCE, actionOf("exec"), contextOf());
  assert.deepEqual([shown(found.verdict), found.rules, found.others], ["deny - policy_missing", [], 0]);
});
