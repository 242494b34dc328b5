import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { attest } from "../../../cli/attest.ts";
import type { CheckLog } from "../../../cli/attest-log.ts";
import { epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { ok } from "../../../router/core/base/result.ts";
import { segmentName } from "../../../router/core/audit/segment-header.ts";
import { appendLeaves, emptyRange, rangeRoot } from "../../../router/core/tlog/compact-range.ts";
import { formatVerifierKey } from "../../../router/core/tlog/verifier-key.ts";
import { publicKeyPem } from "../../../router/edge/audit/dsse-key.ts";
import { cosignerFromPrivateKey } from "../../../router/edge/audit/ed25519.ts";
import { nodeHash } from "../../../router/edge/audit/node-hash.ts";
import { getLocal } from "../../../router/edge/upstream/get-local.ts";
import { bundleOf, ORIGIN, POLICY, rootOf, statementOf, STREAM, testRouter } from "../core/attest/attest-fixture.ts";
import { ChainFixture, leafOf } from "../core/audit/chain-fixture.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-attest-"));
after(() => rmSync(root, { recursive: true }));

const router = testRouter();
const mallory = testRouter("b2".repeat(32));
const pemOf = ({ signer }: typeof router): string => publicKeyPem(signer.key.publicKey);

/** The log: 9 records of the stream in two segments, then another start. */
const chain = new ChainFixture(["a", "wxyz"], ["a", "uv"], ["b", "c"]);
const leaves = chain.files.slice(0, 2).flat().map(leafOf);
const headOf = (size: number): string =>
  rangeRoot(appendLeaves(emptyRange(0), leaves.slice(0, size), nodeHash), nodeHash);
const SIZE = leaves.length;
const audit = {
  ...router.facts().audit,
  size: SIZE,
  root: headOf(SIZE),
  checkpoint: router.checkpoint(SIZE, headOf(SIZE)),
};
const honest = router.bundle({ audit });
const withHead = (size: number, head: string): string =>
  router.bundle({ audit: { ...audit, size, root: head, checkpoint: router.checkpoint(size, head) } });

function put(name: string, content: string): void {
  writeFileSync(join(root, name), content);
}

before(() => {
  put("honest.json", honest);
  put("policy.yaml", POLICY);
  put("other.yaml", `${POLICY}# one more host\n`);
  put("router.pem", pemOf(router));
  put("router.vkey", `${router.vkey}\n`);
  put("mallory.pem", pemOf(mallory));
  put("private.pem", router.privateKey.export({ format: "pem", type: "pkcs8" }).toString());
  put("same.note", audit.checkpoint);
  put("older.note", router.checkpoint(3, headOf(3)));
  put("forked.note", router.checkpoint(SIZE, rootOf(1)));
  put("forged-older.note", router.checkpoint(3, rootOf(3)));
  put("mallory.note", mallory.checkpoint(SIZE, headOf(SIZE)));
  for (const [index, lines] of chain.files.entries()) {
    const name = segmentName(index + 1, index < 2 ? STREAM : "b".repeat(32));
    const text = lines.map((line) => `${line}\n`).join("");
    for (const directory of ["log", "cut", "edited"]) mkdirSync(join(root, directory), { recursive: true });
    put(join("log", name), text);
    put(join("edited", name), text.replace('"target":"x"', '"target":"X"'));
    if (index === 0) put(join("cut", name), text);
  }
});

interface Said {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function say(argv: readonly string[], checkLog?: CheckLog): Promise<Said> {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: root,
    now: () => epochMillis(0),
  };
  const exit = await attest(argv, io, checkLog);
  return { exit, stdout, stderr };
}

/** Exit code, then the codes of what was found not to hold. */
async function verdict(bundle: string, ...argv: readonly string[]): Promise<string> {
  put("bundle.json", bundle);
  const { exit, stdout } = await say(["--verify", "bundle.json", "--json", ...argv]);
  const { findings } = JSON.parse(stdout) as { findings: { code: string | null }[] };
  return [exit, ...findings.flatMap(({ code }) => code ?? [])].join(" ");
}

const KEY = ["--key", router.vkey];
const signature = (other: string): object[] => JSON.parse(other).dsseEnvelope.signatures;
const noteSignature = (note: string): string =>
  Buffer.from(note.split(" ").at(-1) ?? "", "base64")
    .subarray(4)
    .toString("base64");
