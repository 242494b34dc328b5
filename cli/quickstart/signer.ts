import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A P-256 key pair of one run. The private half never leaves this process. */
export interface Signer {
  readonly publicKeyPem: string;
  /** The bundle for a document, as `cosign sign-blob --bundle` of cosign 3 writes it with a key (sigstore bundle v0.3). */
  sign(document: string): string;
}

export function createSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const hint = sha256(publicKey.export({ type: "spki", format: "der" }));
  return {
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }),
    sign(document) {
      const octets = Buffer.from(document);
      return JSON.stringify({
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: { publicKey: { hint } },
        messageSignature: {
          messageDigest: { algorithm: "SHA2_256", digest: sha256(octets) },
          signature: sign("sha256", octets, privateKey).toString("base64"),
        },
      });
    },
  };
}

/** A trust directory in which this signer alone, and nobody else, may sign a policy. */
export function writeTrust(directory: string, signer: Signer): void {
  mkdirSync(directory);
  writeFileSync(join(directory, "quickstart.pub"), signer.publicKeyPem);
  writeFileSync(
    join(directory, "signers.yaml"),
    `apiVersion: sluice.dev/v1alpha1
kind: SignerPolicy
metadata: { name: quickstart }
spec:
  signers:
    - { id: quickstart, key: { file: quickstart.pub } }
  requirements:
    - { kind: EgressPolicy, signers: [quickstart], threshold: 1 }
    - { kind: InferencePolicy, signers: [quickstart], threshold: 1 }
    - { kind: GovernancePolicy, signers: [quickstart], threshold: 1 }
`,
  );
}

function sha256(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("base64");
}
