import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import type { Action } from "../../../../router/core/governance/action.ts";
import {
  compileGovernancePolicy,
  NO_GOVERNANCE,
} from "../../../../router/core/governance/compile-governance-policy.ts";
import { decide } from "../../../../router/core/governance/decide.ts";
import { readText } from "../../../../router/core/governance/text-reading.ts";
import { parseGovernancePolicy } from "../../../../router/core/governance/parse-governance-policy.ts";
import { actionOf, contextOf, DIGEST, governance, governanceDocument, shown, verdictOn } from "./engine-fixture.ts";

/**
 * What the reference's engine (kars: research sections 1.3 and 1.4, read there) and AGT's TypeScript SDK (section 1.6,
 * measured there) let through, each with what happens here.
 */

/** A policy as a careful operator writes what the reference's default profile means to say. */
const profile = [
  "id: read, effect: allow, actions: [exec], when: { program: { in: [/bin/ls, /bin/cat, /usr/bin/git] } }",
  "id: infer, effect: allow, actions: [inference]",
  "id: infer-slowly, effect: rate_limit, actions: [inference], limit: { rate: { count: 60, window: 1m } }",
  "id: api, effect: allow, actions: [egress], when: { host: { names: [api.example.com] }, port: { in: [443] } }",
  "id: files, effect: allow, actions: [tool], when: { server: { in: [files] } }",
];

const defaultProfile: readonly (readonly [trap: string, action: string, expected: string])[] = [
  ["1.3 shell:rm -rf / is allowed", "exec, program: /bin/rm, argv: [-rf, /]", "deny - governance_denied"],
  ["1.3 shell:bash -c x is allowed", "exec, program: /bin/bash, argv: [-c, x]", "deny - governance_denied"],
  ["1.3 shell:perl is allowed", "exec, program: /usr/bin/perl, argv: [-e, x]", "deny - governance_denied"],
  ["1.3 egress:https://evil is allowed", "egress, host: evil.example, port: 443", "deny - governance_denied"],
  ["1.3 handoff:* is allowed", "spawn, agent: other", "deny - governance_denied"],
  ["1.3 mesh messages are allowed", "mesh.send, peer: other", "deny - governance_denied"],
  ["1.3 any unknown action is allowed", "admin, operation: anything", "deny - governance_denied"],
  ["1.3 shell:ls -la is denied by accident", "exec, program: /bin/ls, argv: [-la]", "allow read"],
  ["1.3 the rate limit is unreachable behind an allow", "inference, model: m", "allow infer-slowly [infer-slowly]"],
  ["1.3 a whole command line passes for a program", 'exec, program: "/bin/ls; rm -rf /"', "deny - governance_denied"],
  ["1.3 a command line in the program's place, relative", 'exec, program: "ls -la"', "deny - governance_denied"],
];
for (const [trap, action, expected] of defaultProfile) {
  test(`trap ${trap}`, () => assert.equal(verdictOn(profile, action), expected));
}

test("trap 1.1 no profile is loaded, and everything is allowed", () => {
  for (const kind of ["inference", "egress", "exec", "spawn", "tool", "mesh.send", "admin"]) {
    assert.equal(shown(decide(NO_GOVERNANCE, actionOf(kind), contextOf())), "deny - policy_missing");
    assert.equal(verdictOn([], kind), "deny - governance_denied");
  }
});

test("trap 1.1, 1.3 the file's order decides, whatever priority promises: of all orders there is one verdict", () => {
  const rules = [
    "id: a, effect: allow, actions: [exec]",
    "id: d, effect: deny, actions: [exec], when: { program: { in: [/bin/rm] } }",
    "id: r, effect: require_approval, actions: [exec], when: { program: { glob: ['/bin/*'] } }",
    "id: l, effect: rate_limit, actions: [exec], limit: { concurrent: 1 }",
  ];
  const orders = rules.flatMap((_, from) => [
    [...rules.slice(from), ...rules.slice(0, from)],
    [...rules.slice(from), ...rules.slice(0, from)].toReversed(),
  ]);
  for (const order of orders) {
    assert.equal(verdictOn(order, "exec, program: /bin/rm"), "deny d governance_denied");
    assert.equal(verdictOn(order, "exec, program: /bin/ls"), "require_approval r [l]");
    assert.equal(verdictOn(order, "exec, program: /usr/x"), "allow l [l]");
  }
});

