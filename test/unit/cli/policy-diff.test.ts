import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { policyDiff } from "../../../cli/policy-diff.ts";
import { decisionRecord } from "../../../router/app/governance/governance-record.ts";
import type { Governed } from "../../../router/app/governance/governor.ts";
import type { AuditEvent } from "../../../router/core/audit/audit-event.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import type { Action } from "../../../router/core/governance/action.ts";
import { readAction } from "../../../router/core/governance/read-action.ts";
import type { Json } from "../../../router/core/json/json.ts";
import { EVENTS, WrittenLog } from "../../fakes/written-log.ts";
import { EGRESS_POLICY } from "../policies/documents.ts";
import { GOVERNANCE_POLICY } from "../policies/governance-policy-document.ts";
import { INFERENCE_POLICY } from "../policies/inference-policy-document.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-policy-diff-"));
after(() => rmSync(root, { recursive: true }));

let count = 0;
function directory(files: Readonly<Record<string, string>>): string {
  count += 1;
  const name = `d${count}`;
  mkdirSync(join(root, name));
  for (const [file, content] of Object.entries(files)) writeFileSync(join(root, name, file), content);
  return name;
}

function log(...events: readonly AuditEvent[]): string {
  const name = directory({});
  const written = new WrittenLog(join(root, name));
  for (const event of events) written.append(event);
  return name;
}

async function diff(...argv: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: root,
    now: () => epochMillis(Date.UTC(2026, 11, 1)),
  };
  const exit = await policyDiff(argv, io);
  return { exit, stdout, stderr, lines: stdout.trimEnd().split("\n") };
}

function governed(form: Json, full = false): AuditEvent {
  const action = readAction(form);
  assert.ok(action.ok);
  const leave: Governed = {
    kind: "allowed",
    policy: undefined,
    rule: "r",
    obligations: { redact: [], resultBytes: undefined, log: full ? "full" : "digest" },
    approval: undefined,
    holds: false,
    observed: undefined,
    ended: () => undefined,
  };
  const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
  return decisionRecord({
    id: "r",
    at: epochMillis(0),
    action: action.value satisfies Action,
    governed: leave,
    digest,
  });
}

const connect = (target: string, detail: AuditEvent["detail"] = {}): AuditEvent =>
  EVENTS.allowed("r", { target, detail });
const request = (method: string, target: string): AuditEvent =>
  EVENTS.allowed("r", { action: `http.${method}`, target, detail: {} });
const call = (model: string, changes: Partial<AuditEvent> = {}): AuditEvent =>
  EVENTS.allowed("r", {
    kind: "inference.decision",
    action: "inference.chat",
    target: model,
    rule: null,
    detail: { provider: "openai", stream: true },
    ...changes,
  });

const rules = (...lines: readonly string[]): string =>
  [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: GovernancePolicy",
    "metadata: { name: g }",
    "spec:",
    "  version: 1",
    '  issuedAt: "2026-11-01T00:00:00Z"',
    '  expiresAt: "2027-02-20T00:00:00Z"',
    '  audience: { namespaces: ["*"], agents: ["*"] }',
    "  delegate: [egress, inference]",
    ...(lines.length === 0 ? ["  rules: []"] : ["  rules:", ...lines.map((line) => `    - { ${line} }`)]),
    "",
  ].join("\n");

const GIT = "id: git, effect: allow, actions: [exec], when: { program: { in: [/usr/bin/git] } }";
const NO_PUSH = "id: no-push, effect: deny, actions: [exec], when: { argv: { some: { in: [push] } } }";
const NOT_IN_ROOT = "id: not-in-root, effect: deny, actions: [exec], when: { directory: { in: [/root] } }";
const TOOLS =
  "id: tools, effect: allow, actions: [tool], when: { server: { in: [function] }, tool: { in: [list, write] } }";
const NO_KEYS =
  "id: no-keys, effect: deny, actions: [tool], when: { tool: { in: [write, list] }, arguments: [{ at: /path, glob: ['*.pem'] }] }";
const NO_SOCIAL = "id: no-social, effect: deny, actions: [egress], when: { host: { names: [api.github.com] } }";
const NO_ADMIN_PATH =
  "id: no-admin, effect: deny, actions: [egress], when: { protocol: { in: [http] }, path: { glob: [/admin/**] } }";
