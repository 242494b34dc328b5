import assert from "node:assert/strict";
import { test } from "node:test";
import { formatVerifierKey, parseVerifierKey, verifierKey } from "../../../../router/core/tlog/verifier-key.ts";
import { sha256 } from "../../../../router/edge/audit/ed25519.ts";
import { keyNamed, keyText } from "./note-fixture.ts";

const PETER = keyText("PeterNeumann");

test("reads the keys of other implementations, and writes them again", () => {
  for (const name of ["PeterNeumann", "EnochRoot", "Log"]) {
    const key = keyNamed(name);
    assert.deepEqual([key.name, key.algorithm, formatVerifierKey(key)], [name, "ed25519", keyText(name)]);
  }
  const witness = keyNamed("Known");
  assert.equal(witness.algorithm, "cosignature/v1");
  assert.equal(formatVerifierKey(witness), keyText("Known"));
});

test("one key pair has another id under another name, and as a witness", () => {
  const { publicKey, keyId } = keyNamed("PeterNeumann");
  assert.equal(verifierKey("PeterNeumann", "ed25519", publicKey, sha256).keyId, keyId);
  assert.notEqual(verifierKey("PeterNeumann", "cosignature/v1", publicKey, sha256).keyId, keyId);
  assert.notEqual(verifierKey("PeterNeumanm", "ed25519", publicKey, sha256).keyId, keyId);
});

test("a name of any script is hashed in UTF-8", () => {
  const name = "\u00e9\u2014\u{1f600}z";
  const { keyId } = verifierKey(name, "ed25519", new Uint8Array(32), sha256);
  const octets = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(1), Buffer.alloc(32)]);
  assert.equal(keyId, Buffer.from(sha256(octets)).toString("hex", 0, 4));
});

test("a key is not changed by who changes what it was made from", () => {
  const publicKey = new Uint8Array(32);
  const key = verifierKey("a", "ed25519", publicKey, sha256);
  const before = formatVerifierKey(key);
  publicKey.fill(1);
  assert.equal(formatVerifierKey(key), before);
});

const refused: readonly [name: string, text: string][] = [
  ["nothing", ""],
  ["plus signs", "+++"],
  ["no id", PETER.replace("+c74f20a3", "")],
  ["another key's id", PETER.replace("c74f20a3", "c74f20a4")],
  ["upper-case hex", PETER.replace("c74f20a3", "C74F20A3")],
  ["another name", PETER.replace("Peter", "Petra")],
  ["a space in the name", PETER.replace("Neumann", " eumann")],
  ["an unknown algorithm, with its id", "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"],
  [
    "a key of another length, with its id",
    "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
  ],
  ["a newline at the end", `${PETER}\n`],
  ["base64 with a newline in it", PETER.replace("hMQ", "h\nMQ")],
  ["a private key", "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"],
  ["a long text", "+".repeat(1_000_000)],
];

for (const [name, text] of refused) {
  test(`refuses ${name}`, () => assert.equal(parseVerifierKey(text, sha256), undefined));
}

test("no part and no change of a key is a key", () => {
  for (let start = 0; start < PETER.length; start += 1) {
    for (let end = start; end <= PETER.length; end += 1) {
      if (end - start === PETER.length) continue;
      assert.equal(parseVerifierKey(PETER.slice(start, end), sha256), undefined);
    }
    const changed = String.fromCharCode(PETER.charCodeAt(start) + 1);
    assert.equal(parseVerifierKey(`${PETER.slice(0, start)}${changed}${PETER.slice(start + 1)}`, sha256), undefined);
  }
});

test("a key that cannot be is a bug", () => {
  assert.throws(() => verifierKey("a b", "ed25519", new Uint8Array(32), sha256), /not a key name/);
  assert.throws(() => verifierKey("a", "ed25519", new Uint8Array(31), sha256), /not an Ed25519 public key/);
});
