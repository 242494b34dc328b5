import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLogHead, namedKey } from "../../../../router/core/attest/check-log-head.ts";
import { configurationForm } from "../../../../router/core/attest/configuration-form.ts";
import { readRunStatement } from "../../../../router/core/attest/read-run-statement.ts";
import { imageFact, type RunFacts } from "../../../../router/core/attest/run-facts.ts";
import { runStatement } from "../../../../router/core/attest/run-statement.ts";
import type { AuditValue } from "../../../../router/core/audit/audit-event.ts";
import { canonicalJson } from "../../../../router/core/audit/canonical-json.ts";
import { parseCheckpoint } from "../../../../router/core/tlog/checkpoint.ts";
import { formatVerifierKey } from "../../../../router/core/tlog/verifier-key.ts";
import { cosignerFromPrivateKey, sha256, verifySignature } from "../../../../router/edge/audit/ed25519.ts";
import { dssePreAuthEncoding } from "../../../../router/core/attest/envelope.ts";
import { ORIGIN, POLICY, rootOf, sha256Hex, statementOf, STREAM, testRouter } from "./attest-fixture.ts";

const router = testRouter();
const facts = router.facts();
const [policy] = facts.policies;
assert.ok(policy !== undefined);
const source = new TextDecoder().decode(statementOf(facts));
const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

function outcome(text: string | Uint8Array): string {
  const read = readRunStatement(typeof text === "string" ? octets(text) : text);
  return read.ok ? "read" : read.problem.code;
}

/** The statement's JSON, bent, in RFC 8785 form again. */
function bent(bend: (statement: ReturnType<typeof JSON.parse>) => unknown): string {
  const statement = JSON.parse(source);
  return canonicalJson((bend(statement) ?? statement) as AuditValue) ?? assert.fail();
}

const rows: readonly [name: string, statement: string | Uint8Array, expected: string][] = [
  ["as it is made", source, "read"],
  ["with white space", JSON.stringify(JSON.parse(source), undefined, 2), "not_canonical"],
  ["with a newline behind", `${source}\n`, "not_canonical"],
  ["a member twice", source.replace('"predicateType":', '"predicateType":"x","predicateType":'), "not_canonical"],
  [
    "a policy's digest twice",
    source.replace('"digest":"sha256:', '"digest":"sha256:0","digest":"sha256:'),
    "not_canonical",
  ],
  ["a byte order mark", `\ufeff${source}`, "statement_malformed"],
  ["not UTF-8", Uint8Array.of(0x22, 0xc0, 0x80, 0x22), "statement_malformed"],
  ["UTF-8 of a surrogate", Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), "statement_malformed"],
  ["nothing", "", "statement_malformed"],
  ["the text of a note", "sluice.dev/audit/a/b/c\n12\nAAAA\n", "statement_malformed"],
  ["a list", "[]", "statement_malformed"],
  ["null", "null", "statement_malformed"],
  ["without a subject", bent((s) => void delete s.subject), "statement_malformed"],
  ["a member more", bent((s) => void (s.extra = 1)), "statement_malformed"],
  ["Statement v0.1", bent((s) => void (s._type = "https://in-toto.io/Statement/v0.1")), "statement_type"],
  ["a type by prototype", '{"__proto__":{},"_type":1,"predicate":{},"predicateType":1}', "statement_malformed"],
  [
    "another predicate",
    bent((s) => void (s.predicateType = "https://sluice.dev/attestation/policy/v1")),
    "predicate_type",
  ],
  ["the predicate's next version", bent((s) => void (s.predicateType += "1")), "predicate_type"],
  ["no predicate", bent((s) => void (s.predicate = {})), "predicate_malformed"],
  ["a fact more", bent((s) => void (s.predicate.extra = null)), "predicate_malformed"],
  ["__proto__ in the predicate", source.replace('"predicate":{', '"predicate":{"__proto__":1,'), "predicate_malformed"],
  ["a fact less", bent((s) => void delete s.predicate.guard.uid), "predicate_malformed"],
  ["a size that is no count", bent((s) => void (s.predicate.audit.size = 1.5)), "predicate_malformed"],
  ["a size as text", bent((s) => void (s.predicate.audit.size = "12")), "predicate_malformed"],
  ["a negative version", bent((s) => void (s.predicate.policies[0].version = -1)), "predicate_malformed"],
  [
    "a digest in capitals",
    bent((s) => void (s.predicate.policies[0].digest = s.predicate.policies[0].digest.toUpperCase())),
    "predicate_malformed",
  ],
  [
    "a digest of SHA-512",
    bent((s) => void (s.predicate.policies[0].digest = `sha512:${"0".repeat(128)}`)),
    "predicate_malformed",
  ],
  [
    "a time without milliseconds",
    bent((s) => void (s.predicate.madeAt = "2026-11-21T02:00:00Z")),
    "predicate_malformed",
  ],
  ["a root in capitals", bent((s) => void (s.predicate.audit.root = "A".repeat(64))), "predicate_malformed"],
  ["a namespace with a slash", bent((s) => void (s.predicate.identity.namespace = "a/b")), "predicate_malformed"],
  [
    "65 policies",
    bent((s) => void (s.predicate.policies = Array.from({ length: 65 }, () => policy))),
    "predicate_malformed",
  ],
  ["a text without end", bent((s) => void (s.predicate.router.version = "x".repeat(1025))), "predicate_malformed"],
  [
    "a subject in capitals",
    bent((s) => void (s.subject[0].digest.sha256 = s.subject[0].digest.sha256.toUpperCase())),
    "subject_mismatch",
  ],
  [
    "a subject by SHA-512 only",
    bent((s) => void (s.subject[0].digest = { sha512: "0".repeat(128) })),
    "subject_mismatch",
  ],
  ["a subject by SHA-512 too", bent((s) => void (s.subject[0].digest.sha512 = "0".repeat(128))), "subject_mismatch"],
  [
    "a subject more",
    bent((s) => void s.subject.push({ name: "x", digest: { sha256: "0".repeat(64) } })),
    "subject_mismatch",
  ],
  ["a subject less", bent((s) => void s.subject.pop()), "subject_mismatch"],
  ["a subject twice", bent((s) => void s.subject.push(s.subject[0])), "subject_mismatch"],
  [
    "another digest under the policy's name",
    bent((s) => void (s.subject[0].digest.sha256 = "0".repeat(64))),
    "subject_mismatch",
  ],
  ["subjects in another order", bent((s) => void (s.subject = s.subject.toReversed())), "subject_mismatch"],
  ["a subject that is no list", bent((s) => void (s.subject = {})), "subject_mismatch"],
  ["another pod's log", bent((s) => void (s.predicate.identity.pod = "agent-8")), "origin_mismatch"],
  ["another stream", bent((s) => void (s.predicate.audit.stream = "0".repeat(32))), "origin_mismatch"],
  [
    "budgets, which a later router may state",
    bent((s) => void (s.predicate.budgets = [{ id: "daily", remaining: 1 }])),
    "read",
  ],
];

