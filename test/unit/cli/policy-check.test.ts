import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { type OpenTrust, policyCheck } from "../../../cli/policy-check.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { fail, ok } from "../../../router/core/base/result.ts";
import { EGRESS_POLICY, ROUTER_CONFIG, SIGNER_POLICY } from "../policies/documents.ts";
import { GOVERNANCE_POLICY } from "../policies/governance-policy-document.ts";
import { INFERENCE_POLICY } from "../policies/inference-policy-document.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-policy-check-"));
after(() => rmSync(root, { recursive: true }));

let count = 0;

/** A new directory with these files; its name below the working directory of the verb. */
function directory(files: Readonly<Record<string, string | Uint8Array>>): string {
  count += 1;
  const name = `d${count}`;
  mkdirSync(join(root, name));
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name, file)), { recursive: true });
    writeFileSync(join(root, name, file), content);
  }
  return name;
}

async function check(
  argv: readonly string[],
  { now = Date.UTC(2026, 11, 1), trust }: { now?: number; trust?: OpenTrust } = {},
) {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: root,
    now: () => epochMillis(now),
  };
  const exit = await policyCheck(argv, io, trust);
  return { exit, stdout, stderr, lines: stdout.trimEnd().split("\n") };
}

const UNCHECKED = "Signatures were not checked: --trust DIR names the trust directory.";

test("documents without a problem: exit 0, each with its name", async () => {
  const name = directory({ "egress.yaml": EGRESS_POLICY, "signers.yml": SIGNER_POLICY, "router.yaml": ROUTER_CONFIG });
  const { exit, lines, stderr } = await check([name]);
  assert.deepEqual(lines, [
    `${name}/egress.yaml: EgressPolicy research-agent version 7: good`,
    `${name}/router.yaml: RouterConfig: good`,
    `${name}/signers.yml: SignerPolicy: good`,
    UNCHECKED,
  ]);
  assert.equal(stderr, "");
  assert.equal(exit, 0);
});

test("an approval is checked as the sidecar reads it", async () => {
  const approval = (action: string): string =>
    ["apiVersion: sluice.dev/v1alpha1", "kind: EgressApproval", "metadata: { name: a }", "spec:", action, ""].join(
      "\n",
    );
  const good = `  action: { kind: egress, host: api.example.com, port: 443, protocol: tls }\n  reason: once\n  uses: 1`;
  const name = directory({
    "a.yaml": approval(good),
    "b.yaml": approval(good.replace("api.example.com", "169.254.169.254")),
  });
  const { exit, lines } = await check([name]);
  assert.equal(lines[0], `${name}/a.yaml: EgressApproval: good`);
  assert.match(lines[1] ?? "", /b\.yaml:5:\d+: address_not_approvable/);
  assert.equal(exit, 1);
});

test("every problem of every document: exit 1, in the form of contract.md", async () => {
  const name = directory({
    "a.yaml": EGRESS_POLICY.replace("mode: enforce", "mode: off").replace("[443]", "[0]"),
    "b.yaml": SIGNER_POLICY.replace("threshold: 2", "threshold: 3"),
    "c.yaml": "kind: EgresPolicy\n",
    "d.yaml": "a: *b\n",
    "e.yaml": Uint8Array.from([0xff, 0xfe]),
    "f.yaml": "",
    "g.yaml": "- a",
  });
  const { exit, lines } = await check([name]);
  assert.deepEqual(lines, [
    `${name}/a.yaml:9:9: unknown_value: "off" is none of enforce, learn.`,
    `${name}/a.yaml:13:15: bad_port: "0" is not between 1 and 65535.`,
    `${name}/b.yaml:16:18: threshold_too_high: 3 signatures are needed, and there are 2 signers.`,
    `${name}/c.yaml:0:0: unknown_kind: "EgresPolicy" is none of EgressPolicy, InferencePolicy, GovernancePolicy, EgressApproval, SignerPolicy, RouterConfig; did you mean "EgressPolicy".`,
    `${name}/d.yaml:1:4: alias: Aliases are not supported; if "*b" is meant as a text, put it in quotes.`,
    `${name}/e.yaml:0:0: not_utf8: The file is not UTF-8 text.`,
    `${name}/f.yaml:1:1: empty_document: The document is empty.`,
    `${name}/g.yaml:0:0: unknown_kind: A document says what it is: kind: EgressPolicy, InferencePolicy, GovernancePolicy, EgressApproval, SignerPolicy, RouterConfig.`,
    UNCHECKED,
  ]);
  assert.equal(exit, 1);
});