const statement = new TextDecoder().decode(statementOf(router.facts({ audit })));
const checkpointBody = audit.checkpoint.split("\n\n")[0] ?? "";

const rows: readonly [name: string, bundle: string, argv: readonly string[], expected: string][] = [
  ["a pinned vkey", honest, KEY, "0"],
  ["a pinned vkey in a file", honest, ["--key", "router.vkey"], "0"],
  ["a pinned PEM", honest, ["--key", "router.pem"], "0"],
  ["one of two keys", honest, ["--key", "mallory.pem", "--key", "router.pem"], "0"],
  ["no key: its own word", honest, [], "4"],
  ["no key, and its policy: still its own word", honest, ["--policy", "policy.yaml"], "4"],
  ["another's key", honest, ["--key", "mallory.pem"], "1 signature_invalid"],
  ["mallory's statement of her own log", mallory.bundle(), KEY, "1 signature_invalid"],
  ["mallory's statement by her own word", mallory.bundle(), [], "4"],
  ["mallory signs a statement that names the router's key", mallory.bundle({ audit }), [], "1 signature_invalid"],
  ["... and her key is pinned", mallory.bundle({ audit }), ["--key", "mallory.pem"], "1 key_mismatch"],
  ["the same key by another log's name", honest, ["--key", testRouter(undefined, `${ORIGIN}x`).vkey], "1 key_mismatch"],
  [
    "a changed statement",
    bundleOf(statement.replace('"proved":true', '"proved":false'), router.sign, { signatures: signature(honest) }),
    KEY,
    "1 signature_invalid",
  ],
  [
    "... by its own word",
    bundleOf(statement.replace("research-agent", "research-agenx"), router.sign, { signatures: signature(honest) }),
    [],
    "1 signature_invalid",
  ],
  ["unsigned", bundleOf(statement, router.sign, { signatures: [] }), KEY, "1 unsigned"],
  [
    "the checkpoint's signature over the checkpoint as payload",
    bundleOf(checkpointBody, router.sign, { signatures: [{ sig: noteSignature(audit.checkpoint) }] }),
    KEY,
    "1 signature_invalid",
  ],
  [
    "the checkpoint as payload, signed as an envelope",
    bundleOf(checkpointBody, router.sign),
    KEY,
    "1 statement_malformed",
  ],
  [
    "the statement's signature as a note's",
    router.bundle({
      audit: {
        ...audit,
        checkpoint: audit.checkpoint.replace(
          /[^ ]+\n$/,
          `${Buffer.concat([Buffer.from(router.signer.key.keyId, "hex"), Buffer.alloc(64)]).toString("base64")}\n`,
        ),
      },
    }),
    KEY,
    "1 checkpoint_signature",
  ],
  ["a note's type", bundleOf(statement, router.sign, { payloadType: "text/plain" }), KEY, "1 payload_type"],
  [
    "a policy's approval by the same key",
    bundleOf(statement.replace("/run/v1", "/policy/v1"), router.sign),
    KEY,
    "1 predicate_type",
  ],
  [
    "keys twice in the payload",
    bundleOf(statement.replace('"proved":true', '"proved":false,"proved":true'), router.sign),
    KEY,
    "1 not_canonical",
  ],
  [
    "two signatures",
    bundleOf(statement, router.sign, { signatures: [...signature(honest), ...signature(honest)] }),
    KEY,
    "2 bundle_malformed",
  ],
  ["no bundle", "{}", KEY, "2 bundle_malformed"],
  [
    "a head of another size beside it",
    router.bundle({ audit: { ...audit, size: SIZE + 1 } }),
    KEY,
    "1 checkpoint_mismatch",
  ],
  ["its policy", honest, [...KEY, "--policy", "policy.yaml"], "0"],
  ["another policy", honest, [...KEY, "--policy", "policy.yaml", "--policy", "other.yaml"], "1 not_in_force"],
  ["a policy that is not there", honest, [...KEY, "--policy", "missing.yaml"], "2 missing"],
  [
    "wrong outweighs unreadable",
    honest,
    [...KEY, "--policy", "missing.yaml", "--policy", "other.yaml"],
    "1 missing not_in_force",
  ],
  ["the log", honest, [...KEY, "--audit", "log"], "0"],
  [
    "the log's files",
    honest,
    [...KEY, "--audit", join("log", segmentName(1, STREAM)), "--audit", join("log", segmentName(2, STREAM))],
    "0",
  ],
  ["the log goes on behind the head", withHead(3, headOf(3)), [...KEY, "--audit", "log"], "0"],
  ["the log is cut", honest, [...KEY, "--audit", "cut"], "1 log_mismatch"],
  ["the log is edited", honest, [...KEY, "--audit", "edited"], "1 log_mismatch"],
  ["the log is edited behind the head", withHead(2, headOf(2)), [...KEY, "--audit", "edited"], "1 log_mismatch"],
  ["a head that the log never had", withHead(SIZE, rootOf(1)), [...KEY, "--audit", "log"], "1 log_mismatch"],
  ["more records than the log has", withHead(99, rootOf(99)), [...KEY, "--audit", "log"], "1 log_mismatch"],
  ["a log that is not there", honest, [...KEY, "--audit", "nowhere"], "2 log_unreadable"],
  ["a directory without a log", honest, [...KEY, "--audit", "."], "2 log_unreadable"],
  ["a checkpoint that was kept: the same", honest, [...KEY, "--checkpoint", "same.note"], "0"],
  ["an older one alone cannot be compared", honest, [...KEY, "--checkpoint", "older.note"], "2 not_comparable"],
  ["an older one with the log", honest, [...KEY, "--checkpoint", "older.note", "--audit", "log"], "0"],
  [
    "an older one that the log never had",
    honest,
    [...KEY, "--checkpoint", "forged-older.note", "--audit", "log"],
    "1 log_mismatch",
  ],
  ["two heads of one size: a fork", honest, [...KEY, "--checkpoint", "forked.note"], "1 forked"],
  ["a checkpoint of another's", honest, [...KEY, "--checkpoint", "mallory.note"], "1 checkpoint_signature"],
  ["a checkpoint that is none", honest, [...KEY, "--checkpoint", "policy.yaml"], "1 checkpoint_malformed"],
];