test("trap 1.1 a missing condition key makes a deny rule not match", () => {
  const rules = [
    "id: a, effect: allow, actions: [exec]",
    "id: d, effect: deny, actions: [exec], when: { directory: { glob: ['/etc*'] } }",
  ];
  assert.equal(verdictOn(rules, "exec, program: /bin/ls"), "deny d governance_denied");
  assert.equal(verdictOn(rules, "exec, program: /bin/ls, directory: /work"), "allow a");
});

test("trap 1.1 a missing condition key makes an allow rule match", () => {
  const rules = ["id: a, effect: allow, actions: [exec], when: { directory: { in: [/work] } }"];
  assert.equal(verdictOn(rules, "exec, program: /bin/ls"), "deny - governance_denied");
});

test("trap 1.3 the scope is cut at another separator than the action's: a name is compared whole", () => {
  const rules = ["id: a, effect: allow, actions: [tool], when: { tool: { in: [read] } }"];
  for (const name of ["read.all", "read:all", "shell:read", "x.read", "Read", "read ", "read\\0"]) {
    assert.equal(verdictOn(rules, `tool, server: files, tool: "${name}"`), "deny - governance_denied");
  }
  assert.equal(verdictOn(rules, "tool, server: files, tool: read"), "allow a");
});

test("trap 1.4 who acts is taken from the request: an action has no place for it, and no rule sees one", () => {
  const labels = new Map([["team", "research"]]);
  const rules = ["id: a, effect: allow, actions: [admin], when: { labels: [{ name: team, in: [sre] }] }"];
  const claims = { agent_id: "sre", labels: new Map([["team", "sre"]]) };
  const forged: Action = { ...actionOf("admin, operation: x"), ...claims };
  assert.equal(verdictOn(rules, forged, { labels }), "deny - governance_denied");
  assert.equal(verdictOn(rules, forged, { labels: new Map([["team", "sre"]]) }), "allow a");
});

test("trap 1.4 the first failures are allowed as a grace: what cannot be judged is denied at once, each time", () => {
  const policy = governance(profile);
  const asked = actionOf("exec, program: /bin/ls");
  for (let attempt = 0; attempt < 3; attempt += 1) {
    assert.equal(shown(decide(policy, asked, contextOf({ now: Number.NaN }))), "deny - policy_expired");
    assert.equal(shown(decide(NO_GOVERNANCE, asked, contextOf())), "deny - policy_missing");
  }
});

test("trap 1.4 a peer's score is believed where it cannot be read", () => {
  const rules = [
    "id: known, effect: allow, actions: [mesh.send], when: { tier: { from: anonymous } }",
    "id: low, effect: deny, actions: [mesh.send], when: { tier: { below: observed } }",
  ];
  assert.equal(verdictOn(rules, "mesh.send, peer: billing"), "deny low governance_denied");
  assert.equal(
    verdictOn(rules, "mesh.send, peer: billing", { scoreOf: () => Number.NaN }),
    "deny low governance_denied",
  );
  assert.equal(verdictOn(rules, "mesh.send, peer: billing", { scoreOf: () => 500 }), "allow known");
});

test("trap 1.4 the policy's graph counts without a signature", () => {
  const unsigned = compileGovernancePolicy(governanceDocument([]), DIGEST, millis(0), { signed: false });
  assert.deepEqual(unsigned.trust.graph, []);
});

/** The problem codes of a policy whose only rule is this. */
function refusals(rule: string): readonly string[] {
  const source = `apiVersion: sluice.dev/v1alpha1
kind: GovernancePolicy
metadata: { name: x }
spec:
  version: 1
  issuedAt: "2026-11-20T00:00:00Z"
  expiresAt: "2027-01-20T00:00:00Z"
  audience: { namespaces: ["*"], agents: ["*"] }
  rules: ${rule}
`;
  const parsed = parseGovernancePolicy("x.yaml", source);
  return parsed.ok ? [] : parsed.problem.map(({ code }) => code);
}