test("two EgressPolicies in one directory, and ids that both use", async () => {
  const name = directory({
    "one.yaml": EGRESS_POLICY,
    "two.yaml": EGRESS_POLICY.replaceAll(/id: (?!github)/g, "id: other-"),
    "below/three.yaml": EGRESS_POLICY,
  });
  const { exit, lines } = await check([name]);
  assert.deepEqual(lines, [
    `${name}/one.yaml: EgressPolicy research-agent version 7: good`,
    `${name}/two.yaml:0:0: policy_twice: A directory holds one EgressPolicy, and ${name}/one.yaml is another.`,
    `${name}/two.yaml:11:1: duplicate_id: The id "github" is already that of a rule in ${name}/one.yaml.`,
    `${name}/below/three.yaml: EgressPolicy research-agent version 7: good`,
    UNCHECKED,
  ]);
  assert.equal(exit, 1);
  // Files that are named one by one do not belong together.
  assert.equal((await check([`${name}/one.yaml`, `${name}/two.yaml`])).exit, 0);
});

test("an InferencePolicy is a policy: problems, warnings, freshness, and one of it in a directory", async () => {
  const name = directory({
    "egress.yaml": EGRESS_POLICY,
    "models.yaml": INFERENCE_POLICY,
    "models2.yaml": INFERENCE_POLICY.replace("provider: cloud", "provider: clod"),
  });
  const { exit, lines } = await check([name]);
  assert.deepEqual(lines, [
    `${name}/egress.yaml: EgressPolicy research-agent version 7: good`,
    `${name}/models.yaml:41:1: missing_context: The model "anthropic/claude@bedrock" has no context: what a call may take in is bounded by its length alone. (warning)`,
    `${name}/models.yaml:41:1: missing_price: The model "anthropic/claude@bedrock" has no price, and others have: its cost is not known. (warning)`,
    `${name}/models.yaml: InferencePolicy research-models version 3: good`,
    `${name}/models2.yaml:43:29: unknown_provider: No provider has the id "clod"; did you mean "cloud".`,
    `${name}/models2.yaml:0:0: policy_twice: A directory holds one InferencePolicy, and ${name}/models.yaml is another.`,
    UNCHECKED,
  ]);
  assert.equal(exit, 1);
  const expired = await check([`${name}/models.yaml`], { now: Date.UTC(2027, 1, 20) });
  assert.match(expired.lines[0] ?? "", /models\.yaml:0:0: expired: InferencePolicy research-models version 3/);
});

