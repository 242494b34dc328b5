import assert from "node:assert/strict";
import { test } from "node:test";
import { lintGovernancePolicy } from "../../../../router/core/governance/lint-governance-policy.ts";
import { governanceDocument } from "./governance-document-fixture.ts";

function warningsOf(spec: string): readonly string[] {
  const warnings = lintGovernancePolicy("f", governanceDocument(spec));
  for (const { message } of warnings) assert.match(message, /^[^\n]{1,400}\.$/);
  return warnings.map(({ line, code }) => `${line} ${code}`);
}

/** Rules from line 11 on; admin actions are the plain case, and `ok` keeps the policy from allowing nothing. */
const rules = (...lines: readonly string[]): string =>
  `  delegate: [egress]\n  rules:\n${lines.map((line, at) => `    - { id: r${at}, ${line} }\n`).join("")}`;

const admin = (effect: string, when = "operation: { in: [x] }"): string =>
  `effect: ${effect}, actions: [admin], when: { ${when} }`;
const exec = (when: string, effect = "allow"): string => `effect: ${effect}, actions: [exec], when: { ${when} }`;
const SHELLS =
  "program: { glob: ['*/sh', '*/bash', '*/dash', '*/ash', '*/zsh', '*/ksh', '*/mksh', '*/fish', '*/csh', '*/tcsh', '*/rbash', '*/busybox', '*/toybox', '*/pwsh'] }";

