import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { policyExplain } from "../../../cli/policy-explain.ts";
import { policyTest } from "../../../cli/policy-test.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { EGRESS_POLICY } from "../policies/documents.ts";
import { GOVERNANCE_POLICY } from "../policies/governance-policy-document.ts";
import { INFERENCE_POLICY } from "../policies/inference-policy-document.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-policy-governance-"));
after(() => rmSync(root, { recursive: true }));

function directory(name: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(root, name), { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(root, name, file), content);
}

// A Tuesday, 10:00 UTC.
async function say(verb: typeof policyExplain, ...argv: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: root,
    now: () => epochMillis(Date.UTC(2026, 11, 1, 10)),
  };
  const exit = await verb(argv, io);
  return { exit, stdout, stderr };
}

directory("alone", { "governance.yaml": GOVERNANCE_POLICY });
directory("all", {
  "governance.yaml": GOVERNANCE_POLICY.replace("delegate: [inference]", "delegate: [inference, egress]").replace(
    "    - id: docs\n",
    "    - { id: no-raw, effect: deny, actions: [egress], when: { host: { names: [raw.githubusercontent.com] } } }\n    - id: docs\n",
  ),
  "egress.yaml": EGRESS_POLICY.replace(
    "  deny:\n",
    "    - { id: peers, hosts: [planner.example, critic.example], ports: [443] }\n  deny:\n",
  ),
  "models.yaml": INFERENCE_POLICY,
});
directory("no-models", {
  "governance.yaml": GOVERNANCE_POLICY.replace("delegate: [inference]", "delegate: []"),
  "models.yaml": INFERENCE_POLICY,
});
directory("twice", { "a.yaml": GOVERNANCE_POLICY, "b.yaml": GOVERNANCE_POLICY, "e.yaml": EGRESS_POLICY });
directory("bad", { "a.yaml": GOVERNANCE_POLICY.replace("effect: deny", "effect: denied"), "e.yaml": EGRESS_POLICY });
directory("expired", { "a.yaml": GOVERNANCE_POLICY.replace("2027-02-20", "2026-11-25") });
directory("observing", {
  "a.yaml": GOVERNANCE_POLICY.replace("mode: enforce", 'mode: observe\n  observeUntil: "2026-12-03T00:00:00Z"'),
});
directory("egress-only", { "egress.yaml": EGRESS_POLICY });