test("a GovernancePolicy is a policy: problems, warnings, freshness, signers, and one of it in a directory", async () => {
  const name = directory({
    "egress.yaml": EGRESS_POLICY,
    "governance.yaml": GOVERNANCE_POLICY,
    "governance2.yaml": GOVERNANCE_POLICY.replace("peer: { in: [planner] }", "peer: { in: [planer] }"),
  });
  const { exit, lines } = await check([name]);
  const unused = 'unused_server: No rule can allow a tool of the MCP server "files". (warning)';
  assert.deepEqual(lines, [
    `${name}/egress.yaml: EgressPolicy research-agent version 7: good`,
    `${name}/governance.yaml:0:0: ${unused}`,
    `${name}/governance.yaml: GovernancePolicy coding-agent version 5: good`,
    `${name}/governance2.yaml:60:28: unknown_peer: No peer has the id "planer"; did you mean "planner".`,
    `${name}/governance2.yaml:0:0: policy_twice: A directory holds one GovernancePolicy, and ${name}/governance.yaml is another.`,
    UNCHECKED,
  ]);
  assert.equal(exit, 1);
  const expired = await check([`${name}/governance.yaml`], { now: Date.UTC(2027, 1, 20) });
  assert.match(expired.lines[0] ?? "", /governance\.yaml:0:0: expired: GovernancePolicy coding-agent version 5/);

  const asked: (string | undefined)[] = [];
  const trust: OpenTrust = async () =>
    ok(async (kind) => {
      asked.push(kind);
      return ok(kind === "GovernancePolicy" ? [] : ["release"]);
    });
  const signed = await check([`${name}/governance.yaml`, `${name}/egress.yaml`, "--trust", "trust"], { trust });
  assert.deepEqual(asked, ["GovernancePolicy", "EgressPolicy"]);
  // Unsigned, its graph connects nobody.
  assert.match(
    signed.stdout,
    /governance\.yaml:0:0: unsigned_graph: .* \(warning\)\n.*coding-agent version 5: good, may be unsigned\n/,
  );
  assert.equal(signed.exit, 0);
});

test("what will not take effect now is a problem, what soon will not a warning", async () => {
  const name = directory({ "egress.yaml": EGRESS_POLICY });
  const at = async (now: number) => {
    const { exit, lines } = await check([name], { now });
    return [exit, /:0:0: (\w+)/.exec(lines[0] ?? "")?.[1]];
  };
  assert.deepEqual(await at(Date.UTC(2026, 10, 19)), [1, "issued_in_future"]);
  assert.deepEqual(await at(Date.UTC(2026, 11, 1)), [0, undefined]);
  assert.deepEqual(await at(Date.UTC(2027, 1, 10)), [0, "ageing"]);
  assert.deepEqual(await at(Date.UTC(2027, 1, 20)), [1, "expired"]);
});

test("rules that never count are warnings", async () => {
  const twin = "    - { id: twin, hosts: [api.github.com], ports: [443] }\n  deny:\n";
  const name = directory({ "egress.yaml": EGRESS_POLICY.replace("  deny:\n", twin) });
  const { exit, lines } = await check([name]);
  assert.match(lines[0] ?? "", /egress\.yaml:29:1: unreachable_rule: .* \(warning\)$/);
  assert.equal(exit, 0);
});

test("as JSON, one object", async () => {
  const name = directory({ "a.yaml": EGRESS_POLICY, "b.yaml": "kind: Other" });
  const { exit, stdout } = await check(["--json", name]);
  assert.deepEqual(JSON.parse(stdout), {
    ok: false,
    signatures_checked: false,
    trust: [],
    documents: [
      { file: `${name}/a.yaml`, kind: "EgressPolicy", name: "research-agent", version: 7, problems: [], warnings: [] },
      {
        file: `${name}/b.yaml`,
        kind: "Other",
        problems: [
          {
            file: `${name}/b.yaml`,
            line: 0,
            column: 0,
            code: "unknown_kind",
            message:
              '"Other" is none of EgressPolicy, InferencePolicy, GovernancePolicy, EgressApproval, SignerPolicy, RouterConfig.',
          },
        ],
        warnings: [],
      },
    ],
  });
  assert.equal(exit, 1);
});