const unread: readonly (readonly [trap: string, rules: string, code: string])[] = [
  ["1.6 `action: allow` is read as another key", "[{ id: a, action: allow, actions: [exec] }]", "unknown_key"],
  [
    "1.6 `=` for `==` in a deny rule never fires",
    "[{ id: a, effect: deny, actions: [exec], when: program = /bin/rm }]",
    "wrong_type",
  ],
  [
    "1.6 a misspelt condition key matches everything",
    "[{ id: a, effect: allow, actions: [exec], conditon: {} }]",
    "unknown_key",
  ],
  [
    "1.6 a misspelt fact is passed over",
    "[{ id: a, effect: allow, actions: [exec], when: { porgram: { in: [/x] } } }]",
    "unknown_key",
  ],
  [
    "1.6 parentheses are silently false",
    '[{ id: a, effect: deny, actions: [exec], when: "(a) and (b)" }]',
    "wrong_type",
  ],
  [
    "1.6 a limit that says nothing never limits",
    "[{ id: a, effect: rate_limit, actions: [exec], limit: two/minute }]",
    "wrong_type",
  ],
  ["1.6 a rate_limit rule without its limit", "[{ id: a, effect: rate_limit, actions: [exec] }]", "missing_limit"],
  ["1.6 rules that are no list are accepted", "notalist", "wrong_type"],
  [
    "1.1 a bad window: none",
    "[{ id: a, effect: rate_limit, actions: [exec], limit: { rate: { count: 5, window: '' } } }]",
    "bad_duration",
  ],
  [
    "1.1 a bad window: no unit",
    "[{ id: a, effect: rate_limit, actions: [exec], limit: { rate: { count: 5, window: 60 } } }]",
    "bad_duration",
  ],
  [
    "1.1 a bad window: a unit that there is not",
    "[{ id: a, effect: rate_limit, actions: [exec], limit: { rate: { count: 5, window: 5x } } }]",
    "bad_duration",
  ],
  [
    "1.1 a bad window: nothing",
    "[{ id: a, effect: rate_limit, actions: [exec], limit: { rate: { count: 5, window: 0s } } }]",
    "out_of_range",
  ],
  [
    "1.1 a bad window: less than nothing",
    "[{ id: a, effect: rate_limit, actions: [exec], limit: { rate: { count: 5, window: -1m } } }]",
    "bad_duration",
  ],
  [
    "1.1 a bad window: a word",
    "[{ id: a, effect: rate_limit, actions: [exec], limit: { rate: { count: 5, window: minute } } }]",
    "bad_duration",
  ],
  [
    "1.1 a bad window: half",
    "[{ id: a, effect: rate_limit, actions: [exec], limit: { rate: { count: 5, window: 1.5m } } }]",
    "bad_duration",
  ],
  ["4.3 an effect in another case", "[{ id: a, effect: Deny, actions: [exec] }]", "unknown_value"],
  [
    "4.3 a rule id that stands twice",
    "[{ id: a, effect: deny, actions: [exec] }, { id: a, effect: allow, actions: [exec] }]",
    "duplicate_id",
  ],
  [
    "4.3 an empty list is everything",
    "[{ id: a, effect: allow, actions: [exec], when: { program: { in: [] } } }]",
    "empty_list",
  ],
  [
    "4.3 a fact of another kind can never hold",
    "[{ id: a, effect: deny, actions: [exec], when: { tool: { in: [x] } } }]",
    "fact_not_applicable",
  ],
];
for (const [trap, rules, code] of unread) {
  test(`trap ${trap}: the document is refused`, () =>
    assert.ok(refusals(rules).includes(code), refusals(rules).join()));
}

test("trap 1.6 null < 300 is true: what is no number is missing", () => {
  const allow = ["id: a, effect: allow, actions: [tool], when: { arguments: [{ at: /n, to: 300 }] }"];
  const deny = [
    "id: all, effect: allow, actions: [tool]",
    "id: d, effect: deny, actions: [tool], when: { arguments: [{ at: /n, from: 300 }] }",
  ];
  for (const given of ["null", '"1"', "true", "[]", "{}", "[1]", ".inf", ".nan"]) {
    const asked = `tool, server: files, tool: t, arguments: { n: ${given} }`;
    assert.equal(verdictOn(allow, asked), "deny - governance_denied");
    assert.equal(verdictOn(deny, asked), "deny d governance_denied");
  }
  assert.equal(verdictOn(allow, "tool, server: files, tool: t, arguments: { n: 1 }"), "allow a");
});

