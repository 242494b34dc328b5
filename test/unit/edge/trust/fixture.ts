/** What the tests of this folder share: trust directories that vanish, keys, and keyed bundles to be bent. */
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Keyring, loadKeyring } from "../../../../router/edge/trust/keyring.ts";
import type { TrustProblem } from "../../../../router/edge/trust/trust-problem.ts";
import { verifyDocument } from "../../../../router/edge/trust/verify-document.ts";
import type { Verified } from "../../../../router/edge/trust/verified.ts";
import type { Result } from "../../../../router/core/base/result.ts";

export type Cleanup = Pick<TestContext, "after">;

export function temporaryDirectory(t: Cleanup, files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-trust-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}

export interface TestKey {
  readonly pem: string;
  readonly hint: string;
  readonly privateKey: KeyObject;
}

export function testKey(
  pair: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync("ec", { namedCurve: "P-256" }),
): TestKey {
  const spki = pair.publicKey.export({ type: "spki", format: "der" });
  const pem = pair.publicKey.export({ type: "spki", format: "pem" });
  return { pem, hint: createHash("sha256").update(spki).digest("base64"), privateKey: pair.privateKey };
}

/** `signers.yaml` for key signers `<id>.pub`, all of whom may sign an EgressPolicy. */
export function signersYaml(ids: readonly string[], extra: readonly string[] = []): string {
  return [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: SignerPolicy",
    "metadata: { name: test }",
    "spec:",
    "  signers:",
    ...ids.map((id) => `    - { id: ${id}, key: { file: ${id}.pub } }`),
    "  requirements:",
    `    - { kind: EgressPolicy, signers: [${ids.join(", ")}]${extra.map((part) => `, ${part}`).join("")} }`,
    "",
  ].join("\n");
}

export async function keyringOf(t: Cleanup, files: Readonly<Record<string, string>>): Promise<Keyring> {
  const keyring = await loadKeyring(temporaryDirectory(t, files));
  assert.ok(keyring.ok, JSON.stringify(keyring));
  return keyring.value;
}

/** A keyring with these key signers for EgressPolicy. */
export function keyringWith(
  t: Cleanup,
  keys: Readonly<Record<string, TestKey>>,
  extra: readonly string[] = [],
): Promise<Keyring> {
  const files: Record<string, string> = { "signers.yaml": signersYaml(Object.keys(keys), extra) };
  for (const [id, { pem }] of Object.entries(keys)) files[`${id}.pub`] = pem;
  return keyringOf(t, files);
}

export const DOCUMENT = Buffer.from("apiVersion: sluice.dev/v1alpha1\nkind: EgressPolicy\n");
export const APPROVAL_TYPE = "https://sluice.dev/attestation/policy/v1";

export function digestOf(document: Uint8Array): string {
  return createHash("sha256").update(document).digest("hex");
}

/** As `cosign sign-blob --key --bundle` writes it. */
export function messageBundle(key: TestKey, document: Uint8Array = DOCUMENT) {
  return {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: key.hint } },
    messageSignature: {
      messageDigest: { algorithm: "SHA2_256", digest: createHash("sha256").update(document).digest("base64") },
      signature: sign("sha256", document, key.privateKey).toString("base64"),
    },
  };
}

/** The statement that `cosign attest-blob` makes. */
export function statementOf(document: Uint8Array = DOCUMENT) {
  return {
    _type: "https://in-toto.io/Statement/v0.1",
    subject: [{ name: "policy.yaml", digest: { sha256: digestOf(document) } }],
    predicateType: APPROVAL_TYPE,
    predicate: {},
  };
}

/** As `cosign attest-blob --key --bundle` writes it, over any statement. */
export function attestationBundle(
  key: TestKey,
  statement: unknown = statementOf(),
  payloadType = "application/vnd.in-toto+json",
) {
  const payload = Buffer.from(typeof statement === "string" ? statement : JSON.stringify(statement));
  const signed = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
    payload,
  ]);
  return {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: key.hint } },
    dsseEnvelope: {
      payload: payload.toString("base64"),
      payloadType,
      signatures: [{ sig: sign("sha256", signed, key.privateKey).toString("base64") }],
    },
  };
}

export function json(...bundles: readonly unknown[]): Buffer {
  return Buffer.from(bundles.map((bundle) => JSON.stringify(bundle)).join("\n"));
}

/** How the keyring judges `DOCUMENT`, or what is given instead, under this bundle. */
export function judged(
  keyring: Keyring,
  bundle: Uint8Array | undefined,
  { bytes = DOCUMENT, kind = "EgressPolicy" }: { readonly bytes?: Uint8Array; readonly kind?: string } = {},
): string {
  return outcome(verifyDocument(keyring, { kind, file: "p.yaml", bytes, bundle }));
}

/** The code of a refusal, or the signers of what was accepted. */
export function outcome(result: Result<Verified, TrustProblem>): string {
  return result.ok ? `accepted: ${result.value.signers.join(",")}` : result.problem.code;
}