const BUILD = ["--label", "example.com/team=build", "--directory", "/workspace/app"];
const explained: readonly (readonly [argv: readonly string[], exit: number, says: RegExp])[] = [
  [["alone", ...BUILD, "exec", "/usr/bin/git", "status"], 0, /^exec \/usr\/bin\/git\nALLOWED, rule builds\n/],
  [["alone", ...BUILD, "exec", "/usr/bin/git"], 0, /^ALLOWED, rule builds$/m],
  [["alone/governance.yaml", ...BUILD, "exec", "/usr/bin/git", "status"], 0, /^ALLOWED, rule builds$/m],
  // What follows the program is its own, also what looks like an option of ours.
  [["alone", ...BUILD, "exec", "/usr/bin/git", "--json", "--policy", "x"], 0, /^ALLOWED, rule builds$/m],
  [
    ["alone", ...BUILD, "exec", "/usr/bin/git", "A B"],
    1,
    /^DENIED: governance_denied\n {2}No rule allows it; an approval could\.$/m,
  ],
  [
    ["alone", "--label", "example.com/team=build", "exec", "/usr/bin/git", "status"],
    1,
    /asks for directory, which is not known/,
  ],
  [
    ["alone", "--directory", "/workspace/a", "exec", "/usr/bin/git", "status"],
    1,
    /asks for the label example\.com\/team, which is not known/,
  ],
  [["alone", ...BUILD, "exec", "/usr/bin/../bin/git", "status"], 1, /asks for program, which is not known/],
  [
    ["alone", "tool", "github/list_issues", "{}"],
    0,
    /^ALLOWED, rule github$[^]*limit {2}github: 30 in 60 s, 2 at once, each tool apart\n {2}redact {2}\/body\n {2}result {2}65536 octets at most\n {2}log/m,
  ],
  [["alone", "tool", "github/create_issue", '{"title":"x"}'], 1, /^NEEDS APPROVAL, rule ask-for-writes$/m],
  [
    ["alone", "tool", "files/read", '{"path":"/a/key.pem"}'],
    1,
    /^DENIED: governance_denied, rule no-secrets\n {2}Keys are nobody's to read\.$/m,
  ],
  [
    ["alone", "tool", "files/read"],
    1,
    /no-secrets .*asks for the argument "\/path", which is not known, and what is not known is refused/,
  ],
  [["alone", "tool", "github/a/b", "pending"], 0, /^tool github\/a\/b\nALLOWED, rule github$/m],
  [["alone", "mesh.send", "planner", "plan.a", "--score", "planner=400"], 0, /^ALLOWED, rule planner$/m],
  [["alone", "mesh.send", "planner", "plan.a", "--score", "planner=399"], 1, /score is 399/],
  [["alone", "mesh.send", "planner", "plan.a"], 1, /asks for tier, which is not known/],
  // The edge leads from the critic to us, and not back.
  [
    ["alone", "mesh.send", "critic", "plan.a", "--score", "critic=900"],
    1,
    /^DENIED: governance_denied\n {2}The graph of peers does not lead there/m,
  ],
  [["alone", "spawn", "worker"], 1, /asks for image, which is not known/],
  [
    ["alone", '{"kind":"spawn","agent":"worker","image":"registry.example/w","depth":2}'],
    0,
    /^ALLOWED, rule workers$/m,
  ],
  [["alone", "admin", "status", "self"], 0, /^ALLOWED, rule status$/m],
  [["alone", "admin", "status"], 1, /asks for target, which is not known/],
  [
    ["alone", "inference", "anything"],
    0,
    /^ALLOWED\n {2}No rule matches: this kind is delegated, and its own policy alone decides\.$/m,
  ],
  [["observing", "spawn", "anything"], 0, /^ALLOWED\n {2}The policy only observes: enforced, this would be deny\.$/m],
  [["expired", "admin", "status", "self"], 1, /^DENIED: policy_expired\n {2}The governance policy has expired\.$/m],
  // Beside the words of the other policies.
  [
    ["all", "CONNECT", "api.github.com:443"],
    0,
    /^ALLOWED, rule github, as tls$[^]*\n\ngovernance: egress api\.github\.com:443\nALLOWED\n/m,
  ],
  [["all", "egress", "tls://api.github.com:443"], 0, /^CONNECT api\.github\.com:443\nALLOWED, rule github, as tls$/m],
  [
    ["all", "CONNECT", "raw.githubusercontent.com:443"],
    1,
    /^DENIED: governance_denied, rule no-raw$[^]*governance: egress raw[^]*DENIED: governance_denied, rule no-raw/m,
  ],
  [
    ["all", "GET", "http://a.docs.example:80/repos/x"],
    0,
    /^ALLOWED, rule docs, as http$[^]*governance: egress a\.docs\.example:80/m,
  ],
  [["all", "egress", "GET", "http://a.docs.example:80/repos/x"], 0, /^ALLOWED, rule docs, as http$/m],
  // Each request inside is judged by itself.
  [["all", "CONNECT", "a.docs.example:80"], 0, /^(?![^]*governance:)[^]*ALLOWED, rule docs, as http$/m],
  // What the egress policy refuses stays refused, whatever the other allows.
  [["all", "CONNECT", "gist.github.com:443"], 1, /^DENIED: denied_by_rule, rule no-gists$[^]*governance: egress gist/m],
  // What leads to a peer is a message to it.
  [
    ["all", "CONNECT", "planner.example:443", "--score", "planner=500"],
    1,
    /governance: egress planner[^]*ALLOWED[^]*governance: mesh\.send planner\nDENIED/,
  ],
  [
    ["all", "CONNECT", "critic.example:443"],
    1,
    /governance: mesh\.send critic\nDENIED: governance_denied\n {2}The graph of peers/,
  ],
  [
    ["all", "MODEL", "gpt-5"],
    0,
    /^ALLOWED, as gpt-5, line 33$[^]*governance: inference gpt-5 at openai\nALLOWED[^]*at azure-eu\nALLOWED/m,
  ],
  [["all", "inference", "default"], 0, /^MODEL default\nALLOWED, as gpt-5/],
  [
    ["no-models", "MODEL", "gpt-5"],
    1,
    /^DENIED: governance_denied, by the governance policy: see below\n {2}known as gpt-5[^]*governance: inference gpt-5 at openai\nDENIED/m,
  ],
  [["no-models/models.yaml", "MODEL", "gpt-5"], 0, /^ALLOWED, as gpt-5/m],
];
for (const [[policy = "", ...argv], exit, says] of explained) {
  test(`policy explain --policy ${policy} ${argv.join(" ")} -> ${exit}`, async () => {
    const said = await say(policyExplain, "--policy", policy, ...argv);
    assert.match(said.stdout, says);
    assert.deepEqual([said.exit, said.stderr], [exit, ""]);
  });
}