test("signatures are asked for of policies only, and a bad one is a problem", async () => {
  const name = directory({
    "a.yaml": EGRESS_POLICY,
    "b/b.yaml": EGRESS_POLICY,
    "c/c.yaml": EGRESS_POLICY,
    "d/d.yaml": INFERENCE_POLICY.replace(
      "      maxOutput: 8192\n",
      "$&      context: 1\n      price: { input: 0, output: 0 }\n",
    ),
    "signers.yaml": SIGNER_POLICY,
  });
  const asked: string[] = [];
  const trust: OpenTrust = async (trustDirectory) => {
    assert.equal(trustDirectory, join(root, "keys"));
    return ok(async (kind, file) => {
      asked.push(`${kind} ${file}`);
      if (file.endsWith("a.yaml")) return ok(["release"]);
      if (file.endsWith("b.yaml")) return ok([]);
      return fail({ file, line: 0, column: 0, code: "unsigned", message: "It must be signed." });
    });
  };
  const { exit, lines } = await check(["--trust", "keys", name], { trust });
  assert.deepEqual(lines, [
    `${name}/a.yaml: EgressPolicy research-agent version 7: good, signed by release`,
    `${name}/signers.yaml: SignerPolicy: good`,
    `${name}/b/b.yaml: EgressPolicy research-agent version 7: good, may be unsigned`,
    `${name}/c/c.yaml:0:0: unsigned: It must be signed.`,
    `${name}/d/d.yaml:0:0: unsigned: It must be signed.`,
  ]);
  assert.deepEqual(
    asked,
    ["EgressPolicy a.yaml", "EgressPolicy b/b.yaml", "EgressPolicy c/c.yaml", "InferencePolicy d/d.yaml"].map((one) =>
      one.replace(" ", ` ${root}/${name}/`),
    ),
  );
  assert.equal(exit, 1);
});

test("a broken trust directory is a problem, not a reason to check nothing quietly", async () => {
  const name = directory({ "a.yaml": EGRESS_POLICY });
  const { exit, lines } = await check(["--trust", directory({}), name]);
  assert.match(lines[0] ?? "", /signers\.yaml:0:0: file_missing/);
  assert.equal(exit, 1);
});

test("with the real trust directory: a policy may be unsigned where it says so", async () => {
  const name = directory({ "a.yaml": EGRESS_POLICY });
  const signers = `apiVersion: sluice.dev/v1alpha1
kind: SignerPolicy
metadata: { name: development }
spec:
  signers: []
  requirements: [{ kind: EgressPolicy, unsigned: allow }]
`;
  const development = await check(["--trust", directory({ "signers.yaml": signers }), name]);
  assert.deepEqual(development.lines, [`${name}/a.yaml: EgressPolicy research-agent version 7: good, may be unsigned`]);
  assert.equal(development.exit, 0);
});

test("wrong usage and unreadable paths: exit 2", async () => {
  for (const argv of [[], ["--jsn", "."], ["--trust"], ["no-such-path"], [directory({ "README.md": "x" })]]) {
    const { exit, stderr, stdout } = await check(argv);
    assert.equal(exit, 2, argv.join(" "));
    assert.match(stderr, /usage: sluice policy check/);
    assert.equal(stdout, "");
  }
  const name = directory({ "a.yaml": EGRESS_POLICY });
  symlinkSync("nowhere", join(root, name, "b.yaml"));
  assert.equal((await check([name])).exit, 2);
});

test("a ConfigMap mount is followed once, its own directories are not", async () => {
  const name = directory({ "..2026/egress.yaml": EGRESS_POLICY, "egress.cases.yaml": "cases: []" });
  symlinkSync("..2026", join(root, name, "..data"));
  symlinkSync("..data/egress.yaml", join(root, name, "egress.yaml"));
  symlinkSync(".", join(root, name, "loop"));
  const { exit, lines } = await check([name]);
  assert.deepEqual(lines, [`${name}/egress.yaml: EgressPolicy research-agent version 7: good`, UNCHECKED]);
  assert.equal(exit, 0);
});

test("file names cannot steer the terminal", async () => {
  const name = directory({ "\u001B[2J.yaml": "kind: X" });
  const { stdout } = await check([name]);
  assert.equal(stdout.includes("\u001B"), false);
});