const ONLY_TEAM = "id: team, effect: deny, actions: [exec], when: { labels: [{ name: team, in: [guests] }] }";

type Row = readonly [
  name: string,
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
  events: readonly AuditEvent[],
  exit: number,
  says: RegExp,
];

const gitStatus = { kind: "exec", program: "/usr/bin/git", argv: ["status"] };
const E = { "e.yaml": EGRESS_POLICY };
const I = { "i.yaml": INFERENCE_POLICY };
const G = (...lines: readonly string[]): Readonly<Record<string, string>> => ({ "g.yaml": rules(...lines) });
const rows: readonly Row[] = [
  [
    "a host that is no longer allowed",
    E,
    { "e.yaml": EGRESS_POLICY.replace("hosts: [api.github.com, ", "hosts: [") },
    [connect("api.github.com:443"), connect("api.github.com:443"), connect("raw.githubusercontent.com:443")],
    1,
    /^CHANGES {7}2 {2}connect api\.github\.com:443: allow \(rule github\) -> deny \(host_not_allowed\); first 2026-11-20T03:00:01\.000Z seq 1\n3 decisions: 1 stay, 2 change, 0 unknown$/m,
  ],
  [
    "a host that is now allowed",
    E,
    {
      "e.yaml": EGRESS_POLICY.replace(
        "  deny:\n    - { id: no-gists, hosts: [gist.github.com] }",
        "    - { id: gists, hosts: [gist.github.com], ports: [443] }\n  deny:",
      ),
    },
    [EVENTS.denied("r")],
    1,
    /gist\.github\.com:443: deny \(denied_by_rule, rule no-gists\) -> allow \(rule gists\)/,
  ],
  [
    "the same policies",
    E,
    E,
    [connect("api.github.com:443"), EVENTS.denied("r"), EVENTS.ended("r")],
    0,
    /^2 decisions: 2 stay, 0 change, 0 unknown$/m,
  ],
  [
    "an address that is no longer named",
    E,
    { "e.yaml": EGRESS_POLICY.replace('"10.1.2.3:5432", ', "") },
    [connect("10.1.2.3:5432", { addresses: ["10.1.2.3"] })],
    1,
    /allow \(rule warehouse\) -> deny/,
  ],
  [
    "addresses that a name led to are judged again",
    {
      "e.yaml": EGRESS_POLICY.replace(
        "    - id: warehouse\n",
        '    - { id: db, hosts: [db.example], ports: [5432], addresses: ["10.1.2.9:5432"], protocol: tcp }\n    - id: warehouse\n',
      ),
    },
    {
      "e.yaml": EGRESS_POLICY.replace(
        "    - id: warehouse\n",
        "    - { id: db, hosts: [db.example], ports: [5432], protocol: tcp }\n    - id: warehouse\n",
      ),
    },
    [connect("db.example:5432", { addresses: ["10.1.2.9"] })],
    1,
    /allow \(rule db\) -> deny \(address_not_allowed, rule db\)/,
  ],
  [
    "a path that no record holds",
    E,
    { "e.yaml": EGRESS_POLICY.replace("/repos/**", "/repos/a/**") },
    [request("GET", "a.docs.example:80")],
    1,
    /^UNKNOWN {7}1 {2}http\.GET a\.docs\.example:80: depends on what is not recorded -> depends/m,
  ],
  [
    "a path is no matter where nobody changed the rules of the host",
    E,
    { "e.yaml": EGRESS_POLICY.replace("id: github", "id: hub") },
    [request("GET", "a.docs.example:80")],
    0,
    /1 stay/,
  ],
  [
    "which hosts are a provider's may count as well",
    E,
    { ...E, ...I },
    [request("GET", "a.docs.example:80")],
    1,
    /^UNKNOWN {7}1 {2}http\.GET a\.docs\.example:80/m,
  ],
  [
    "a path is no matter where no rule asks for it",
    E,
    { "e.yaml": EGRESS_POLICY.replace("legacy.example", "old.example") },
    [request("GET", "x.example:80")],
    0,
    /1 stay/,
  ],
  [
    "a provider's host is reached by the agent API alone",
    { "e.yaml": EGRESS_POLICY.replace("api.github.com, ", "api.openai.com, ") },
    { "e.yaml": EGRESS_POLICY.replace("api.github.com, ", "api.openai.com, "), ...I },
    [connect("api.openai.com:443")],
    1,
    /-> deny \(inference_only\)/,
  ],
  ["no egress policy any more", { ...E, ...I }, I, [connect("api.github.com:443")], 1, /-> deny \(policy_missing\)/],
  [
    "a model that is gone",
    I,
    { "i.yaml": INFERENCE_POLICY.replaceAll("gpt-5", "gpt-6") },
    [call("gpt-5"), call("-")],
    1,
    /CHANGES {7}1 {2}inference\.chat gpt-5: allow -> deny \(model_not_allowed\)[^]*UNKNOWN {7}1 {2}inference\.chat -/,
  ],
  [
    "a model whose provider is denied",
    { ...I, ...G() },
    { ...I, ...G("id: no, effect: deny, actions: [inference], when: { provider: { in: [azure-eu] } }") },
    [call("gpt-5")],
    1,
    /gpt-5: allow -> deny \(governance_denied, rule no\)/,
  ],
  [
    "the size of a call is not recorded",
    { ...I, ...G() },
    { ...I, ...G("id: no, effect: deny, actions: [inference], when: { bytes: { from: 1Mi } }") },
    [call("gpt-5")],
    1,
    /UNKNOWN .*gpt-5: allow -> depends/,
  ],
  [
    "whether it was a stream is",
    { ...I, ...G() },
    { ...I, ...G("id: no, effect: deny, actions: [inference], when: { stream: false }") },
    [call("gpt-5")],
    0,
    /1 stay/,
  ],
  [
    "a program that is no longer allowed",
    G(GIT),
    G(),
    [governed(gitStatus)],
    1,
    /exec \/usr\/bin\/git: allow \(rule git\) -> deny \(governance_denied\)/,
  ],
  [
    "arguments that are not recorded",
    G(GIT),
    G(GIT, NO_PUSH),
    [governed(gitStatus)],
    1,
    /UNKNOWN .*exec \/usr\/bin\/git: allow \(rule git\) -> depends/,
  ],
  [
    "no arguments are known by their digest",
    G(GIT),
    G(GIT, NO_PUSH),
    [governed({ ...gitStatus, argv: [] })],
    0,
    /1 stay/,
  ],
  [
    "arguments that are recorded",
    G(GIT),
    G(GIT, NO_PUSH),
    [governed(gitStatus, true), governed({ ...gitStatus, argv: ["push"] }, true)],
    1,
    /allow \(rule git\) -> deny \(governance_denied, rule no-push\)[^]*2 decisions: 1 stay, 1 change, 0 unknown/,
  ],
  [
    "recorded arguments that were cut",
    G(GIT),
    G(GIT, NO_PUSH),
    [
      governed({ ...gitStatus, argv: ["a".repeat(300)] }, true),
      governed({ ...gitStatus, argv: Array.from({ length: 16 }, () => "a") }, true),
    ],
    1,
    /0 stay, 0 change, 2 unknown/,
  ],
  [
    "a directory that is not recorded, and one that is known to be none",
    G(GIT),
    G(GIT, NOT_IN_ROOT),
    [governed({ ...gitStatus, directory: "/w" }, true), governed(gitStatus, true)],
    1,
    /CHANGES {7}1 [^]*UNKNOWN {7}1 /,
  ],
  [
    "a program without arguments is refused by who asks for them",
    G(GIT),
    G(GIT, NO_PUSH),
    [governed({ kind: "exec", program: "/usr/bin/git" })],
    1,
    /allow \(rule git\) -> deny \(governance_denied, rule no-push\)/,
  ],
  ["labels are recorded nowhere", G(GIT), G(GIT, ONLY_TEAM), [governed(gitStatus)], 1, /UNKNOWN/],
  [
    "what is certain in spite of them",
    G(GIT),
    G(ONLY_TEAM),
    [governed(gitStatus)],
    1,
    /CHANGES .*-> deny \(governance_denied\)/,
  ],
  [
    "a tool with arguments, and one without",
    G(TOOLS),
    G(TOOLS, NO_KEYS),
    [
      governed({ kind: "tool", server: "function", tool: "write", arguments: { path: "/a" } }),
      governed({ kind: "tool", server: "function", tool: "list", arguments: {} }),
    ],
    1,
    /function\/list: allow \(rule tools\) -> deny \(governance_denied, rule no-keys\)[^]*function\/write: allow \(rule tools\) -> depends/,
  ],
  [
    "a tool that is denied whatever its arguments",
    G(TOOLS),
    G(NO_KEYS),
    [governed({ kind: "tool", server: "function", tool: "write", arguments: { path: "/a" } })],
    1,
    /-> deny \(governance_denied\)/,
  ],
  [
    "a rule of egress that governance adds",
    { ...E, ...G() },
    { ...E, ...G(NO_SOCIAL) },
    [connect("api.github.com:443")],
    1,
    /allow \(rule github\) -> deny \(governance_denied, rule no-social\)/,
  ],
  [
    "what the egress policy refuses stays refused",
    { ...E, ...G() },
    { ...E, ...G("id: a, effect: allow, actions: [egress], when: { host: { names: [gist.github.com] } }") },
    [EVENTS.denied("r")],
    0,
    /1 stay/,
  ],
  [
    "a path of governance is not recorded either",
    {
      "e.yaml": EGRESS_POLICY.replace('paths: ["/repos/**"]', "").replace("methods: [GET], ", "methods: [GET]"),
      ...G(),
    },
    {
      "e.yaml": EGRESS_POLICY.replace('paths: ["/repos/**"]', "").replace("methods: [GET], ", "methods: [GET]"),
      ...G(NO_ADMIN_PATH),
    },
    [request("GET", "a.docs.example:80")],
    1,
    /UNKNOWN .*allow \(rule docs\) -> depends/,
  ],
  [
    "a tunnel is no request in clear",
    { ...E, ...G() },
    { ...E, ...G(NO_ADMIN_PATH) },
    [connect("api.github.com:443")],
    0,
    /1 stay/,
  ],
  ["governance alone, over tunnels", G(), G(NO_SOCIAL), [connect("api.github.com:443")], 1, /allow -> deny/],
  [
    "governance alone, and what may be tls or tcp",
    G(),
    G("id: no-tcp, effect: deny, actions: [egress], when: { protocol: { in: [tcp] } }"),
    [connect("api.github.com:443")],
    1,
    /UNKNOWN/,
  ],
  [
    "no governance policy any more",
    { ...E, ...G(GIT) },
    E,
    [governed(gitStatus), connect("api.github.com:443")],
    1,
    /exec \/usr\/bin\/git: allow \(rule git\) -> deny \(policy_missing\)[^]*1 stay, 1 change/,
  ],
  [
    "observing allows, and says so",
    G(),
    {
      "g.yaml": rules()
        .replace("  delegate", '  mode: observe\n  observeUntil: "2026-11-14T00:00:00Z"\n  delegate')
        .replace("2026-11-01", "2026-11-10")
        .replace("2026-11-14", "2026-11-23"),
    },
    [governed(gitStatus)],
    1,
    /deny \(governance_denied\) -> observed/,
  ],
  [
    "texts that were hidden, cut or escaped",
    G(GIT),
    G(),
    [
      { ...governed(gitStatus), target: `hmac-sha256:${"0a".repeat(32)}` },
      { ...governed(gitStatus), target: "/usr/bin/\\u202egit" },
      { ...governed(gitStatus), target: `/${"a".repeat(255)}` },
      { ...governed(gitStatus), target: "" },
    ],
    1,
    /4 decisions: 0 stay, 0 change, 4 unknown/,
  ],
  [
    "a line feed in a target steers nothing",
    G(GIT),
    G(),
    [{ ...governed(gitStatus), target: "/x\u001b[2J\n0 decisions" }],
    0,
    /1 stay/,
  ],
];
for (const [name, before, after_, events, exit, says] of rows) {
  test(`policy diff --audit: ${name} -> ${exit}`, async () => {
    const said = await diff(directory(before), directory(after_), "--audit", log(...events));
    assert.match(said.stdout, says);
    assert.deepEqual([said.exit, said.stderr], [exit, ""]);
    assert.doesNotMatch(said.stdout, /\u001b/);
  });
}

