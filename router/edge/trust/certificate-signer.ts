import { fail, ok, type Result } from "../../core/base/result.ts";
import { quoted } from "../../core/document/quoted.ts";
import type { TextMatch } from "../../core/policy/signer-policy.ts";
import { certificatePrincipal, type CertificatePrincipal } from "./certificate-principal.ts";
import { libraryRefusal } from "./library-refusal.ts";
import { parseLinearPattern } from "../../core/policy/linear-pattern.ts";
import type { Sigstore, SigstoreBundle } from "./load-sigstore.ts";
import type { Refusal } from "./trust-problem.ts";
import type { CertificateRoot } from "./trusted-root.ts";
import type { Artifact } from "./verify-content.ts";

/** A signer known by what a pinned authority certifies: both texts must match, wholly. */
export interface CertificateSigner {
  readonly id: string;
  readonly identity: (text: string) => boolean;
  readonly issuer: (text: string) => boolean;
}

/** The problem is one sentence. */
export function textMatcher(match: TextMatch): Result<(text: string) => boolean, string> {
  if ("pattern" in match) return parseLinearPattern(match.pattern);
  return ok((text) => text === match.exact);
}

/**
 * To whom the bundle's certificate was given, by the first root that proves all of it: chain, certificate
 * log, signing time, transparency log, signature. `checkContent` comes first. That somebody signed says
 * nothing yet: see `signersOf`.
 */
export function verifyWithCertificate(
  sigstore: Sigstore,
  roots: readonly CertificateRoot[],
  bundle: SigstoreBundle,
  { octets }: Artifact,
): Result<CertificatePrincipal, Refusal> {
  const { content } = bundle.verificationMaterial;
  if (content.$case === "publicKey") {
    return fail({
      code: "signer_unknown",
      message: "The bundle is signed with a key, but only certificates may sign this kind.",
    });
  }
  const leaf = content.$case === "certificate" ? content.certificate : content.x509CertificateChain.certificates[0];
  let refusal: Refusal = {
    code: "certificate_invalid",
    message: "There is no trusted root to check a certificate with.",
  };
  for (const { verifier } of roots) {
    try {
      const artifact = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
      const signer = verifier.verify(sigstore.toSignedEntity(bundle, artifact));
      return certificatePrincipal(leaf?.rawBytes ?? new Uint8Array(), signer);
    } catch (error) {
      refusal = libraryRefusal(error);
    }
  }
  return fail(refusal);
}

/** The signers that this principal may stand for; a refusal that names the principal where there are none. */
export function signersOf(
  signers: readonly CertificateSigner[],
  { identity, issuer }: CertificatePrincipal,
): Result<readonly string[], Refusal> {
  const matching = signers.filter((signer) => signer.identity(identity) && signer.issuer(issuer));
  if (matching.length > 0) return ok(matching.map(({ id }) => id));
  const message = `The certificate of ${quoted(identity)}, issued by ${quoted(issuer)}, is no signer of this kind.`;
  return fail({ code: "signer_unknown", message });
}