for (const [name, statement, expected] of rows) {
  test(`readRunStatement: ${name}`, () => assert.equal(outcome(statement), expected));
}

test("a statement says what it was made of, and is about each policy and the image", () => {
  const read = readRunStatement(octets(source));
  assert.ok(read.ok);
  assert.deepEqual(read.value.predicate, facts);
  assert.deepEqual(read.value.subjects, [
    { name: "EgressPolicy/research-agent", digest: { sha256: sha256Hex(POLICY) } },
    { name: "reg.example/sluice", digest: { sha256: "9".repeat(64) } },
  ]);
});

test("a malformed predicate is refused by its place", () => {
  const read = readRunStatement(octets(bent((s) => void (s.predicate.policies[0].signers = ["a", 1]))));
  assert.equal(
    read.ok ? "" : read.problem.message,
    "The predicate is not as it must be; see predicate.policies[0].signers[1].",
  );
});

const writing: readonly [name: string, changes: Partial<RunFacts>, expected: string][] = [
  ["no image known", { router: { ...facts.router, image: null } }, "made"],
  ["no policy, but an image", { policies: [] }, "made"],
  ["nothing to be about", { policies: [], router: { ...facts.router, image: null } }, "no_subject"],
  ["a name for two kinds", { policies: [policy, { ...policy, kind: "InferencePolicy" }] }, "made"],
  [
    "a name twice in one kind",
    { policies: [policy, { ...policy, digest: `sha256:${"1".repeat(64)}` }] },
    "name_repeated",
  ],
  [
    "an image called like a policy",
    { router: { ...facts.router, image: { name: "EgressPolicy/research-agent", digest: policy.digest } } },
    "name_repeated",
  ],
  ["a signer's name that is no text", { policies: [{ ...policy, signers: ["\ud800"] }] }, "predicate_malformed"],
  ["a name in any script", { policies: [{ ...policy, name: "politique-é-\u{1f600}" }] }, "made"],
  ["an undefined fact", { configuration: undefined as unknown as string }, "predicate_malformed"],
  ["guard not expected", { guard: { expected: false, proved: false, uid: null, families: [] } }, "made"],
];

