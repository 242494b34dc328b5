import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { policyExplain } from "../../../cli/policy-explain.ts";
import { policyTest } from "../../../cli/policy-test.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { INFERENCE_POLICY } from "../policies/inference-policy-document.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-policy-verbs-"));
after(() => rmSync(root, { recursive: true }));

const policy = `apiVersion: sluice.dev/v1alpha1
kind: EgressPolicy
metadata: { name: research-agent }
spec:
  version: 7
  issuedAt: "2026-11-20T00:00:00Z"
  expiresAt: "2027-02-20T00:00:00Z"
  audience: { namespaces: [research], agents: ["*"] }
  allow:
    - id: github
      hosts: [api.github.com, "*.githubusercontent.com"]
      ports: [443]
    - id: warehouse
      addresses: ["10.1.2.3:5432"]
      protocol: tcp
    - { id: web, hosts: [www.example.com], ports: [80], protocol: http, http: { methods: [GET], paths: ["/a/**"] } }
  deny:
    - { id: no-gists, hosts: [gist.github.com] }
`;
const cases = `cases:
  - { name: github is reached, request: "CONNECT api.github.com:443", expect: allow, rule: github }
  - { name: gists are not, request: "CONNECT gist.github.com:443", expect: deny, reason: denied_by_rule }
`;

