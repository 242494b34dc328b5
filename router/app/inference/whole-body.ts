import { fail, ok, type Result } from "../../core/base/result.ts";
import type { JsonObject } from "../../core/translate/json-object.ts";
import type { HeldBody } from "./held-body.ts";
import type { CallProblem } from "./call-problem.ts";

/** Parsing takes several times the text's size in memory; what must be looked into whole may not be as large as what passes. */
const MOST_PARSED = 8 * 1024 * 1024;

/** Patterns are searched in one go: with more, a hostile body holds up the router for seconds (3 s of 8 MiB, measured). */
export const MOST_GUARDED = 2 * 1024 * 1024;

/** The body as one text of at most `most` octets, for those who must look into it. */
export function wholeText({ chunks, length }: HeldBody, most: number): Result<string, CallProblem> {
  if (length <= most) return ok(Buffer.concat(chunks, length).toString("utf8"));
  const detail = `A body that guardrails or a translation look into has at most ${most} octets.`;
  return fail({ reason: "request_too_large", detail });
}

const COMMA = 0x2c;
/** Parsed, a comma costs a hundred octets; an image in base64 has none. */
const MOST_COMMAS = 100_000;

/** A large body of many small members holds up the router for seconds, and its memory for good (5 s of 8 MiB, measured). */
function hasMany(chunks: readonly Uint8Array[]): boolean {
  let commas = 0;
  for (const chunk of chunks) {
    for (let at = chunk.indexOf(COMMA); at !== -1; at = chunk.indexOf(COMMA, at + 1)) {
      commas += 1;
      if (commas > MOST_COMMAS) return true;
    }
  }
  return false;
}

/** The same as a value. The scan has found it a strict JSON object. */
export function wholeBody(body: HeldBody): Result<JsonObject, CallProblem> {
  const text = wholeText(body, MOST_PARSED);
  if (text.ok && body.length > MOST_GUARDED && hasMany(body.chunks)) {
    return fail({ reason: "request_too_large", detail: "A body that a translation looks into has fewer members." });
  }
  return text.ok ? ok(JSON.parse(text.value) as JsonObject) : text;
}
