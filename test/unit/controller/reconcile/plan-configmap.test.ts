import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { canonicalDocument } from "../../../../controller/policies/canonical-document.ts";
import { judgePolicy, type PolicyVerdict } from "../../../../controller/reconcile/judge-policy.ts";
import { planConfigMap } from "../../../../controller/reconcile/plan-configmap.ts";
import { podsStatus, policyStatus } from "../../../../controller/reconcile/policy-status.ts";
import { type PolicyResource, policyResource } from "../../../../controller/reconcile/policy-resource.ts";
import { signatureFile } from "../../../../controller/reconcile/policy-signatures.ts";
import { readPodReport } from "../../../../controller/reconcile/pod-report.ts";
import { verdictMemory } from "../../../../controller/reconcile/verdict-memory.ts";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { type Keyring, loadKeyring } from "../../../../router/edge/trust/keyring.ts";
import { testSigner, writeTrust } from "../../../fakes/signing.ts";

const directory = mkdtempSync(join(tmpdir(), "sluice-plan-"));
after(() => rmSync(directory, { recursive: true }));
const signer = testSigner();
writeTrust(directory, signer);
const loaded = await loadKeyring(directory);
assert.ok(loaded.ok);
const keyring: Keyring = loaded.value;

const judge = (one: PolicyResource): PolicyVerdict => judgePolicy(one, keyring);

const spec = (version: number, more: object = {}): object => ({
  version,
  issuedAt: "2026-11-20T00:00:00Z",
  expiresAt: "2026-12-20T00:00:00Z",
  audience: { namespaces: ["*"], agents: ["*"] },
  mode: "enforce",
  allow: [{ id: "api", hosts: ["api.example.com"], ports: [443] }],
  ...more,
});

function textOf(name: string, given: object): string {
  const text = canonicalDocument({
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressPolicy",
    name,
    spec: given as never,
  });
  return text ?? assert.fail("no canonical form");
}

const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

interface Given {
  readonly name?: string;
  readonly spec?: unknown;
  readonly created?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly status?: object;
}

function resource({
  name = "main",
  spec: body = spec(3),
  created = "2026-11-20T00:00:00Z",
  annotations,
  status,
}: Given = {}): PolicyResource {
  const text =
    canonicalDocument({ apiVersion: "sluice.dev/v1alpha1", kind: "EgressPolicy", name, spec: body as never }) ?? "";
  return policyResource("EgressPolicy", {
    apiVersion: "sluice.dev/v1alpha1",
    metadata: {
      name,
      namespace: "research",
      uid: name,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: created,
      annotations: annotations ?? { "sluice.dev/signatures": signer.bundleFor(text) },
    },
    spec: body,
    ...(status === undefined ? {} : { status }),
  });
}

const signed = (more: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  "sluice.dev/signatures": signer.bundleFor(textOf("main", spec(3))),
  ...more,
});

const VERDICTS = [
  ["accepted", resource(), "True Valid", "True Verified", true],
  ["an unknown key", resource({ spec: spec(3, { extra: 1 }) }), "False Invalid", "", false],
  ["no spec", { ...resource(), spec: undefined }, "False NotCanonical", "", false],
  ["a lone surrogate", resource({ spec: { a: "\ud800" }, annotations: {} }), "False NotCanonical", "", false],
  ["unsigned", resource({ annotations: {} }), "False Unsigned", "False NotVerified", false],
  [
    "another's signature",
    resource({ annotations: { "sluice.dev/signatures": testSigner().bundleFor(textOf("main", spec(3))) } }),
    "True Valid",
    "False NotVerified",
    false,
  ],
  [
    "a signature of another version",
    resource({ spec: spec(4), annotations: signed({}) }),
    "True Valid",
    "False NotVerified",
    false,
  ],
  [
    "no signature at all in its form",
    resource({ annotations: { "sluice.dev/signatures": "cosign" } }),
    "False BadSignatures",
    "",
    false,
  ],
  ["a lower version", resource({ status: { version: 4 } }), "False Rollback", "", false],
  [
    "the same version and content",
    resource({ status: { version: 3, digest: digestOf(textOf("main", spec(3))) } }),
    "True Valid",
    "True Verified",
    true,
  ],
  [
    "the same version, other content",
    resource({ status: { version: 3, digest: digestOf("x") } }),
    "False SameVersion",
    "",
    false,
  ],
  [
    "into the trust",
    resource({ annotations: signed({ "sluice.dev/policy": "sluice-trust" }) }),
    "False BadTarget",
    "",
    false,
  ],
  [
    "into the router's settings",
    resource({ annotations: signed({ "sluice.dev/policy": "sluice-router" }) }),
    "False BadTarget",
    "",
    false,
  ],
  [
    "into the cluster's CA",
    resource({ annotations: signed({ "sluice.dev/policy": "kube-root-ca.crt" }) }),
    "False BadTarget",
    "",
    false,
  ],
  [
    "out of the namespace",
    resource({ annotations: signed({ "sluice.dev/policy": "../other/x" }) }),
    "False BadTarget",
    "",
    false,
  ],
  [
    "into one of its own",
    resource({ annotations: signed({ "sluice.dev/policy": "team-a" }) }),
    "True Valid",
    "True Verified",
    true,
  ],
  ["a name that no key can hold", resource({ name: "x".repeat(240), annotations: {} }), "False NameTooLong", "", false],
] as const;