test("trap 1.6 negative numbers and hyphenated names are silently false", () => {
  const rules = [
    "id: all, effect: allow, actions: [tool]",
    "id: d, effect: deny, actions: [tool], when: { arguments: [{ at: /max-size, to: -1 }] }",
  ];
  assert.equal(
    verdictOn(rules, "tool, server: files, tool: t, arguments: { max-size: -5 }"),
    "deny d governance_denied",
  );
  assert.equal(verdictOn(rules, "tool, server: files, tool: t, arguments: { max-size: 5 }"), "allow all");
});

test("trap 1.6, 4.3 a pattern of the policy stops the process on a text of the agent's", () => {
  const rules = [
    "id: d, effect: deny, actions: [exec], when: { argv: { some: { pattern: ['^(([a-z])+.)+[A-Z]([a-z])+$'] } } }",
    "id: a, effect: allow, actions: [exec]",
  ];
  const policy = governance(rules);
  const began = performance.now();
  const argv = ["a".repeat(65_536)];
  const verdict = decide(policy, { kind: "exec", program: "/bin/x", argv, directory: undefined }, contextOf());
  assert.equal(shown(verdict), "allow a");
  assert.ok(performance.now() - began < 500);
});

test("trap 4.3 a deny rule is got around by another spelling of the same place", () => {
  const rules = [
    "id: all, effect: allow, actions: [egress, exec]",
    "id: net, effect: deny, actions: [egress], when: { host: { ranges: [169.254.0.0/16] } }",
    "id: admin, effect: deny, actions: [egress], when: { path: { glob: ['/admin/**'] } }",
    "id: rm, effect: deny, actions: [exec], when: { program: { in: [/bin/rm] } }",
  ];
  const denied = (action: string): string => verdictOn(rules, action).split(" ")[1] ?? "";
  assert.equal(denied('egress, host: "[::ffff:169.254.169.254]", port: 80, path: /x'), "net");
  assert.equal(denied("egress, host: a.example, port: 80, path: /x/../admin/y"), "admin");
  assert.equal(denied("egress, host: a.example, port: 80, path: /%61dmin/y"), "admin");
  assert.equal(denied("egress, host: a.example, port: 80, path: /admin;v=1/y"), "admin");
  assert.equal(denied("exec, program: /bin/../bin/rm"), "rm");
  assert.equal(denied("exec, program: //bin/rm"), "rm");
  assert.equal(denied("exec, program: rm"), "rm");
});

/** What `{ at: /x, TEST }` in a rule that allows, and in one that denies, makes of a call with this text. */
function answers(written: string, value: string): string {
  const asked: Action = {
    kind: "tool",
    server: "files",
    tool: "t",
    model: undefined,
    arguments: { state: "known", value: { x: value } },
  };
  const when = `when: { arguments: [{ at: /x, ${written} }] }`;
  const allowed = verdictOn([`id: a, effect: allow, actions: [tool], ${when}`], asked);
  const rules = ["id: a, effect: allow, actions: [tool]", `id: d, effect: deny, actions: [tool], ${when}`];
  const denied = verdictOn(rules, asked);
  return [allowed.startsWith("allow") ? "allowed" : "-", denied.startsWith("deny") ? "denied" : "-"].join(" ");
}

const YES = "allowed denied";
const NO = "- -";
/** No leave, and no way around. */
const UNKNOWN = "- denied";

