import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { formatSignedNote, type SignedNote } from "../../../../router/core/tlog/signed-note.ts";
import { verifierKey } from "../../../../router/core/tlog/verifier-key.ts";
import {
  cosignedAt,
  cosignerFromPrivateKey,
  createSigner,
  publicKeyFromPem,
  sha256,
  signerFromPem,
  verifySignature,
} from "../../../../router/edge/audit/ed25519.ts";
import { keyNamed, noteOf, vector } from "../../core/tlog/note-fixture.ts";

/** Made by other implementations (test/vectors/signed-note/README.md). */
const vectors: readonly [file: string, key: string, time: number | undefined][] = [
  ["two-keys.note", "PeterNeumann", undefined],
  ["two-keys.note", "EnochRoot", undefined],
  ["cosigned.note", "Log", undefined],
  ["cosigned.note", "Known", 1_795_228_210],
  ["cosigned.note", "KnownAgain", 1_795_228_210],
  ["cosigned-extensions.note", "Log", undefined],
  ["cosigned-extensions.note", "Known", 1_795_228_210],
  ["cosigned-extensions.note", "KnownAgain", 1_795_228_210],
];

for (const [file, name, time] of vectors) {
  test(`INV-NOTE-VERIFY: ${name} signed ${file}, and no other text`, () => {
    const note = noteOf(vector(file));
    const key = keyNamed(name);
    assert.equal(verifySignature(note, key), "verified");
    assert.equal(cosignedAt(note, key), time);
    const other = { ...note, text: note.text.replace(/[0-9o]/, "9") };
    assert.equal(verifySignature(other, key), "wrong");
    assert.equal(cosignedAt(other, key), undefined);
  });
}

test("a note is read without a signature that is not there, and rejected with one that is wrong", () => {
  const note = noteOf(vector("cosigned.note"));
  const [log, witness] = note.signatures;
  assert.ok(log !== undefined && witness !== undefined);
  const key = keyNamed("Known");
  const bent = witness.signature.with(20, 1);
  const ofWitness = (...signatures: readonly Uint8Array[]): SignedNote => ({
    text: note.text,
    signatures: [log, ...signatures.map((signature) => ({ ...witness, signature }))],
  });
  const verdicts: readonly [name: string, note: SignedNote, verdict: string][] = [
    ["no such line", ofWitness(), "absent"],
    ["another id", { ...note, signatures: [{ ...witness, keyId: "fdd35893" }] }, "absent"],
    ["another name", { ...note, signatures: [{ ...witness, name: "known" }] }, "absent"],
    ["twice", ofWitness(witness.signature, witness.signature), "verified"],
    ["one right, one wrong", ofWitness(witness.signature, bent), "wrong"],
    ["one wrong, one right", ofWitness(bent, witness.signature), "wrong"],
    ["another time", ofWitness(witness.signature.with(7, 0)), "wrong"],
    ["without the time", ofWitness(witness.signature.slice(8)), "wrong"],
    ["too long", ofWitness(Uint8Array.from([...witness.signature, 0])), "wrong"],
    ["one octet", ofWitness(new Uint8Array(1)), "wrong"],
  ];
  for (const [name, changed, verdict] of verdicts) assert.equal(verifySignature(changed, key), verdict, name);
});

test("a log's key and a witness's never stand in for each other, even with one key pair", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  const signer = signerFromPem("a", pem);
  assert.ok(signer.ok);
  const cosigner = cosignerFromPrivateKey("a", privateKey);
  const text = "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
  const signed = noteOf(formatSignedNote(text, [signer.value.sign(text)]));
  assert.equal(verifySignature(signed, signer.value.key), "verified");
  assert.equal(verifySignature(signed, cosigner.key), "absent");
  const both = [
    signer.value.sign(text),
    cosigner.cosign(text, 1_000),
    cosigner.cosign(text, 3_000),
    cosigner.cosign(text, 2_000),
  ];
  const cosigned = noteOf(formatSignedNote(text, both));
  assert.equal(cosignedAt(cosigned, cosigner.key), 3_000);
  assert.equal(cosignedAt(cosigned, signer.value.key), undefined);
});

test("each signer made has a key of its own", () => {
  const [one, other] = [createSigner("a"), createSigner("a")];
  assert.notDeepEqual(one.key.publicKey, other.key.publicKey);
  assert.throws(() => createSigner("a b"), /not a key name/);
});

test("a key that is no point of the curve verifies nothing, and throws nothing", () => {
  const note = noteOf(vector("two-keys.note"));
  for (const octet of [0, 1, 2, 0x7f, 0xff]) {
    const key = verifierKey("PeterNeumann", "ed25519", new Uint8Array(32).fill(octet), sha256);
    const [signature] = note.signatures;
    assert.ok(signature !== undefined);
    const mine = { ...note, signatures: [{ ...signature, keyId: key.keyId }] };
    assert.equal(verifySignature(mine, key), "wrong");
  }
});

const pkcs8 = { format: "pem", type: "pkcs8" } as const;
const spki = { format: "pem", type: "spki" } as const;
const ed25519 = generateKeyPairSync("ed25519");
const ec = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const pem = ed25519.privateKey.export(pkcs8);
const publicPem = ed25519.publicKey.export(spki);

const pems: readonly [name: string, pem: string, said: RegExp][] = [
  ["nothing", "", /exactly one PEM block "PRIVATE KEY"/],
  ["a public key", publicPem, /exactly one PEM block/],
  ["two keys", pem + pem, /exactly one PEM block/],
  ["text before it", `a key\n${pem}`, /exactly one PEM block/],
  ["ECDSA", ec.privateKey.export(pkcs8), /is ec, but needed is Ed25519/],
  ["ECDSA, SEC 1", ec.privateKey.export({ format: "pem", type: "sec1" }), /exactly one PEM block/],
  ["X25519", generateKeyPairSync("x25519").privateKey.export(pkcs8), /is x25519, but/],
  ["Ed448", generateKeyPairSync("ed448").privateKey.export(pkcs8), /is ed448, but/],
  ["an encrypted key", ed25519.privateKey.export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "x" }), /is encrypted/],
  ["a block with nothing in it", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", /holds no key/],
  ["a huge file", `-----BEGIN PRIVATE KEY-----\n${"A".repeat(1_000_000)}`, /exactly one PEM block/],
];

for (const [name, text, said] of pems) {
  test(`a signer's PEM: ${name}`, () => {
    const signer = signerFromPem("a", text);
    assert.ok(!signer.ok);
    assert.match(signer.problem, said);
  });
}

test("public keys are read from SPKI only, and are those of the private key", () => {
  const signer = signerFromPem("a", `\n${pem.replaceAll("\n", "\r\n")}\n`);
  assert.ok(signer.ok);
  assert.deepEqual(publicKeyFromPem(publicPem), signer.value.key.publicKey);
  for (const no of ["", pem, publicPem + publicPem, ec.publicKey.export(spki), publicPem.replace("M", "N")]) {
    assert.equal(publicKeyFromPem(no), undefined);
  }
});