for (const [name, changes, expected] of writing) {
  test(`runStatement: ${name}`, () => {
    const made = runStatement(router.facts(changes));
    assert.equal(made.ok ? "made" : made.problem.code, expected);
    if (made.ok) assert.equal(outcome(made.value), "read");
  });
}

const audit = facts.audit;
const witness = cosignerFromPrivateKey(ORIGIN, router.privateKey);
const other = testRouter("b2".repeat(32));
const foreignLog = testRouter("a1".repeat(32), ORIGIN.replace("agent-7", "agent-8"));
const note = (text: string): string => {
  const { name, keyId, signature } = router.signer.sign(text);
  return `${text}\n\u2014 ${name} ${Buffer.concat([Buffer.from(keyId, "hex"), signature]).toString("base64")}\n`;
};

const heads: readonly [name: string, audit: RunFacts["audit"], expected: string][] = [
  ["as it is made", audit, "checked"],
  ["no key", { ...audit, key: "x" }, "key_malformed"],
  ["a witness's key", { ...audit, key: formatVerifierKey(witness.key) }, "key_malformed"],
  ["the key by another log's name", { ...audit, key: foreignLog.vkey }, "key_mismatch"],
  ["another router's key", { ...audit, key: other.vkey }, "checkpoint_signature"],
  ["another router's checkpoint", { ...audit, checkpoint: other.checkpoint(12) }, "checkpoint_signature"],
  ["another log's checkpoint", { ...audit, checkpoint: foreignLog.checkpoint(12) }, "checkpoint_signature"],
  ["an older checkpoint", { ...audit, checkpoint: router.checkpoint(11) }, "checkpoint_mismatch"],
  ["another root", { ...audit, root: rootOf(1) }, "checkpoint_mismatch"],
  ["another size", { ...audit, size: 13 }, "checkpoint_mismatch"],
  [
    "a changed checkpoint",
    { ...audit, checkpoint: audit.checkpoint.replace("\n12\n", "\n13\n") },
    "checkpoint_signature",
  ],
  ["no note", { ...audit, checkpoint: "x" }, "checkpoint_malformed"],
  ["a signed note that is no checkpoint", { ...audit, checkpoint: note("hello\n") }, "checkpoint_malformed"],
  [
    "the same head under another origin",
    { ...audit, checkpoint: note(`x\n12\n${Buffer.from(rootOf(12), "hex").toString("base64")}\n`) },
    "checkpoint_mismatch",
  ],
];

for (const [name, changed, expected] of heads) {
  test(`checkLogHead: ${name}`, () => {
    const key = namedKey(changed, sha256);
    const head = key.ok ? checkLogHead(changed, key.value, { sha256, verify: verifySignature }) : key;
    assert.equal(head.ok ? "checked" : head.problem.code, expected);
  });
}

test("what the key signs for an envelope is never a checkpoint, and the reverse", () => {
  const signed = dssePreAuthEncoding("application/vnd.in-toto+json", octets(source));
  assert.equal(parseCheckpoint(new TextDecoder().decode(signed)), undefined);
  assert.equal(parseCheckpoint(`${new TextDecoder().decode(signed)}\n`), undefined);
  assert.equal(signed.includes(0x0a), false);
  assert.equal(audit.checkpoint.startsWith("sluice.dev/audit/"), true);
});

const forms: readonly [name: string, settings: unknown, form: string | undefined][] = [
  ["in order", { b: 1, a: { d: [true, null], c: "x" } }, '{"a":{"c":"x","d":[true,null]},"b":1}'],
  [
    "a map",
    {
      hosts: new Map([
        ["b", ["1"]],
        ["a", ["2"]],
      ]),
    },
    '{"hosts":{"a":["2"],"b":["1"]}}',
  ],
  ["what is undefined is left out", { a: undefined, b: 1 }, '{"b":1}'],
  ["an undefined item has no form", [undefined], undefined],
  ["a map by numbers", new Map([[1, 2]]), undefined],
  ["a function", { a: () => 1 }, undefined],
  ["a bigint", { a: 1n }, undefined],
  ["not a number", { a: Number.NaN }, undefined],
  ["half a surrogate pair", ["\udc00"], undefined],
];

for (const [name, settings, form] of forms) {
  test(`configurationForm: ${name}`, () => assert.equal(configurationForm(settings), form));
}

test("a cycle in settings has no form", () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  assert.equal(configurationForm(cycle), undefined);
});

test("imageFact takes the settings' form", () => {
  const digest = `sha256:${"9".repeat(64)}`;
  assert.deepEqual(imageFact(`reg.example:5000/a/b@${digest}`), { name: "reg.example:5000/a/b", digest });
  assert.equal(imageFact(undefined), null);
  assert.equal(STREAM.length, 32);
});