const places: readonly (readonly [test: string, expected: string, values: readonly string[]])[] = [
  [
    'glob: ["/work/*"]',
    YES,
    ["/work/a", "/work/", "/work/a/", "/work/a..b/c", "/work/.hidden", "/work/100%", "/work/ä"],
  ],
  ['glob: ["/work/*"]', NO, ["/work", "/other/a", "work/a", "", "C:/work/a"]],
  [
    'glob: ["/work/*"]',
    UNKNOWN,
    ["/work/../etc", "/work/..", "/work/a/../../etc", "/work/./a", "/work//a", "//work/a"],
  ],
  [
    'glob: ["/work/*"]',
    UNKNOWN,
    ["/work/%2e%2e/etc", "/work/.%2E/etc", "/work%2Fa", "/work/%252e%252e/x", "/%77ork/a"],
  ],
  ['glob: ["/work/*"]', UNKNOWN, ["/work\\..\\etc", "/work/..\\etc", "/work/\0", "/work/a\n", " /work/a", "/work/a "]],
  ['glob: ["/work/*"]', UNKNOWN, ["/work/..;/etc", "/work/... /etc", "/work/%c0%ae%c0%ae/etc", "/work/%u002e/etc"]],
  [
    'glob: ["/etc/*"]',
    UNKNOWN,
    ["//etc/passwd", "/./etc/passwd", "/work/../etc/passwd", "../../etc/passwd", "/etc\0/x"],
  ],
  ['glob: ["src/*"]', YES, ["src/a", "src/a/b.ts"]],
  ['glob: ["src/*"]', UNKNOWN, ["src/../../etc", "./src/a", "src\\a", "src//a"]],
  ['glob: ["C:/work/*"]', UNKNOWN, ["C:/work/../x", "C:\\work\\..\\x", "C:/work/a\\..\\..\\x"]],
  ['glob: ["*/.ssh/config"]', UNKNOWN, ["/home/.ssh/./config", "/home/.ssh//config"]],
  ['in: ["/etc/shadow"]', YES, ["/etc/shadow"]],
  ['in: ["/etc/shadow"]', UNKNOWN, ["/etc/./shadow", "/etc/shadow/", "/etc/shadow/."]],
  // What the author wrote, letter by letter.
  ['in: ["/a/../b"]', YES, ["/a/../b"]],
  ["in: ['C:\\work\\a']", YES, ["C:\\work\\a"]],
  ["in: ['C:\\work\\a']", UNKNOWN, ["C:\\work\\x\\..\\a", "C:\\work\\.\\a", "C:/work/a"]],
  ['pattern: ["^/work/.*$"]', YES, ["/work/a"]],
  ['pattern: ["^/work/.*$"]', UNKNOWN, ["/work/../etc", "/work/%2e%2e/etc"]],
  ['glob: ["file:///work/*"]', YES, ["file:///work/a", "file:///work/a%20b"]],
  ['glob: ["file:///work/*"]', NO, ["file:///etc/passwd", "/work/a"]],
  ['glob: ["file:///work/*"]', UNKNOWN, ["file:///work/../etc/passwd", "file:///work/%2e%2e/etc", "file:////work/a"]],
  [
    'glob: ["file:///work/*"]',
    UNKNOWN,
    ["file:/work/a", "file://localhost/work/a", "FILE:///work/a", "file:///work/?/../../x"],
  ],
  ['glob: ["file:///my docs/*"]', UNKNOWN, ["file:///my%20docs/a"]],
  [
    'glob: ["https://api.example/*"]',
    YES,
    ["https://api.example/", "https://api.example/a?u=https%3A%2F%2Fx//../y#/./z"],
  ],
  [
    'glob: ["https://api.example/*"]',
    NO,
    ["https://other.example/", "https://other.example", "https://api.example:8443/", "see https://api.example"],
  ],
  [
    'glob: ["https://api.example/*"]',
    UNKNOWN,
    ["https://api.example", "https://api.example?d=1", "https://api.example#d", "https://api.example:443/x"],
  ],
  [
    'glob: ["https://api.example/*"]',
    UNKNOWN,
    ["https://api.example:/x", "https://api.example:0443/x", "https:/api.example/x", "https:api.example/x"],
  ],
  [
    'glob: ["https://api.example/*"]',
    UNKNOWN,
    ["https:///api.example/x", "https:\\\\api.example\\x", "ht\ntps://api.example/x", "https://api.example\\@h/x"],
  ],
  ['glob: ["https://api.example:443/*"]', UNKNOWN, ["https://api.example/x", "https://api.example:443/x"]],
  ['glob: ["http://169.254.169.254/*"]', YES, ["http://169.254.169.254/latest"]],
  ['glob: ["http://169.254.169.254/*"]', NO, ["http://169.254.169.253/latest", "http://[2001:db8::1]/latest"]],
  [
    'glob: ["http://169.254.169.254/*"]',
    UNKNOWN,
    ["http://2852039166/", "http://0xa9fea9fe/", "http://169.254.43518/", "http://0251.0376.0251.0376/"],
  ],
  [
    'glob: ["http://169.254.169.254/*"]',
    UNKNOWN,
    [
      "http://[::ffff:a9fe:a9fe]/",
      "http://169.254.169.254:80/",
      "http://\uff11\uff16\uff19.254.169.254/",
      "http://2852039166/a b",
    ],
  ],
  [
    'glob: ["/etc/*"]',
    NO,
    [".", "..", "../..", "./run.sh", "two\nlines", "a\tb\r\n", "curl https://h/x", "s/a//", "a\\.b", "trailing "],
  ],
  [
    'glob: ["/etc/*"]',
    NO,
    [
      "https://h",
      "https://h:443/a//b",
      "http://[::1]:8080/x",
      "./...",
      "100%",
      "note: a//b",
      "// a\n%ff",
      "/9j/4A//8=",
    ],
  ],
  [
    'glob: ["/etc/*"]',
    UNKNOWN,
    [
      "/%65tc/x",
      "/%2565tc/x",
      "%2fetc%2fx",
      "\\etc\\x",
      " /etc/x",
      "/work/..;v=1/../etc/x",
      "/etc;v=1/x",
      "/a?b/../../etc/x",
    ],
  ],
  [
    'glob: ["/etc/*"]',
    UNKNOWN,
    [
      "http:/../../etc/x",
      "http://[::1]/../../etc/x",
      "file:///etc/x",
      "/.. /etc/x",
      "/.../etc/x",
      "/a/\u2025/etc/x",
      "/%c0%ae%c0%ae/etc/x",
      "/%u0065tc/x",
      "/%ff",
      "a/../../etc/x",
    ],
  ],
  ['glob: ["/work/*"]', UNKNOWN, ["/work/..%e0%80%afetc", "/work/%ff", "/work/\uff0e\uff0e/etc", "/work/.\u200b./etc"]],
  ['glob: ["./scripts/*"]', YES, ["./scripts/a"]],
  ['pattern: ["^.*rm -rf /.*$"]', YES, ["sudo rm -rf /x"]],
  [
    'pattern: ["^.*rm -rf /.*$"]',
    NO,
    ["ls\npwd", "curl https://h/x", "./run.sh", "grep -r 'a\\.b' src", "echo > /tmp/ ; ls"],
  ],
  ['pattern: ["^.*rm -rf /.*$"]', UNKNOWN, ["ls\nrm -rf /", "rm -rf \\"]],
  [
    'pattern: ["^.*/etc/shadow.*$"]',
    UNKNOWN,
    [
      "cat /etc//shadow",
      "cat x /../etc/shadow",
      "cat '/work/../etc/./shadow'",
      "a --file=/work/../etc/shadow",
      "/etc/%73hadow x",
    ],
  ],
  [
    'pattern: ["^.*https://api[.]example/.*$"]',
    UNKNOWN,
    ["curl https://api.example:443/x", "curl HTTPS://API.example"],
  ],
  [
    'glob: ["https://api.example/*"]',
    UNKNOWN,
    ["https://API.example/a", "https://u@api.example/a", "https://api.example./a"],
  ],
  [
    'glob: ["https://api.example/*"]',
    UNKNOWN,
    ["https://api.example/a/../b", "HTTPS://api.example/a", "https://%61pi.example/a"],
  ],
  ['glob: ["jdbc:postgresql://db/*"]', YES, ["jdbc:postgresql://db/shop"]],
  // A test without a slash is asked about the text, and about where it leads.
  ['glob: ["*.pem"]', YES, ["/k/a.pem", "a.pem", "/k/../a.pem"]],
  ['glob: ["*.pem"]', NO, ["/k/a.txt", "see a.pem // there\n", "a.pem/b"]],
  [
    'glob: ["*.pem"]',
    UNKNOWN,
    ["/k/a.pem/", "/k/a.pem/.", "/k/a.pem/b/..", "a.pem\0.txt", "a.pem%00.txt", "a%2epem", "a.pem\\."],
  ],
  ['glob: ["report-*"]', YES, ["report-1", "report-a/b"]],
  ['glob: ["report-*"]', UNKNOWN, ["report-/../../etc/passwd", "report-..\\..\\..\\x", "report-/%2e%2e/x"]],
  ["in: [secret]", UNKNOWN, ["./secret", "a/../secret", "secret/"]],
  ["in: [shop, search]", YES, ["shop"]],
  ["in: [shop, search]", NO, ["./other", "../shop"]],
];
for (const [written, expected, values] of places) {
  test(`INV-GOV-PLACES: trap 4.3 a place by another spelling: ${written} is ${expected} by ${JSON.stringify(values)}`, () => {
    for (const value of values) assert.equal(answers(written, value), expected, JSON.stringify(value));
  });
}