const unusable: readonly (readonly [argv: readonly string[], says: RegExp])[] = [
  [["alone", "exec"], /The form is: exec PROGRAM/],
  [["alone", "tool"], /The form is: tool SERVER\/NAME/],
  [["alone", "tool", "github"], /The form is: tool SERVER\/NAME/],
  [["alone", "tool", "/x"], /The form is: tool SERVER\/NAME/],
  [["alone", "tool", "github/x", "[1]"], /a JSON object/],
  [["alone", "tool", "github/x", "null"], /a JSON object/],
  [["alone", "tool", "github/x", '{"a":1,"a":2}'], /two members of the same name/],
  [["alone", "tool", "github/x", '{"a":1},"value":{}'], /malformed/],
  [["alone", "tool", "github/x", '{"a":1}, "b": 1'], /malformed/],
  [["alone", "tool", "github/x", `${'{"a":'.repeat(40)}1${"}".repeat(40)}`], /malformed/],
  [["alone", "tool", "github/x", "{}", "more"], /The form is/],
  [["alone", "spawn", "a", "b", "c"], /The form is: spawn/],
  [["alone", "admin", ""], /The form is: admin/],
  [["alone", '{"kind":"shell"}'], /The kind of an action is one of/],
  [["alone", '{"kind":"exec","program":"/x","agent_id":"root"}'], /has only the members/],
  [["alone", '{"kind":"exec"}', "more"], /stands alone/],
  [["alone", "exec2", "/bin/ls"], /not an absolute http URL/],
  [["alone", "--score", "planner=1001", "mesh.send", "planner"], /--score: "planner=1001" is not NAME=VALUE/],
  [["alone", "--label", "team", "exec", "/bin/ls"], /--label: "team" is not NAME=VALUE/],
  [["alone", "--directory", "/x", "admin", "status"], /--directory belongs to exec/],
  [["alone", "--resolve", "8.8.8.8", "admin", "status"], /only what is reached by a name/],
  [["alone", "egress", "tls://a/b"], /A request is/],
  [["alone", "CONNECT", "a.b:1"], /no_policy: .*EgressPolicy/],
  [["egress-only", "exec", "/bin/ls"], /no_policy: .*GovernancePolicy/],
  [["egress-only/egress.yaml", "exec", "/bin/ls"], /wrong_kind/],
  [["twice", "exec", "/bin/ls"], /several_policies/],
  // A tunnel is not explained by halves.
  [["twice", "CONNECT", "api.github.com:443"], /several_policies/],
  [["bad", "CONNECT", "api.github.com:443"], /a\.yaml:\d+:\d+: unknown_value/],
  [["nowhere", "exec", "/bin/ls"], /unreadable/],
];
for (const [[policy = "", ...argv], says] of unusable) {
  test(`policy explain --policy ${policy} ${argv.join(" ").slice(0, 60)} -> 2`, async () => {
    const said = await say(policyExplain, "--policy", policy, ...argv);
    assert.match(said.stderr, says);
    assert.deepEqual([said.exit, said.stdout], [2, ""]);
  });
}

