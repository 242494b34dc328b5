import type { bundleFromJSON, Bundle } from "@sigstore/bundle";
import type { HashAlgorithm, TrustedRoot } from "@sigstore/protobuf-specs";
import type { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";

/** What we use of the sigstore libraries. Nothing outside this room sees it: used raw, it accepts far too much. */
export interface Sigstore {
  readonly bundleFromJSON: typeof bundleFromJSON;
  readonly toSignedEntity: typeof toSignedEntity;
  readonly toTrustMaterial: typeof toTrustMaterial;
  readonly Verifier: typeof Verifier;
  readonly TrustedRoot: typeof TrustedRoot;
  readonly sha256: HashAlgorithm;
}

export type SigstoreBundle = Bundle;

/** Loaded when a keyring is, beside the reading of its files: 30 ms and 9 MB over `node:crypto`, measured. */
export async function loadSigstore(): Promise<Sigstore> {
  const [bundle, specs, verify] = await Promise.all([
    import("@sigstore/bundle"),
    import("@sigstore/protobuf-specs"),
    import("@sigstore/verify"),
  ]);
  return {
    bundleFromJSON: bundle.bundleFromJSON,
    toSignedEntity: verify.toSignedEntity,
    toTrustMaterial: verify.toTrustMaterial,
    Verifier: verify.Verifier,
    TrustedRoot: specs.TrustedRoot,
    sha256: specs.HashAlgorithm.SHA2_256,
  };
}