const rows: readonly (readonly [what: string, spec: string, warnings: readonly string[]])[] = [
  // The whole.
  ["nothing at all", "  rules: []\n", ["0 nothing_allowed"]],
  ["nothing but approvals", `  rules: [{ id: a, ${admin("require_approval")} }]\n`, ["0 nothing_allowed"]],
  ["nothing but what is delegated", "  delegate: [inference]\n  rules: []\n", []],
  [
    "observing",
    '  mode: observe\n  observeUntil: "2026-11-25T00:00:00Z"\n  delegate: [egress]\n  rules: []\n',
    ["0 observing"],
  ],
  [
    "approvals that cannot be asked for",
    `${rules(admin("require_approval"))}  requests: { pending: 0 }\n`,
    ["0 approvals_off"],
  ],
  [
    "quarantine for one night action",
    "  delegate: [egress]\n  rules: []\n  behavior: [{ id: d, detector: off_hours, hours: { days: [mon] }, response: { kind: quarantine } }]\n",
    ["0 quarantine_off_hours"],
  ],
  [
    "trust for nothing",
    "  delegate: [egress]\n  rules: []\n  trust: { rates: { initial: 501, penalty: 0 } }\n",
    ["0 trust_given_away", "0 trust_only_rises"],
  ],
  // Rules that never count.
  ["a rule twice", rules(admin("allow"), admin("allow")), ["12 unreachable_rule"]],
  [
    "an allow rule that equals a deny rule, whatever the order",
    rules(admin("allow"), admin("deny")),
    ["11 unreachable_rule"],
  ],
  ["an approval rule below a deny rule", rules(admin("require_approval"), admin("deny")), ["11 unreachable_rule"]],
  ["an allow rule below an approval rule", rules(admin("allow"), admin("require_approval")), ["11 unreachable_rule"]],
  [
    "a rate_limit rule below an approval rule still limits",
    rules(`${admin("rate_limit")}, limit: { concurrent: 1 }`, admin("require_approval")),
    [],
  ],
  [
    "obligations below a rate_limit rule still oblige",
    rules(`${admin("rate_limit")}, limit: { concurrent: 1 }`, `${admin("allow")}, obligations: { log: full }`),
    [],
  ],
  [
    "obligations below a deny rule do not",
    rules(`${admin("allow")}, obligations: { log: full }`, admin("deny")),
    ["11 unreachable_rule"],
  ],
  ["deny for everything", rules(admin("allow"), "effect: deny, actions: [admin, exec]"), ["11 unreachable_rule"]],
  [
    "deny for every operation, in other words",
    rules(admin("allow"), admin("deny", "operation: { glob: ['*'] }")),
    ["11 unreachable_rule"],
  ],
  [
    "an allow rule for every operation does not cover an unknown one",
    rules("effect: allow, actions: [admin]", admin("allow", "operation: { glob: ['*'] }")),
    ["11 allows_everything", "12 allows_everything", "12 unreachable_rule"],
  ],
  [
    "and it is not covered by it",
    rules(admin("allow", "operation: { glob: ['*'] }"), "effect: allow, actions: [admin]"),
    ["11 allows_everything", "12 allows_everything"],
  ],
  ["deny for other actions", rules(admin("allow"), "effect: deny, actions: [exec]"), []],
  ["deny for a part", rules(admin("allow", "operation: { in: [x, y] }"), admin("deny")), []],
  ["deny for more", rules(admin("allow"), admin("deny", "operation: { in: [y, x] }")), ["11 unreachable_rule"]],
  ["deny by a glob", rules(admin("allow"), admin("deny", "operation: { glob: ['?'] }")), ["11 unreachable_rule"]],
  [
    "deny by a pattern",
    rules(admin("allow"), admin("deny", "operation: { pattern: ['^[a-z]$'] }")),
    ["11 unreachable_rule"],
  ],
  ["deny by another pattern", rules(admin("allow"), admin("deny", "operation: { pattern: ['^[a-w]$'] }")), []],
  [
    "deny with one condition more",
    rules(admin("allow"), admin("deny", "operation: { in: [x] }, target: { in: [y] }")),
    [],
  ],
  ["deny with an exception", rules(admin("allow"), `${admin("deny")}, unless: { target: { in: [y] } }`), []],
  [
    "deny with the same exception",
    rules(`${admin("allow")}, unless: { target: { in: [y] } }`, `${admin("deny")}, unless: { target: { in: [y] } }`),
    ["11 unreachable_rule"],
  ],
  [
    "deny with a wider exception",
    rules(`${admin("allow")}, unless: { target: { in: [y] } }`, `${admin("deny")}, unless: { target: { in: [y, z] } }`),
    [],
  ],
  [
    "hosts below a denied domain",
    rules(
      "effect: allow, actions: [egress], when: { host: { names: [a.b.example, '*.b.example'] } }",
      "effect: deny, actions: [egress], when: { host: { names: ['**.example'] } }",
    ),
    ["11 unreachable_rule"],
  ],
  [
    "the apex of a denied domain",
    rules(
      "effect: allow, actions: [egress], when: { host: { names: [b.example] } }",
      "effect: deny, actions: [egress], when: { host: { names: ['**.b.example', '*.b.example'] } }",
    ),
    [],
  ],
  [
    "ports in a denied range",
    rules(
      "effect: allow, actions: [egress], when: { port: { in: [80, 81] } }",
      "effect: deny, actions: [egress], when: { port: { from: 80, to: 90 } }",
    ),
    ["11 unreachable_rule"],
  ],
  [
    "a port beside a denied range",
    rules(
      "effect: allow, actions: [egress], when: { port: { in: [80, 91] } }",
      "effect: deny, actions: [egress], when: { port: { from: 80, to: 90 } }",
    ),
    [],
  ],
  [
    "arguments that are denied",
    rules(
      "effect: allow, actions: [tool], when: { tool: { in: [t] }, arguments: [{ at: /n, from: 2, to: 3 }] }",
      "effect: deny, actions: [tool], when: { arguments: [{ at: /n, from: 1 }] }",
    ),
    ["11 unreachable_rule"],
  ],
  [
    "another argument that is denied",
    rules(
      "effect: allow, actions: [tool], when: { tool: { in: [t] }, arguments: [{ at: /n, from: 2, to: 3 }] }",
      "effect: deny, actions: [tool], when: { arguments: [{ at: /m, from: 1 }] }",
    ),
    [],
  ],
  [
    "a tier that is denied",
    rules(
      "effect: allow, actions: [mesh.send], when: { tier: { from: known, below: verified } }",
      "effect: deny, actions: [mesh.send], when: { tier: { below: verified } }",
    ),
    ["11 unreachable_rule"],
  ],
  // Shells.
  ["a shell by name", rules(exec("program: { in: [/opt/my/bash] }")), ["11 shell_allowed"]],
  ["a shell by glob", rules(exec("program: { glob: ['/usr/bin/*'] }")), ["11 shell_allowed"]],
  ["a shell by pattern", rules(exec("program: { pattern: ['^/bin/[a-z]+$'] }")), ["11 shell_allowed"]],
  ["a shell by absence", rules(exec("directory: { in: [/work] }")), ["11 shell_allowed"]],
  [
    "a shell with its arguments",
    rules(exec("program: { in: [/bin/sh] }, argv: { some: { in: [-c] } }")),
    ["11 shell_allowed"],
  ],
  [
    "a limited shell",
    rules(`${exec("program: { in: [/bin/sh] }", "rate_limit")}, limit: { concurrent: 1 }`),
    ["11 shell_allowed"],
  ],
  ["a shell with an approval", rules(exec("program: { in: [/bin/sh] }", "require_approval")), []],
  ["a shell that is denied", rules(exec("program: { glob: ['*/sh', /usr/bin/git] }"), exec(SHELLS, "deny")), []],
  [
    "a shell that is denied with an exception",
    rules(exec("program: { glob: ['*/zsh'] }"), `${exec(SHELLS, "deny")}, unless: { directory: { in: [/x] } }`),
    ["11 shell_allowed"],
  ],
  [
    "a shell that is excepted",
    rules(`${exec("program: { glob: ['/usr/bin/git*', '*/fish'] }")}, unless: { program: { glob: ['*/fish'] } }`),
    [],
  ],
  ["a launcher", rules(exec("program: { in: [/usr/bin/env] }")), ["11 launcher_allowed"]],
  [
    "a launcher whose arguments are tested",
    rules(exec("program: { in: [/usr/bin/env] }, argv: { every: { in: [ls] } }")),
    [],
  ],
  ["other programs", rules(exec("program: { in: [/usr/bin/git, /usr/bin/make], glob: ['/opt/tools/x*'] }")), []],
  ["a command line for a program", rules(exec("program: { in: ['/bin/rm -rf x'] }", "deny")), ["11 command_line"]],
  // Too much.
  ["everything", rules("effect: allow, actions: [spawn, egress]"), ["11 allows_everything"]],
  ["everything by a pattern", rules(admin("allow", "operation: { pattern: ['^.*$'] }")), ["11 allows_everything"]],
  ["every inference call, of which another policy says more", rules("effect: allow, actions: [inference]"), []],
  ["everything but one", rules("effect: allow, actions: [spawn], unless: { agent: { in: [x] } }"), []],
  ["denying everything is no excess", rules("effect: deny, actions: [spawn]"), []],
  [
    "a top-level domain",
    rules("effect: allow, actions: [egress], when: { host: { names: ['**.com'] } }"),
    ["11 wide_wildcard"],
  ],
  ["denying a top-level domain", rules("effect: deny, actions: [egress], when: { host: { names: ['**.com'] } }"), []],
  ["a message that nobody reads", rules(`${admin("allow")}, message: No.`), ["11 unused_message"]],
  [
    "every function",
    rules("effect: allow, actions: [tool], when: { server: { in: [function] } }"),
    ["11 any_function"],
  ],
  [
    "a function by its name",
    rules("effect: allow, actions: [tool], when: { server: { in: [function] }, tool: { in: [f] } }"),
    [],
  ],
  [
    "functions by their arguments",
    rules("effect: allow, actions: [tool], when: { server: { in: [function] }, arguments: [{ at: /x, is: true }] }"),
    [],
  ],
  // Servers.
  [
    "a server that no rule allows",
    `${rules("effect: allow, actions: [tool], when: { server: { glob: ['a*'] } }")}  mcp: [{ id: ab, url: "https://a.example/" }, { id: b, url: "https://b.example/" }]\n`,
    ["0 unused_server"],
  ],
  [
    "two servers at one place",
    `${rules("effect: require_approval, actions: [tool]")}  mcp: [{ id: a, url: "https://a.example/" }, { id: b, url: "https://a.example/" }]\n`,
    ["0 same_server"],
  ],
  [
    "a credential in clear",
    `${rules("effect: require_approval, actions: [tool]")}  mcp: [{ id: a, url: "http://a.example/", addresses: ["10.0.0.1:80"], credential: { file: t } }]\n`,
    ["0 credential_in_clear"],
  ],
  [
    "a credential to a neighbour in the pod",
    `${rules("effect: require_approval, actions: [tool]")}  mcp: [{ id: a, url: "http://a.example/", addresses: ["127.0.0.1:80"], credential: { file: t } }]\n`,
    [],
  ],
];
for (const [what, spec, expected] of rows) {
  test(`lint: ${what}`, () => assert.deepEqual(warningsOf(spec), expected));
}