test("trap 4.3 a place without end is unknown, and is not cut into a million pieces", () => {
  const patterns = 'pattern: ["^.*/etc/shadow.*$"]';
  const long = ["/".repeat(1 << 20), "/a".repeat(4_097), `/${"a".repeat(65_536)}`, `/a b${"/..".repeat(30_000)}/x`];
  for (const text of long) {
    const began = performance.now();
    const reading = readText(text);
    assert.equal(reading.forms(), undefined);
    assert.equal(reading.isPlain(), false);
    assert.ok(performance.now() - began < 100);
    assert.equal(answers(patterns, text), UNKNOWN);
  }
  const words = "a long text, and/or two\n".repeat(10_000);
  assert.equal(answers(patterns, words), NO);
  assert.equal(answers(patterns, `${words}/etc//./shadow`), UNKNOWN);
});

test("trap 4.3 each reading of a text is made once", () => {
  const reading = readText("/a/../b");
  assert.equal(reading.forms(), reading.forms());
});

test("trap 4.3 words of a program that are places are as tools' arguments, and others are as they are written", () => {
  const every = ["id: a, effect: allow, actions: [exec], when: { argv: { every: { glob: ['/work/*'] } } }"];
  const exec = (...argv: readonly string[]): Action => ({
    kind: "exec",
    program: "/bin/cat",
    argv,
    directory: undefined,
  });
  assert.equal(verdictOn(every, exec("/work/a", "/work/b")), "allow a");
  assert.equal(verdictOn(every, exec("/work/a", "/work/../etc/passwd")), "deny - governance_denied");
  const some = [
    "id: a, effect: allow, actions: [exec]",
    "id: d, effect: deny, actions: [exec], when: { argv: { some: { in: [/etc/shadow] } } }",
    "id: push, effect: deny, actions: [exec], when: { argv: { some: { in: [push] } } }",
  ];
  assert.equal(verdictOn(some, exec("-n", "//etc/shadow")), "deny d governance_denied");
  assert.equal(verdictOn(some, exec("add", "/work/push", "./push")), "allow a", "another word");
  assert.equal(verdictOn(some, exec("add", "/work/push", "doc/push")), "allow a");
  for (const argv of [
    ["add", "."],
    ["ls", ".."],
    ["-m", "two\nlines"],
    ["-c", "curl https://h/x"],
    ["s/a//"],
    ["a\\.b"],
  ]) {
    assert.equal(verdictOn(some, exec(...argv)), "allow a", argv.join(" "));
  }
});

