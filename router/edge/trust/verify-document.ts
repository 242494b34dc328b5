import { fail, ok, type Result } from "../../core/base/result.ts";
import { MAXIMUM_DOCUMENT } from "../../core/document/check-source.ts";
import { quoted } from "../../core/document/quoted.ts";
import { signersOf, verifyWithCertificate } from "./certificate-signer.ts";
import { countSigners, type CountedSignature } from "./count-signers.ts";
import { verifyWithKey } from "./key-signer.ts";
import type { Keyring, KindRequirement } from "./keyring.ts";
import type { SigstoreBundle } from "./load-sigstore.ts";
import { readBundles } from "./read-bundles.ts";
import { type Refusal, type TrustCode, type TrustProblem, trustProblem } from "./trust-problem.ts";
import { decodeUtf8 } from "./utf8.ts";
import { APPROVAL, type Artifact, artifactOf, checkContent } from "./verify-content.ts";
import { type UnverifiedDocument, Verified } from "./verified.ts";

/**
 * Whether the document is signed as the trust directory asks for its kind: offline, by pinned keys and roots
 * only. The kind is the caller's claim; a bundle is bound to the octets, so no bundle of one document serves
 * another.
 *
 * Of several bundles those that do not verify are left out, in any order; enough distinct signers must
 * remain. A document that may be unsigned is refused all the same where it has a bundle that fails.
 */
export function verifyDocument(keyring: Keyring, document: UnverifiedDocument): Result<Verified, TrustProblem> {
  const { kind, file, bundle } = document;
  const refuse = (code: TrustCode, message: string) => fail(trustProblem(file, { code, message }));
  const requirement = keyring.requirements.get(kind);
  if (requirement === undefined) {
    return refuse("kind_not_covered", `The signer policy says nothing of kind ${quoted(kind)}, so nobody may sign it.`);
  }
  if (document.bytes.length > MAXIMUM_DOCUMENT) {
    return refuse("document_too_large", `The document has more than ${MAXIMUM_DOCUMENT} octets.`);
  }
  const text = decodeUtf8(document.bytes);
  if (text === undefined) return refuse("document_not_text", "The document is not UTF-8 text.");
  const artifact = artifactOf(document.bytes);
  const mint = (signers: readonly string[]) =>
    ok(new Verified({ kind, file, text, digest: `sha256:${artifact.sha256}`, signers }));
  if (bundle === undefined) {
    if (!requirement.required) return mint([]);
    return refuse("unsigned", `A document of kind ${kind} must be signed, and there is no ${file}.sigstore.json.`);
  }
  const bundles = readBundles(keyring.sigstore, bundle);
  if (!bundles.ok) return fail(trustProblem(file, bundles.problem));
  const judged = bundles.value.map((one) => judgeBundle(keyring, requirement, one, artifact));
  const signers = countSigners(judged.flatMap((one) => (one.ok ? [one.value] : [])));
  if (signers.length >= requirement.threshold) return mint(signers);
  const refusals = judged.flatMap((one) => (one.ok ? [] : [one.problem]));
  const [only] = refusals;
  if (judged.length === 1 && only !== undefined) return fail(trustProblem(file, only));
  const reasons = refusals.map(({ code, message }) => ` ${code}: ${message}`).join("");
  return refuse(
    "threshold_not_met",
    `${signers.length} of the ${requirement.threshold} signers needed have signed.${reasons}`,
  );
}

function judgeBundle(
  keyring: Keyring,
  requirement: KindRequirement,
  bundle: SigstoreBundle,
  artifact: Artifact,
): Result<CountedSignature, Refusal> {
  const { sigstore, roots } = keyring;
  const flaw = checkContent(sigstore, bundle, artifact, APPROVAL);
  if (flaw !== undefined) return fail(flaw);
  if (bundle.verificationMaterial.content.$case === "publicKey" || requirement.certificates.length === 0) {
    const signer = verifyWithKey(sigstore, requirement.keys, bundle, artifact);
    return signer.ok ? ok({ principal: signer.value.hint, signers: [signer.value.id] }) : signer;
  }
  const principal = verifyWithCertificate(sigstore, roots, bundle, artifact);
  if (!principal.ok) return principal;
  const signers = signersOf(requirement.certificates, principal.value);
  return signers.ok ? ok({ principal: JSON.stringify(principal.value), signers: signers.value }) : signers;
}
