import { fail, ok, type Result } from "../../core/base/result.ts";
import type { JsonObject } from "../../core/translate/json-object.ts";
import type { HeldBody } from "./held-body.ts";
import type { CallProblem } from "./inference-rooms.ts";

/** Parsing takes several times the text's size in memory; what must be looked into whole may not be as large as what passes. */
const MOST_PARSED = 8 * 1024 * 1024;

/** The body as one text, for those who must look into it. */
export function wholeText({ chunks, length }: HeldBody): Result<string, CallProblem> {
  if (length <= MOST_PARSED) return ok(Buffer.concat(chunks, length).toString("utf8"));
  return fail({
    reason: "request_too_large",
    detail: `A body that guardrails or a translation look into has at most ${MOST_PARSED} octets.`,
  });
}

/** The same as a value. The scan has found it a strict JSON object. */
export function wholeBody(body: HeldBody): Result<JsonObject, CallProblem> {
  const text = wholeText(body);
  return text.ok ? ok(JSON.parse(text.value) as JsonObject) : text;
}