test("policy diff --audit --json", async () => {
  const said = await diff(directory(G(GIT)), directory(G()), "--audit", log(governed(gitStatus)), "--json");
  assert.deepEqual(JSON.parse(said.stdout), {
    from: "audit",
    decisions: 1,
    stays: 0,
    changes: 1,
    unknown: 0,
    damaged: 0,
    unlisted: 0,
    rows: [
      {
        action: "exec",
        target: "/usr/bin/git",
        first: "2026-11-20T03:00:01.000Z seq 1",
        before: { effect: "allow", rule: "git" },
        after: { effect: "deny", reason: "governance_denied" },
        count: 1,
      },
    ],
  });
});

test("policy diff without a log: the cases beside both", async () => {
  const egressCases = `cases:
  - { name: hub, request: "CONNECT api.github.com:443", resolve: [140.82.112.3], expect: allow }
  - { name: a page, request: "GET http://a.docs.example:80/repos/x", expect: allow }
`;
  const governanceCases = `cases:
  - { name: status, action: { kind: exec, program: /usr/bin/git, argv: [status] }, expect: allow }
  - { name: guests, action: { kind: exec, program: /usr/bin/git, argv: [status] }, labels: { team: staff }, expect: allow }
`;
  const before = directory({ ...E, "e.cases.yaml": egressCases, ...G(GIT), "g.cases.yaml": governanceCases });
  const after_ = directory({ "e.yaml": EGRESS_POLICY.replace("/repos/**", "/repos/a/**"), ...G(GIT, ONLY_TEAM) });
  const said = await diff(before, after_);
  assert.deepEqual(said.lines, [
    "CHANGES       1  http.GET a.docs.example:80/repos/x: allow (rule docs) -> deny (path_not_allowed, rule docs); first a page",
    // A label that is not known refuses where a rule asks for it, and one that is known is judged.
    "CHANGES       1  exec /usr/bin/git: allow (rule git) -> deny (governance_denied, rule team); first status",
    "4 decisions: 2 stay, 2 change, 0 unknown",
  ]);
  assert.deepEqual([said.exit, said.stderr], [1, ""]);
  assert.equal((await diff(before, before)).exit, 0);
  assert.equal((await diff(`${before}/g.yaml`, `${before}/g.yaml`)).exit, 0);
});

