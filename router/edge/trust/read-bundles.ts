import { fail, ok, type Result } from "../../core/base/result.ts";
import { quoted } from "../../core/document/quoted.ts";
import { foreignObject, foreignText, NEEDED } from "./foreign-format.ts";
import { isObject, type JsonObject, parseJson, unknownMember } from "./json-object.ts";
import type { Sigstore, SigstoreBundle } from "./load-sigstore.ts";
import type { Refusal, TrustCode } from "./trust-problem.ts";
import { decodeUtf8 } from "./utf8.ts";

/** A certificate bundle with log entry and timestamps has some 12 KiB. */
export const MAXIMUM_BUNDLE_FILE = 256 * 1024;
/** All of them are checked, on the thread that relays traffic: a full file of the costliest takes 0.1 s (measured). */
const MAXIMUM_BUNDLES = 8;
/** Log entries, and timestamps, of one bundle. */
const MAXIMUM_EVIDENCE = 4;
const MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/**
 * The content of a `.sigstore.json` file: one bundle, or several, one on each line (JSON Lines, as
 * `jq -c . one.json two.json` prints them) where a document needs more than one signer.
 *
 * Strict beyond the library, which takes any media type that looks alike, ignores unknown fields and picks
 * one of several contents or keys. Whoever writes the bundle also controls every byte of it.
 */
export function readBundles(sigstore: Sigstore, octets: Uint8Array): Result<readonly SigstoreBundle[], Refusal> {
  if (octets.length > MAXIMUM_BUNDLE_FILE) {
    return refuse(
      "bundle_too_large",
      `The bundle file has ${octets.length} octets; at most ${MAXIMUM_BUNDLE_FILE} are read.`,
    );
  }
  const text = decodeUtf8(octets);
  if (text === undefined) return refuse("bundle_malformed", `The bundle file is not UTF-8 text; ${NEEDED}.`);
  const whole = parseJson(text);
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (whole === undefined && lines.length > MAXIMUM_BUNDLES) {
    return refuse(
      "too_many_bundles",
      `The bundle file has ${lines.length} lines; at most ${MAXIMUM_BUNDLES} bundles are read.`,
    );
  }
  if (whole === undefined && lines.length === 0) return fail(foreignText(text));
  const bundles: SigstoreBundle[] = [];
  for (const value of whole === undefined ? lines.map(parseJson) : [whole]) {
    const bundle = value === undefined ? fail(foreignText(text)) : readBundle(sigstore, value);
    if (!bundle.ok) return bundle;
    bundles.push(bundle.value);
  }
  return ok(bundles);
}

function readBundle(sigstore: Sigstore, value: unknown): Result<SigstoreBundle, Refusal> {
  if (!isObject(value)) return refuse("bundle_format", `The bundle file is JSON, but no object; ${NEEDED}.`);
  const mediaType = value["mediaType"];
  if (typeof mediaType !== "string") return fail(foreignObject(value));
  if (mediaType !== MEDIA_TYPE) {
    return refuse(
      "bundle_media_type",
      `The bundle's media type is ${quoted(mediaType)}, but needed is "${MEDIA_TYPE}".`,
    );
  }
  const flaw = flawIn(value);
  if (flaw !== undefined) return refuse("bundle_malformed", flaw);
  try {
    return ok(sigstore.bundleFromJSON(value));
  } catch (error) {
    return refuse("bundle_malformed", `The bundle cannot be read: ${quoted(String(error))}.`);
  }
}

/** The three levels on which an unknown or a second member would change what the bundle says. */
function flawIn(bundle: JsonObject): string | undefined {
  const material = bundle["verificationMaterial"];
  if (!isObject(material)) return "The bundle has no verificationMaterial.";
  const { tlogEntries = [], timestampVerificationData: stamps = {} } = material;
  if (!Array.isArray(tlogEntries) || !isObject(stamps)) return "The bundle's verificationMaterial is malformed.";
  const { rfc3161Timestamps = [] } = stamps;
  if (!Array.isArray(rfc3161Timestamps)) return "The bundle's timestampVerificationData is malformed.";
  if (tlogEntries.length > MAXIMUM_EVIDENCE || rfc3161Timestamps.length > MAXIMUM_EVIDENCE) {
    return `The bundle has more than ${MAXIMUM_EVIDENCE} log entries or timestamps.`;
  }
  return (
    strangerIn("The bundle", bundle, ["mediaType", "verificationMaterial", ...contents]) ??
    strangerIn("The bundle's verificationMaterial", material, [...keys, "tlogEntries", "timestampVerificationData"]) ??
    notExactlyOne("The bundle", bundle, contents) ??
    notExactlyOne("The bundle's verificationMaterial", material, keys)
  );
}

const contents = ["messageSignature", "dsseEnvelope"];
const keys = ["publicKey", "certificate", "x509CertificateChain"];

function strangerIn(what: string, object: JsonObject, known: readonly string[]): string | undefined {
  const unknown = unknownMember(object, known);
  return unknown === undefined ? undefined : `${what} has the unknown member ${quoted(unknown)}.`;
}

function notExactlyOne(what: string, object: JsonObject, names: readonly string[]): string | undefined {
  const count = names.filter((name) => object[name] !== undefined && object[name] !== null).length;
  return count === 1 ? undefined : `${what} must have exactly one of ${names.join(", ")}, and has ${count}.`;
}

function refuse(code: TrustCode, message: string): Result<never, Refusal> {
  return fail({ code, message });
}