const peers = (graph: string, rule: string): string => `  delegate: [egress]
  rules: [{ id: r, effect: allow, actions: [mesh.send], when: { peer: { in: [${rule}] } } }]
  trust:
    peers:
      - { id: a, endpoints: ["a.example:443"], keys: [{ kid: k, algorithm: EdDSA, spki: MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE= }] }
      - { id: b, endpoints: ["b.example:443"], keys: [{ kid: k, algorithm: EdDSA, spki: MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= }] }
    graph: [${graph}]
`;
const peerRows: readonly (readonly [what: string, graph: string, rule: string, warnings: readonly string[]])[] = [
  ["both are connected and allowed", "{ from: self, to: a }, { from: self, to: b }", "a, b", []],
  ["one is connected to nobody", "{ from: self, to: a }", "a", ["0 unconnected_peer"]],
  ["one may only speak to us", "{ from: self, to: a }, { from: b, to: self }", "a", []],
  ["no rule allows one", "{ from: self, to: a }, { from: self, to: b }", "a", ["0 unused_peer"]],
  ["no edge leads to one", "{ from: self, to: a }, { from: b, to: self }", "a, b", ["10 peer_not_connected"]],
];
for (const [what, graph, rule, expected] of peerRows) {
  test(`lint: peers: ${what}`, () => assert.deepEqual(warningsOf(peers(graph, rule)), expected));
}

test("10,000 rules by name are linted, and too many by glob are said to be too many", () => {
  const many = (count: number, test: (at: number) => string): string =>
    rules(
      ...Array.from({ length: count }, (_, at) => admin("allow", `target: { in: [t] }, operation: { ${test(at)} }`)),
    );
  assert.deepEqual(warningsOf(many(10_000, (at) => `in: [o${at}]`)), []);
  assert.deepEqual(warningsOf(many(2_100, (at) => `glob: [o${at}]`)), ["0 lint_incomplete"]);
});