function directory(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  mkdirSync(join(root, name), { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(root, name, file), content);
  return name;
}

interface Said {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function say(verb: typeof policyExplain, ...argv: readonly string[]): Promise<Said> {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: root,
    now: () => epochMillis(Date.UTC(2026, 11, 1)),
  };
  const exit = await verb(argv, io);
  return { exit, stdout, stderr };
}

directory("one", {
  "egress.yaml": policy,
  "other.yaml": "kind: SignerPolicy\n",
  "egress.cases.yaml": cases,
  ".hidden.yaml": policy,
});

directory("with-models", {
  "egress.yaml": policy.replace("  deny:\n", "    - { id: models, hosts: [api.openai.com], ports: [443] }\n  deny:\n"),
  "inference.yaml": INFERENCE_POLICY,
});

const explained: readonly (readonly [argv: string, exit: number, says: RegExp])[] = [
  ["--policy one CONNECT api.github.com:443", 0, /^ALLOWED, rule github, as tls$/m],
  ["--policy one/egress.yaml CONNECT api.github.com:443", 0, /^ALLOWED, rule github, as tls$/m],
  ["--policy one CONNECT github.com:443", 1, /^DENIED: host_not_allowed$/m],
  ["--policy one CONNECT gist.github.com:443", 1, /^DENIED: denied_by_rule, rule no-gists$/m],
  ["--policy one CONNECT gist.github.com:443", 1, /^ {2}deny {3}no-gists {2}line 18 {4}It matches\.$/m],
  ["--policy one GET http://www.example.com/a/b", 0, /^ALLOWED, rule web, as http$/m],
  ["--policy one GET http://www.example.com/b", 1, /^DENIED: path_not_allowed, rule web$/m],
  ["--policy one CONNECT 10.1.2.3:5432", 0, /^ {2}dialled {2}10\.1\.2\.3 {2}private-use \(RFC 1918\)$/m],
  [
    "--policy one CONNECT api.github.com:443 --resolve 8.8.8.8,127.0.0.1",
    0,
    /dialled {2}8\.8\.8\.8 {2}global[^]*refused {2}127\.0\.0\.1 {2}loopback/,
  ],
  [
    "--policy one CONNECT api.github.com:443 --resolve 127.0.0.1 --resolve ::1",
    1,
    /^DENIED: address_not_allowed, rule github$/m,
  ],
  // Models, and the hosts of their providers.
  ["--policy with-models CONNECT api.openai.com:443", 1, /^DENIED: inference_only$/m],
  ["--policy with-models CONNECT api.github.com:443", 0, /^ALLOWED, rule github, as tls$/m],
  ["--policy with-models/egress.yaml CONNECT api.openai.com:443", 0, /^ALLOWED, rule models, as tls$/m],
  ["--policy with-models MODEL default", 0, /^MODEL default\nALLOWED, as gpt-5, line 33\n/],
  [
    "--policy with-models/inference.yaml MODEL gpt-5",
    0,
    /\n\n {2}budgets\n {4}pod-day {2}line 45 {4}2000000 tokens a UTC day, of the pod\n/,
  ],
  [
    "--policy with-models MODEL gpt5",
    1,
    /^DENIED: model_not_allowed\n {2}No model has the name or alias "gpt5"; did you mean "gpt-5"\.$/m,
  ],
];
for (const [argv, exit, says] of explained) {
  test(`policy explain ${argv} -> ${exit}`, async () => {
    const said = await say(policyExplain, ...argv.split(" "));
    assert.match(said.stdout, says);
    assert.equal(said.exit, exit);
    assert.equal(said.stderr, "");
  });
}

const unusable: readonly (readonly [argv: string, says: RegExp])[] = [
  ["", /--policy names/],
  ["--policy one", /A request is/],
  ["--policy one CONNECT", /A request is/],
  ["--policy one CONNECT api.github.com", /usage:/],
  ["--policy one CONNECT a:443 b:443", /A request is/],
  ["--policy one --wrong CONNECT a.b:1", /--wrong/],
  ["--policy one CONNECT api.github.com:443 --resolve localhost", /no address/],
  ["--policy one CONNECT api.github.com:443 --resolve", /resolve/],
  ["--policy one CONNECT 10.1.2.3:5432 --resolve 10.1.2.3", /not resolved/],
  ["--policy nowhere CONNECT a.b:1", /unreadable/],
  ["--policy none CONNECT a.b:1", /none:0:0: unreadable: .*no \*\.yaml/],
  ["--policy signers CONNECT a.b:1", /no_policy/],
  ["--policy two CONNECT a.b:1", /several_policies/],
  ["--policy bad CONNECT a.b:1", /bad.yaml:\d+:\d+: missing_key/],
  ["--policy latin CONNECT a.b:1", /latin.yaml:0:0: not_utf8/],
  ["--policy one MODEL", /MODEL is followed by the name of one model/],
  ["--policy one MODEL gpt 5", /MODEL is followed by the name of one model/],
  ["--policy one MODEL a --resolve 8.8.8.8", /not resolved/],
  ["--policy one MODEL a", /one:0:0: no_policy: .*InferencePolicy/],
  ["--policy bad-models MODEL a", /m\.yaml:\d+:\d+: missing_key/],
  // A tunnel is not explained by halves.
  ["--policy bad-models CONNECT a.b:1", /m\.yaml:\d+:\d+: missing_key/],
  ["--policy two-models CONNECT a.b:1", /several_policies/],
];
directory("bad-models", { "egress.yaml": policy, "m.yaml": "kind: InferencePolicy\n" });
directory("two-models", { "egress.yaml": policy, "m.yaml": INFERENCE_POLICY, "n.yaml": INFERENCE_POLICY });
directory("signers", { "s.yaml": "kind: SignerPolicy\n" });
directory("none", { "x.txt": policy });
directory("two", { "a.yaml": policy, "b.yaml": policy });
directory("bad", { "bad.yaml": "kind: EgressPolicy\n" });
directory("latin", { "latin.yaml": Uint8Array.of(0x6b, 0xff) });
for (const [argv, says] of unusable) {
  test(`policy explain ${argv} -> 2`, async () => {
    const said = await say(policyExplain, ...argv.split(" ").filter((word) => word !== ""));
    assert.match(said.stderr, says);
    assert.equal(said.exit, 2);
    assert.equal(said.stdout, "");
  });
}

test("policy explain --json MODEL", async () => {
  const said = await say(policyExplain, "--json", "--policy", "with-models", "MODEL", "default");
  assert.partialDeepStrictEqual(JSON.parse(said.stdout), {
    request: "MODEL default",
    effect: "allow",
    model: "gpt-5",
    targets: [{ id: "openai" }, { id: "azure-eu" }],
    policy: { file: "with-models/inference.yaml", name: "research-models", version: 3 },
  });
});

test("policy explain --json", async () => {
  const said = await say(policyExplain, "--json", "--policy", "one", "CONNECT", "gist.github.com:443");
  const answer: unknown = JSON.parse(said.stdout);
  assert.partialDeepStrictEqual(answer, {
    request: "CONNECT gist.github.com:443",
    effect: "deny",
    reason: "denied_by_rule",
    rule: "no-gists",
    protocol: null,
    addresses: null,
    rules: [{ rule: "no-gists", effect: "deny", line: 18, matches: true, why: "It matches." }],
    others: 3,
    policy: { name: "research-agent", version: 7 },
  });
});

test("policy test: every case holds -> 0; one does not -> 1, with what came instead", async () => {
  const good = await say(policyTest, "one");
  assert.deepEqual([good.exit, good.stderr], [0, ""]);
  assert.equal(
    good.stdout,
    "one/egress.cases.yaml\n  ok      github is reached\n  ok      gists are not\n2 passed, 0 failed\n",
  );

  directory("failing", { "p.yaml": policy, "p.cases.yaml": cases.replace("denied_by_rule", "port_not_allowed") });
  const failing = await say(policyTest, "one", "failing/p.yaml", "--json");
  assert.equal(failing.exit, 1);
  assert.partialDeepStrictEqual(JSON.parse(failing.stdout), {
    exit: 1,
    files: [
      { file: "one/egress.cases.yaml" },
      {
        file: "failing/p.cases.yaml",
        cases: [
          { passed: true },
          {
            name: "gists are not",
            line: 3,
            passed: false,
            expected: { effect: "deny", reason: "port_not_allowed", rule: null },
            got: { effect: "deny", reason: "denied_by_rule", rule: "no-gists" },
          },
        ],
      },
    ],
  });
  const text = await say(policyTest, "failing/p.cases.yaml");
  assert.match(text.stdout, /line 3: expected deny port_not_allowed, got deny denied_by_rule by no-gists/);
});

test("policy test: below a directory, without the kubelet's links", async () => {
  directory("tree/a", { "p.yaml": policy, "p.cases.yaml": cases });
  directory("tree/..2026", { "p.yaml": policy, "p.cases.yaml": "broken: [" });
  const said = await say(policyTest, "tree", "tree/a");
  assert.deepEqual([said.exit, said.stdout.match(/ ok /g)?.length], [0, 2]);
});

const broken: readonly (readonly [what: string, argv: readonly string[], says: RegExp])[] = [
  ["nothing named", [], /name a \*\.cases\.yaml/],
  ["a directory without cases", ["none"], /name a \*\.cases\.yaml/],
  ["a file that is not there", ["nowhere.yaml"], /nowhere\.cases\.yaml:0:0: missing/],
  ["cases without their policy", ["orphan"], /orphan\/p\.yaml:0:0: missing/],
  ["cases and policy that are both wrong", ["wrong"], /p\.cases\.yaml:1:1: unknown_key[^]*p\.yaml:/],
  ["an option that is none", ["--wrong"], /--wrong/],
];
directory("orphan", { "p.cases.yaml": cases });
directory("wrong", {
  "p.cases.yaml": "case: 1\ncases:\n  - { name: a, request: 'CONNECT a.b:1', expect: deny }\n",
  "p.yaml": "kind: X\n",
});
for (const [what, argv, says] of broken) {
  test(`policy test: ${what} -> 2`, async () => {
    const said = await say(policyTest, ...argv);
    assert.match(said.stderr, says);
    assert.equal(said.exit, 2);
  });
}