test("policy diff: what cannot be read or compared -> 2", async () => {
  const one = directory(E);
  const bad = directory({ "e.yaml": "kind: EgressPolicy\n" });
  const cases = directory({ ...E, "e.cases.yaml": "case: []\n" });
  const two = directory({ "a.yaml": EGRESS_POLICY, "b.yaml": EGRESS_POLICY });
  const none = directory({ "s.yaml": "kind: SignerPolicy\n" });
  const unusable: readonly (readonly [argv: readonly string[], says: RegExp])[] = [
    [[], /two paths are needed/],
    [[one], /two paths are needed/],
    [[one, one, one], /two paths are needed/],
    [[one, one, "--wrong"], /--wrong/],
    [[one, "nowhere"], /nowhere:0:0: unreadable/],
    [[one, bad], /e\.yaml:\d+:\d+: missing_key/],
    [[two, one], /several_policies/],
    [[none, one], /no_policy/],
    [[one, cases], /e\.cases\.yaml:1:1: unknown_key/],
    [[one, one], /nothing was compared: no case beside/],
    [[one, one, "--audit", log()], /nothing was compared: no decision/],
    [[one, one, "--audit", "nowhere"], /no such file/],
    [[directory(G()), directory(G()), "--audit", log(call("gpt-5", { kind: "budget" }))], /nothing was compared/],
  ];
  for (const [argv, says] of unusable) {
    const said = await diff(...argv);
    assert.match(said.stderr, says, argv.join(" "));
    assert.equal(said.exit, 2, argv.join(" "));
  }
});

test("policy diff: a log that is damaged proves nothing", async () => {
  const audit = log(connect("api.github.com:443"));
  const written = new WrittenLog(join(root, audit), "b");
  appendFileSync(written.file, '{"not":"a record"}\n{"half');
  const said = await diff(directory(E), directory(E), "--audit", audit);
  assert.match(said.stdout, /^2 lines are no records/m);
  assert.equal(said.exit, 1);
});
test("policy diff knows the sample policy of every kind", async () => {
  const all = directory({ ...E, ...I, "g.yaml": GOVERNANCE_POLICY });
  const events = [
    connect("planner.example:443"),
    call("gpt-5"),
    governed(gitStatus),
    governed({ kind: "mesh.send", peer: "planner" }),
  ];
  assert.equal((await diff(all, all, "--audit", log(...events))).exit, 0);
});
