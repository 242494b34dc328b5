import type { JsonObject } from "./json-object.ts";
import type { Refusal } from "./trust-problem.ts";

export const NEEDED = "needed is a sigstore bundle v0.3, as `cosign sign-blob --bundle` of cosign 3 writes it";

/** What people put there by mistake, by name: a refusal that names no format sends them searching (governance-audit.md 3.8). */
export function foreignObject(value: JsonObject): Refusal {
  const has = (name: string) => value[name] !== undefined;
  const seen =
    has("base64Signature") || has("rekorBundle")
      ? "a legacy cosign bundle (base64Signature), which cosign 2 writes without --new-bundle-format"
      : has("SignedEntryTimestamp") || has("Payload")
        ? "a legacy Rekor bundle, as image annotations of cosign 2 hold it"
        : has("payloadType") && has("signatures")
          ? "a bare DSSE envelope"
          : has("critical")
            ? "a simple-signing payload of cosign 2"
            : "a JSON object without a mediaType";
  return { code: "bundle_format", message: `The bundle file is ${seen}; ${NEEDED}.` };
}

export function foreignText(text: string): Refusal {
  const trimmed = text.trim();
  const seen =
    trimmed === ""
      ? "empty"
      : trimmed.startsWith("-----BEGIN ")
        ? "PEM text"
        : trimmed.startsWith("untrusted comment:")
          ? "a minisign signature"
          : /^[A-Za-z0-9+/=\s]+$/.test(trimmed)
            ? "a detached signature (.sig)"
            : undefined;
  return seen === undefined
    ? { code: "bundle_malformed", message: `The bundle file is not JSON, nor one JSON object on each line; ${NEEDED}.` }
    : { code: "bundle_format", message: `The bundle file is ${seen}; ${NEEDED}.` };
}
