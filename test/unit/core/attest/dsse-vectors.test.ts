/** Envelopes and receipts that nobody here made; where each comes from is in test/vectors/dsse/README.md. */
import assert from "node:assert/strict";
import { createPublicKey, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { dssePreAuthEncoding, readEnvelope } from "../../../../router/core/attest/envelope.ts";
import type { AuditValue } from "../../../../router/core/audit/audit-event.ts";
import { canonicalJson } from "../../../../router/core/audit/canonical-json.ts";
import { isSignedBy, octetSigner } from "../../../../router/edge/audit/dsse-key.ts";
import { keyOfSeed, sha256Hex } from "./attest-fixture.ts";

const VECTORS = new URL("../../../vectors/dsse/", import.meta.url);

const text = (path: string): string => readFileSync(new URL(path, VECTORS), "utf8");

interface ProtocolVectors {
  readonly keys: Readonly<Record<string, { readonly seed: string; readonly public: string }>>;
  readonly vectors: readonly {
    readonly id: string;
    readonly envelope: AuditValue;
    readonly trustedKeys: readonly string[];
    readonly threshold: number;
    readonly supportedPayloadTypes: readonly string[];
    readonly pae: string;
    readonly expect: "accept" | "reject";
  }[];
}

const protocol = JSON.parse(text("protocol-vectors.json")) as ProtocolVectors;

for (const { id, envelope: value, trustedKeys, threshold, supportedPayloadTypes, pae, expect } of protocol.vectors) {
  test(`DSSE vector ${id}`, () => {
    const envelope = readEnvelope(value);
    assert.ok(envelope !== undefined);
    const encoded = dssePreAuthEncoding(envelope.payloadType, envelope.payload);
    const signers = trustedKeys.filter((name) => isSignedBy(envelope, Buffer.from(protocol.keys[name]!.public, "hex")));
    const accepted = signers.length >= threshold && supportedPayloadTypes.includes(envelope.payloadType);
    assert.equal(accepted ? "accept" : "reject", expect);
    // Of a swapped type, the vector gives what was signed.
    if (id !== "payload-type-swapped") assert.equal(Buffer.from(encoded).toString("hex"), pae);
    if (signers.length === 0) return;
    const again = octetSigner(keyOfSeed(protocol.keys["A"]!.seed))(encoded);
    assert.equal(Buffer.from(again).toString("hex"), Buffer.from(envelope.signatures[0]!).toString("hex"));
  });
}

test("DSSE protocol.md: hello world, ECDSA", () => {
  const envelope = readEnvelope(JSON.parse(text("hello-world.json")) as AuditValue);
  assert.ok(envelope !== undefined);
  const signed = dssePreAuthEncoding(envelope.payloadType, envelope.payload);
  assert.equal(Buffer.from(signed).toString(), "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  const coordinate = (decimal: string) =>
    Buffer.from(BigInt(decimal).toString(16).padStart(64, "0"), "hex").toString("base64url");
  const key = createPublicKey({
    key: {
      kty: "EC",
      crv: "P-256",
      x: coordinate("46950820868899156662930047687818585632848591499744589407958293238635476079160"),
      y: coordinate("5640078356564379163099075877009565129882514886557779369047442380624545832820"),
    },
    format: "jwk",
  });
  assert.equal(verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, envelope.signatures[0]!), true);
});

const gateway = keyOfSeed(`${"0".repeat(63)}1`);

for (const name of ["2-receipt.json", "3-receipt.json", "4-receipt.json"]) {
  test(`agent-governance ${name}: verifies, and signs again to the same octets`, () => {
    const file = text(`agent-governance/${name}`);
    const { signature, ...receipt } = JSON.parse(file) as { readonly [name: string]: AuditValue };
    const signed = canonicalJson(receipt);
    assert.ok(signed !== undefined && typeof signature === "string");
    assert.equal(verify(undefined, Buffer.from(signed), createPublicKey(gateway), Buffer.from(signature, "hex")), true);
    const again = sign(undefined, Buffer.from(signed), gateway).toString("hex");
    assert.equal(`${JSON.stringify({ ...receipt, signature: again }, undefined, 2)}\n`, file);
    if (name.startsWith("2")) assert.equal(signed, text("agent-governance/2-canonical.txt"));
  });
}

test("agent-governance: the receipt's state hash is that of the state's RFC 8785 form", () => {
  const state = canonicalJson(JSON.parse(text("agent-governance/3-state-at-signing.json")) as AuditValue);
  const receipt = JSON.parse(text("agent-governance/3-receipt.json")) as { payload: { state_hash_at_signing: string } };
  assert.equal(`sha256:${sha256Hex(state ?? "")}`, receipt.payload.state_hash_at_signing);
});

test("agent-governance: the envelope verifies, and signs again to the same octets", () => {
  const file = text("agent-governance/4-intoto-envelope.json");
  const value = JSON.parse(file) as {
    readonly payload: string;
    readonly signatures: readonly [{ readonly keyid: string }];
  };
  const envelope = readEnvelope(value);
  assert.ok(envelope !== undefined);
  const publicKey = createPublicKey(gateway).export({ format: "der", type: "spki" }).subarray(-32);
  assert.equal(isSignedBy(envelope, publicKey), true);
  const signature = octetSigner(gateway)(dssePreAuthEncoding(envelope.payloadType, envelope.payload));
  const signatures = [{ keyid: value.signatures[0].keyid, sig: Buffer.from(signature).toString("base64") }];
  const { payloadType } = envelope;
  assert.equal(`${JSON.stringify({ payloadType, payload: value.payload, signatures }, undefined, 2)}\n`, file);
});
