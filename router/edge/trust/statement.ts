import { fail, ok, type Result } from "../../core/base/result.ts";
import { quoted } from "../../core/document/quoted.ts";
import { isObject, parseJson, unknownMember } from "./json-object.ts";
import type { Refusal, TrustCode } from "./trust-problem.ts";
import { decodeUtf8 } from "./utf8.ts";

/** What a DSSE payload says of the document, before anybody knows that it was signed. */
export interface Statement {
  readonly predicateType: string;
  /** 64 lower-case hex digits. */
  readonly subjectSha256: string;
}

/** The only DSSE payload that is read (in-toto Attestation Framework, "Envelope"). */
const PAYLOAD_TYPE = "application/vnd.in-toto+json";
/** cosign 3.1.3 `attest-blob` still writes v0.1; the members used here are the same in both (measured). */
const STATEMENT_TYPES = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
const statementMembers = ["_type", "subject", "predicateType", "predicate"];
const subjectMembers = ["name", "digest"];

/** An in-toto Statement about exactly one subject, by SHA-256. The predicate's content is not looked at. */
export function readStatement(payloadType: string, payload: Uint8Array): Result<Statement, Refusal> {
  if (payloadType !== PAYLOAD_TYPE) {
    return refuse("payload_type", `The DSSE payload type is ${quoted(payloadType)}, but needed is "${PAYLOAD_TYPE}".`);
  }
  const value = parseJson(decodeUtf8(payload) ?? "");
  if (!isObject(value)) return malformed("is not a JSON object");
  const type = value["_type"];
  if (typeof type !== "string" || !STATEMENT_TYPES.includes(type)) {
    return malformed(`has the _type ${quoted(String(type))}, but needed is "${STATEMENT_TYPES[0]}"`);
  }
  if (unknownMember(value, statementMembers) !== undefined) return malformed("has an unknown member");
  const { subject, predicateType } = value;
  if (typeof predicateType !== "string") return malformed("has no predicateType");
  if (!Array.isArray(subject) || subject.length !== 1) return malformed("must be about exactly one subject");
  const only: unknown = subject[0];
  if (!isObject(only) || unknownMember(only, subjectMembers) !== undefined) return malformed("has a malformed subject");
  const digest = only["digest"];
  const sha256 = isObject(digest) ? digest["sha256"] : undefined;
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) {
    return malformed("has a subject without a sha256 digest of 64 lower-case hex digits");
  }
  return ok({ predicateType, subjectSha256: sha256 });
}

function malformed(what: string): Result<never, Refusal> {
  return refuse("statement_malformed", `The signed in-toto statement ${what}.`);
}

function refuse(code: TrustCode, message: string): Result<never, Refusal> {
  return fail({ code, message });
}