for (const [name, bundle, argv, expected] of rows) {
  test(`attest --verify: ${name}`, async () => assert.equal(await verdict(bundle, ...argv), expected));
}

test("the log's check is a function of the caller's: asked for every head, once", async () => {
  const asked: unknown[] = [];
  const checkLog: CheckLog = (_cwd, paths, wanted) => {
    asked.push([paths, wanted]);
    return Promise.resolve(ok("as the caller says"));
  };
  const said = await say(["--verify", "honest.json", ...KEY, "--audit", "log", "--checkpoint", "older.note"], checkLog);
  assert.equal(said.exit, 0);
  const heads = [SIZE, 3].map((size) => ({ stream: STREAM, size, root: headOf(size) }));
  assert.deepEqual(asked, [[["log"], heads]]);
  assert.match(said.stdout, /log: as the caller says/);
});

const usage: readonly [name: string, argv: readonly string[], says: RegExp][] = [
  ["an unknown option", ["--verify", "honest.json", "--trust", "x"], /--trust/],
  ["a key without --verify", ["--key", "router.pem"], /--key goes with --verify only/],
  ["--out with --verify", ["--verify", "honest.json", "--out", "x"], /--out goes without --verify only/],
  ["a positional", ["honest.json"], /honest\.json/],
  ["a key that is nothing", ["--verify", "honest.json", "--key", "nobody"], /neither a verifier key nor a file/],
  ["a private key", ["--verify", "honest.json", "--key", "private.pem"], /take the public one/],
  [
    "a witness's key",
    ["--verify", "honest.json", "--key", formatVerifierKey(cosignerFromPrivateKey("w", router.privateKey).key)],
    /key of a witness/,
  ],
  ["https", ["--from", "https://127.0.0.1:1"], /--from/],
  ["a name to resolve", ["--from", "http://router.example:18090"], /--from/],
  ["a password", ["--from", "http://a:b@127.0.0.1:18090"], /--from/],
  ["a password without a user", ["--from", "http://:b@127.0.0.1:18090"], /--from/],
  ["a path", ["--from", "http://127.0.0.1:18090/status"], /--from/],
];

for (const [name, argv, says] of usage) {
  test(`attest, wrong usage: ${name}`, async () => {
    const { exit, stdout, stderr } = await say(argv);
    assert.deepEqual([exit, stdout], [2, ""]);
    assert.match(stderr, says);
  });
}