test("policy explain --json ACTION, and beside a tunnel", async () => {
  const action = await say(policyExplain, "--json", "--policy", "alone", "tool", "github/create_issue", "{}");
  assert.partialDeepStrictEqual(JSON.parse(action.stdout), {
    request: "tool github/create_issue {}",
    action: "tool github/create_issue",
    effect: "require_approval",
    reason: "approval_required",
    rule: "ask-for-writes",
    observed: null,
    policy: { name: "coding-agent", version: 5 },
  });
  const tunnel = await say(policyExplain, "--json", "--policy", "all", "CONNECT", "raw.githubusercontent.com:443");
  assert.partialDeepStrictEqual(JSON.parse(tunnel.stdout), {
    effect: "deny",
    reason: "governance_denied",
    rule: "no-raw",
    protocol: null,
    decidedBy: "GovernancePolicy",
    policy: { name: "research-agent" },
    governance: [{ action: "egress raw.githubusercontent.com:443", effect: "deny", rule: "no-raw" }],
  });
  const model = await say(policyExplain, "--json", "--policy", "no-models", "MODEL", "gpt-5");
  const denied = [{ effect: "deny", rule: null }, { effect: "deny" }];
  assert.partialDeepStrictEqual(JSON.parse(model.stdout), {
    effect: "deny",
    reason: "governance_denied",
    governance: denied,
  });
});

test("what an agent wrote steers no terminal", async () => {
  const said = await say(policyExplain, "--policy", "alone", "admin", "sta\u001b[2Jtus\u202e");
  assert.doesNotMatch(said.stdout, /[\u001b\u202e]/);
});

const cases = `cases:
  - { name: a read, action: { kind: tool, server: github, tool: list_issues, arguments: {} }, expect: allow, rule: github }
  - { name: a key, action: { kind: tool, server: files, tool: read, arguments: { path: /x.pem } }, expect: deny, reason: governance_denied, rule: no-secrets }
  - { name: a write, action: { kind: tool, server: github, tool: create_issue }, expect: require_approval }
`;

test("policy test runs the cases of a GovernancePolicy: all hold -> 0, one does not -> 1, unreadable -> 2", async () => {
  directory("cases", { "g.yaml": GOVERNANCE_POLICY, "g.cases.yaml": cases });
  const good = await say(policyTest, "cases");
  assert.deepEqual([good.exit, good.stderr], [0, ""]);
  assert.match(good.stdout, /\n3 passed, 0 failed\n$/);

  const wrong = cases.replace("rule: github }", "rule: builds }");
  directory("wrong", { "g.yaml": GOVERNANCE_POLICY, "g.cases.yaml": wrong });
  const failed = await say(policyTest, "wrong", "--json");
  assert.equal(failed.exit, 1);
  assert.partialDeepStrictEqual(JSON.parse(failed.stdout), {
    exit: 1,
    files: [
      {
        cases: [
          {
            passed: false,
            expected: { effect: "allow", reason: null, rule: "builds" },
            got: { effect: "allow", reason: null, rule: "github" },
          },
          { passed: true },
          { passed: true },
        ],
      },
    ],
  });

  // Cases of the other kind are no cases of this one.
  directory("mixed", {
    "g.yaml": GOVERNANCE_POLICY,
    "g.cases.yaml": "cases: [{ name: a, request: 'CONNECT a.b:1', expect: deny }]\n",
  });
  const mixed = await say(policyTest, "mixed");
  assert.equal(mixed.exit, 2);
  assert.match(mixed.stderr, /g\.cases\.yaml:1:\d+: unknown_key/);
});
