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

/** The same as a value. The scan has found it a strict JSON object. */
export function wholeBody(body: HeldBody): Result<JsonObject, CallProblem> {
  const text = wholeText(body, MOST_PARSED);
  return text.ok ? ok(JSON.parse(text.value) as JsonObject) : text;
}
