import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";

/** As read-bundles.ts reads them; an annotation has no more either. */
const MOST_BUNDLES = 8;
const MOST_OCTETS = 256 * 1024;

/**
 * The content of a `.sigstore.json` file from the annotation `sluice.dev/signatures`: one bundle, a JSON array of them, or one on each
 * line. Undefined: there is none. Only the form is looked at: whether they count is the sidecar's to say.
 */
export function signatureFile(annotation: string | undefined): Result<string | undefined, string> {
  if (annotation === undefined || annotation.trim() === "") return ok(undefined);
  if (Buffer.byteLength(annotation) > MOST_OCTETS) return fail(`The signatures have more than ${MOST_OCTETS} octets.`);
  const whole = parsed(annotation);
  const lines = annotation.split("\n").filter((line) => line.trim() !== "");
  const bundles = Array.isArray(whole)
    ? whole
    : whole === undefined
      ? lines.slice(0, MOST_BUNDLES + 1).map(parsed)
      : [whole];
  if (bundles.length > MOST_BUNDLES) return fail(`There are more than ${MOST_BUNDLES} signatures.`);
  if (bundles.length === 0) return ok(undefined);
  if (!bundles.every((bundle) => isRecord(bundle) && typeof bundle["mediaType"] === "string")) {
    return fail(
      "A signature is a sigstore bundle, a JSON object with a mediaType: one of them, an array, or one on each line.",
    );
  }
  return ok(`${bundles.map((bundle) => JSON.stringify(bundle)).join("\n")}\n`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
