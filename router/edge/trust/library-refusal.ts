import { quoted } from "../../core/document/quoted.ts";
import type { Refusal, TrustCode } from "./trust-problem.ts";

/** `VerificationError.code` of @sigstore/verify 4.1.3, by its beginning. */
const codes: readonly (readonly [prefix: string, code: TrustCode])[] = [
  ["SIGNATURE_", "signature_invalid"],
  ["CERTIFICATE_", "certificate_invalid"],
  ["TIMESTAMP_", "timestamp_invalid"],
  ["TLOG_", "log_invalid"],
];

/**
 * Whatever the library throws is a refusal: malformed input makes it throw TypeError, SyntaxError and
 * OpenSSL errors as well as its own (measured, governance-audit.md 3.2).
 */
export function libraryRefusal(error: unknown): Refusal {
  const text = error instanceof Error ? error.message : String(error);
  const given = error instanceof Error && "code" in error ? String(error.code) : "";
  const code = codes.find(([prefix]) => given.startsWith(prefix))?.[1] ?? "bundle_malformed";
  return { code, message: `The bundle does not verify: ${quoted(text)}.` };
}