test("trap 1.6 a text that asks ever more of a pattern is unknown to it, and does not keep the router", () => {
  const rules = [
    "id: a, effect: allow, actions: [tool], when: { arguments: [{ at: /x, pattern: ['^.*[ab].{15}c.*$'] }] }",
  ];
  // Letters that lead to ever new states; no "c" where it would end them.
  let seed = 7;
  const letters = Array.from({ length: 10_000 }, () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return "abx".charAt(seed % 3);
  }).join("");
  const verdictOf = (text: string): string => {
    const given = { state: "known", value: { x: text } } as const;
    return shown(
      decide(
        governance(rules),
        { kind: "tool", server: "s", tool: "t", model: undefined, arguments: given },
        contextOf(),
      ),
    );
  };
  assert.equal(verdictOf(`a${"x".repeat(15)}c`), "allow a");
  assert.equal(verdictOf(`a${"x".repeat(15)}c${"x".repeat(1_000_000)}`), "allow a", "a long text that asks little");
  assert.equal(verdictOf(`${letters.slice(0, 1_000)}a${"x".repeat(15)}c`), "allow a");
  // It would match, after more work than is good; how much that is does not grow with the text.
  const asksMuch = `${letters}a${"x".repeat(15)}c`;
  assert.equal(verdictOf(asksMuch), "deny - governance_denied");
  assert.equal(verdictOf(`${asksMuch}${"x".repeat(1_000_000)}`), "deny - governance_denied");
});