test("a missing bundle, and one over the bound, cannot be read", async () => {
  assert.equal((await say(["--verify", "missing.json", ...KEY])).exit, 2);
  put("huge.json", " ".repeat(1024 * 1024 + 1));
  assert.equal((await say(["--verify", "huge.json", ...KEY])).exit, 2);
});

test("the report says who, what, and what is not proved", async () => {
  const verified = await say(["--verify", "honest.json", ...KEY, "--policy", "policy.yaml"]);
  assert.match(verified.stdout, /^honest\.json: VERIFIED$/m);
  assert.match(verified.stdout, /policy\.yaml: in force as EgressPolicy\/research-agent, version 7/);
  assert.match(verified.stdout, /guard: the pod was shown to be closed to UID 1000 over ipv4 and ipv6/);
  assert.match(verified.stdout, /not proved: that the program/);
  const claimed = await say(["--verify", "honest.json"]);
  assert.match(claimed.stdout, /SIGNED BY THE KEY IT NAMES ITSELF/);
  assert.match(claimed.stdout, /pin the router's key with --key/);
  assert.ok(claimed.stdout.includes(`--key '${router.vkey}'`));
  const wrong = await say(["--verify", "honest.json", "--key", "mallory.pem"]);
  assert.match(wrong.stdout, /WRONG/);
  assert.doesNotMatch(wrong.stdout, /research-agent/, "nothing unverified is shown");
});

test("a name from a statement cannot steer the terminal", async () => {
  const [policy] = router.facts().policies;
  assert.ok(policy !== undefined);
  put("escape.json", router.bundle({ policies: [{ ...policy, name: "x\u001b[2J\u202ey" }] }));
  const { exit, stdout } = await say(["--verify", "escape.json", ...KEY]);
  assert.equal(exit, 0);
  assert.doesNotMatch(stdout, /[\u001b\u202e]/);
});

test("--json has the key as PEM, for cosign and openssl", async () => {
  const { stdout } = await say(["--verify", "honest.json", "--json"]);
  const { key, facts } = JSON.parse(stdout);
  assert.deepEqual(key, { vkey: router.vkey, pem: pemOf(router), pinned: false });
  assert.deepEqual(facts.policies, router.facts().policies);
});

async function served(status: number, body: string | undefined, ask: (base: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/attestation" && request.method === "GET" ? status : 404);
    // Undefined: an answer that never ends.
    if (body === undefined) response.write("x");
    else response.end(body);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  try {
    await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const answers: readonly [name: string, status: number, body: string, exit: number, says: RegExp][] = [
  ["a bundle", 200, `${honest}\n`, 0, /^$/],
  ["not yet", 503, "no policy", 69, /status 503/],
  ["an older router", 404, "not found", 69, /status 404/],
  ["a redirect is not followed", 302, honest, 69, /status 302/],
  ["something else", 200, "<html>", 2, /no sigstore bundle/],
  ["more than 1 MiB", 200, "x".repeat(1024 * 1024 + 1), 69, /larger than 1048576/],
];

for (const [name, status, body, exit, says] of answers) {
  test(`attest --from: ${name}`, async () => {
    await served(status, body, async (base) => {
      const said = await say(["--from", base]);
      assert.equal(said.exit, exit);
      assert.equal(said.stdout, exit === 0 ? `${honest}\n` : "");
      assert.match(said.stderr, says);
    });
  });
}

test("attest --out writes what --verify takes", async () => {
  await served(200, honest, async (base) => {
    assert.deepEqual(await say(["--from", base, "--out", "run.json"]), { exit: 0, stdout: "", stderr: "" });
    assert.equal(readFileSync(join(root, "run.json"), "utf8"), `${honest}\n`);
    assert.equal((await say(["--verify", "run.json", ...KEY])).exit, 0);
    assert.equal((await say(["--from", base, "--out", "no/such/directory.json"])).exit, 2);
  });
});

test("nobody there, and an answer without end", async () => {
  let closed = "";
  await served(200, "", (base) => Promise.resolve(void (closed = base)));
  const said = await say(["--from", closed]);
  assert.equal(said.exit, 69);
  assert.match(said.stderr, /ECONNREFUSED/);
  await served(200, undefined, async (base) => {
    const answer = await getLocal(base, "/attestation", millis(100));
    assert.equal(answer.ok ? "" : answer.problem.code, "timed_out");
  });
});
