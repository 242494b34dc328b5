import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A P-256 key pair that signs documents as `cosign sign-blob --bundle` does (sigstore bundle v0.3, message signature). */
export interface TestSigner {
  readonly publicKeyPem: string;
  bundleFor(document: string | Uint8Array): string;
}

export function testSigner(): TestSigner {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    bundleFor: (document) => JSON.stringify(bundle(privateKey, publicKey, Buffer.from(document))),
  };
}

function bundle(privateKey: KeyObject, publicKey: KeyObject, document: Buffer): unknown {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: createHash("sha256").update(spki).digest("base64") } },
    messageSignature: {
      messageDigest: { algorithm: "SHA2_256", digest: createHash("sha256").update(document).digest("base64") },
      signature: sign("sha256", document, privateKey).toString("base64"),
    },
  };
}

/** Writes a trust directory that lets this signer, and nobody else, sign policies. */
export function writeTrust(directory: string, signer: TestSigner): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "release.pub"), signer.publicKeyPem);
  writeFileSync(
    join(directory, "signers.yaml"),
    [
      "apiVersion: sluice.dev/v1alpha1",
      "kind: SignerPolicy",
      "metadata: { name: test }",
      "spec:",
      "  signers:",
      "    - { id: release, key: { file: release.pub } }",
      "  requirements:",
      "    - { kind: EgressPolicy, signers: [release], threshold: 1 }",
      "    - { kind: InferencePolicy, signers: [release], threshold: 1 }",
      "    - { kind: GovernancePolicy, signers: [release], threshold: 1 }",
      "",
    ].join("\n"),
  );
}

/** Writes document and bundle beside it, the bundle first, each by rename. */
export function writeSigned(directory: string, name: string, document: string, signer: TestSigner): void {
  mkdirSync(directory, { recursive: true });
  for (const [file, text] of [
    [`${name}.sigstore.json`, signer.bundleFor(document)],
    [name, document],
  ] as const) {
    writeFileSync(join(directory, `.${file}.tmp`), text);
    renameSync(join(directory, `.${file}.tmp`), join(directory, file));
  }
}
