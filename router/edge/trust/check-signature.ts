import { fail, type Result } from "../../core/base/result.ts";
import { MAXIMUM_DOCUMENT } from "../../core/document/check-source.ts";
import type { Keyring } from "./keyring.ts";
import { MAXIMUM_BUNDLE_FILE } from "./read-bundles.ts";
import { readCapped } from "./read-capped.ts";
import { type TrustProblem, trustProblem } from "./trust-problem.ts";
import type { Verified } from "./verified.ts";
import { verifyDocument } from "./verify-document.ts";

/**
 * For `sluice policy check`: the same judgement as the sidecar's, over a file and the `.sigstore.json` beside
 * it. `kind` is what the document says it is.
 */
export async function checkSignature(
  keyring: Keyring,
  kind: string,
  file: string,
): Promise<Result<Verified, TrustProblem>> {
  const [document, bundle] = await Promise.all([
    readCapped(file, MAXIMUM_DOCUMENT),
    readCapped(`${file}.sigstore.json`, MAXIMUM_BUNDLE_FILE),
  ]);
  if (!document.ok) {
    const code = document.problem.code === "too_large" ? "document_too_large" : "document_unreadable";
    return fail(trustProblem(file, { code, message: document.problem.message }));
  }
  if (!bundle.ok && bundle.problem.code !== "missing") {
    const code = bundle.problem.code === "too_large" ? "bundle_too_large" : "bundle_malformed";
    return fail(trustProblem(`${file}.sigstore.json`, { code, message: bundle.problem.message }));
  }
  return verifyDocument(keyring, { kind, file, bytes: document.value, bundle: bundle.ok ? bundle.value : undefined });
}