for (const [name, given, accepted, verified, isRendered] of VERDICTS) {
  test(`INV-RECONCILE-POLICY: judged: ${name}`, () => {
    const verdict = judgePolicy(given, keyring);
    assert.equal(`${verdict.accepted.status} ${verdict.accepted.reason}`, accepted, verdict.accepted.message);
    assert.equal(
      verdict.verified === undefined ? "" : `${verdict.verified.status} ${verdict.verified.reason}`,
      verified,
    );
    assert.equal(verdict.rendered !== undefined, isRendered);
    assert.ok(verdict.accepted.message.length > 0 && verdict.accepted.message.length < 4_096);
  });
}

test("without trust nothing new is rendered", () => {
  const { accepted, verified, rendered } = judgePolicy(resource(), undefined);
  assert.deepEqual([accepted.status, verified?.reason, rendered], ["True", "NoTrust", undefined]);
});

test("what is rendered is the canonical document with its bundles", () => {
  const { data, outcomes } = planConfigMap([resource()], { "notes.txt": "x" }, judge);
  const text = textOf("main", spec(3));
  assert.deepEqual(Object.keys(data), ["egresspolicy-main.yaml", "egresspolicy-main.yaml.sigstore.json"]);
  assert.equal(data["egresspolicy-main.yaml"], text);
  assert.equal(outcomes[0]?.verdict.rendered?.digest, digestOf(text));
  assert.equal(outcomes[0]?.rendered.status, "True");
});

test("of what is refused the last stands; of what was never rendered nothing does", () => {
  const standing = {
    "egresspolicy-main.yaml": "old\n",
    "egresspolicy-main.yaml.sigstore.json": "old bundle\n",
    "egresspolicy-gone.yaml": "x",
  };
  const refused = resource({ annotations: {} });
  const { data, outcomes } = planConfigMap([refused], standing, judge);
  assert.deepEqual(data, { "egresspolicy-main.yaml": "old\n", "egresspolicy-main.yaml.sigstore.json": "old bundle\n" });
  assert.equal(outcomes[0]?.rendered.reason, "LastStands");
  assert.deepEqual(planConfigMap([refused], {}, judge).data, {});
});

test("of two of one kind the older is rendered, and both say so", () => {
  const younger = resource({ name: "aaa", created: "2026-11-20T00:00:01Z" });
  const { data, outcomes } = planConfigMap([younger, resource()], {}, judge);
  assert.deepEqual(
    Object.keys(data).filter((key) => key.endsWith(".yaml")),
    ["egresspolicy-main.yaml"],
  );
  assert.deepEqual(
    outcomes.map(({ resource: { name }, verdict: { accepted } }) => `${name} ${accepted.status} ${accepted.reason}`),
    ["main True Conflict", "aaa False Conflict"],
  );
});

test("what would not fit is not rendered, and what stood stays", () => {
  const notes = { "notes.txt": "x".repeat(999_500) };
  const { data, outcomes } = planConfigMap([resource()], { ...notes, "egresspolicy-main.yaml": "old\n" }, judge);
  assert.deepEqual(data, { "egresspolicy-main.yaml": "old\n" });
  assert.equal(outcomes[0]?.rendered.reason, "TooLarge");
});

const bundle = JSON.stringify({ mediaType: "x" });
const SIGNATURES = [
  ["none", undefined, undefined],
  ["one", bundle, `${bundle}\n`],
  ["spread over lines", '{\n "mediaType": "x"\n}', `${bundle}\n`],
  ["an array", `[${bundle}, ${bundle}]`, `${bundle}\n${bundle}\n`],
  ["lines", `${bundle}\n\n${bundle}\n`, `${bundle}\n${bundle}\n`],
  ["blank", "  \n", undefined],
  ["nine", Array(9).fill(bundle).join("\n"), "There are more than 8 signatures."],
  ["a number", "1", "A signature is"],
  ["no media type", "{}", "A signature is"],
  ["an array in an array", `[[${bundle}]]`, "A signature is"],
  ["too much", " ".repeat(300_000) + bundle, "The signatures have more than 262144 octets."],
] as const;
for (const [name, given, expected] of SIGNATURES) {
  test(`signatures: ${name}`, () => {
    const found = signatureFile(given);
    if (found.ok) assert.equal(found.value, expected);
    else assert.ok(found.problem.startsWith(expected ?? "?"), found.problem);
  });
}

