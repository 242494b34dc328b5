import type { Verifier } from "@sigstore/verify";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { libraryRefusal } from "./library-refusal.ts";
import type { Sigstore, SigstoreBundle } from "./load-sigstore.ts";
import type { PublicKey } from "./public-key.ts";
import type { Refusal } from "./trust-problem.ts";
import type { Artifact } from "./verify-content.ts";

/** A signer known by a public key. */
export interface KeySigner {
  readonly id: string;
  readonly hint: string;
  /** Knows this key and nothing else: no authority, no log, so a certificate can never satisfy it. */
  readonly verifier: Verifier;
}

export function keySigner(sigstore: Sigstore, id: string, { key, hint }: PublicKey): KeySigner {
  const nothing = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
  const verifier = new sigstore.Verifier(
    { ...nothing, publicKey: () => ({ publicKey: key, validFor: () => true }) },
    { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 },
  );
  return { id, hint, verifier };
}

/**
 * Which of the signers' keys made this bundle's signature. `checkContent` comes first: here only the
 * signature is checked.
 *
 * Log entries and timestamps in the bundle (cosign adds them where services are configured) are dropped: a
 * key counts until it leaves the trust directory, at whatever time it signed, and they are no evidence of
 * anything else.
 */
export function verifyWithKey(
  sigstore: Sigstore,
  signers: readonly KeySigner[],
  bundle: SigstoreBundle,
  { octets }: Artifact,
): Result<KeySigner, Refusal> {
  const { verificationMaterial: material } = bundle;
  if (material.content.$case !== "publicKey") {
    return fail({ code: "signer_unknown", message: "The bundle has a certificate, but only keys may sign this kind." });
  }
  const { hint } = material.content.publicKey;
  const candidates = signers.filter((signer) => hint === "" || signer.hint === hint);
  if (candidates.length === 0) {
    const message =
      signers.length === 0
        ? "The bundle is signed with a key, but only certificates may sign this kind."
        : "The bundle is signed with a key that may not sign this kind; its hint matches none of them.";
    return fail({ code: "signer_unknown", message });
  }
  const bare = {
    ...bundle,
    verificationMaterial: { ...material, tlogEntries: [], timestampVerificationData: undefined },
  };
  let refusal: Refusal = { code: "signature_invalid", message: "The signature was made by none of the keys." };
  for (const signer of candidates) {
    try {
      signer.verifier.verify(
        sigstore.toSignedEntity(bare, Buffer.from(octets.buffer, octets.byteOffset, octets.length)),
      );
      return ok(signer);
    } catch (error) {
      refusal = libraryRefusal(error);
    }
  }
  return fail(refusal);
}