const DIGEST = digestOf("x");
test("a pod's own word is bounded, and only what has the right form of it counts", () => {
  const problems = Array.from({ length: 50 }, () => ({ code: "c", message: `\u001b[31m${"m".repeat(9_000)}` }));
  const report = readPodReport(
    JSON.stringify({
      policy: { digest: DIGEST, condition: { problems } },
      inference: { policy: { digest: "sha256:short" } },
      governance: { policy: 7, approvals: [{ id: `ok@${"0".repeat(16)}` }, { id: "no" }, { id: "UP@0" }, null, 1] },
      conditions: [{ name: "guard", state: "failed" }],
    }),
  );
  assert.equal(report?.policies.EgressPolicy.digest, DIGEST);
  assert.ok((report?.policies.EgressPolicy.message.length ?? 9_999) <= 512);
  assert.ok(!report?.policies.EgressPolicy.message.includes("\u001b"));
  assert.equal(report?.policies.InferencePolicy.digest, undefined);
  assert.deepEqual([...(report?.approvals ?? [])], ["ok"]);
  assert.equal(report?.guard, "failed");
  for (const text of ["", "1", "[]", "null", "{", '"x"']) assert.equal(readPodReport(text), undefined, text);
  assert.deepEqual(readPodReport("{}")?.policies.EgressPolicy, { digest: undefined, message: "" });
});

test("who is behind is named with why, sixteen at most", () => {
  const facts = (name: string) =>
    ({
      namespace: "n",
      name,
      uid: name,
      agent: "",
      policyName: "p",
      enforcement: "guard",
      address: "",
      isLive: true,
    }) as const;
  const policies = {
    InferencePolicy: { digest: undefined, message: "" },
    GovernancePolicy: { digest: undefined, message: "" },
  };
  const says = (digest: string | undefined, message = "") => ({
    policies: { ...policies, EgressPolicy: { digest, message } },
    approvals: new Set<string>(),
    guard: "ok" as const,
  });
  const echoes = [
    { facts: facts("ok"), report: says(DIGEST) },
    { facts: facts("old"), report: says(digestOf("old"), "rolled_back: no") },
    { facts: facts("silent"), report: "The pod does not answer: ECONNREFUSED" },
    ...Array.from({ length: 20 }, (_, index) => ({ facts: facts(`new-${index}`), report: says(undefined) })),
  ];
  const { total, loaded: count, behind } = podsStatus("EgressPolicy", DIGEST, echoes);
  assert.deepEqual([total, count, behind.length], [23, 1, 16]);
  assert.deepEqual(behind.slice(0, 3), [
    { name: "old", digest: digestOf("old"), message: "rolled_back: no" },
    { name: "silent", message: "The pod does not answer: ECONNREFUSED" },
    { name: "new-0", message: "It has not taken it yet." },
  ]);
});

test("a status that says all that already is not written again, whatever the order of its members", () => {
  const { outcomes } = planConfigMap([resource()], {}, judge);
  const [outcome] = outcomes;
  assert.ok(outcome !== undefined);
  const first = policyStatus(outcome, [], epochMillis(0));
  const turned = Object.fromEntries(Object.entries(first ?? {}).toReversed());
  const again = { ...outcome, resource: { ...outcome.resource, status: turned } };
  assert.equal(policyStatus(again, [], epochMillis(99_000)), undefined);
  const raised = { ...outcome, resource: { ...outcome.resource, generation: 2, status: turned } };
  assert.equal(policyStatus(raised, [], epochMillis(99_000))?.["observedGeneration"], 2);
});

test("a verdict is remembered for as long as nothing changes that it depends on", () => {
  const remembered = verdictMemory();
  const given = resource();
  const first = remembered(given, keyring);
  assert.equal(remembered({ ...given, resourceVersion: "9" }, keyring), first);
  for (const changed of [
    { ...given, generation: 2 },
    { ...given, uid: "another" },
    { ...given, signatures: undefined },
    { ...given, target: "sluice-trust" },
    { ...given, status: { version: 9 } },
  ]) {
    assert.notEqual(remembered(changed, keyring), first);
  }
  assert.equal(remembered({ ...given, generation: 2, signatures: undefined }, keyring).accepted.reason, "Unsigned");
  assert.equal(remembered(given, undefined).verified?.reason, "NoTrust");
});
