import { fail, ok, type Result } from "../../core/base/result.ts";
import type { HeldBody } from "./held-body.ts";
import type { CallProblem } from "./inference-rooms.ts";

/** Parsing takes several times the text's size in memory; what must be looked into whole may not be as large as what passes. */
const MOST_PARSED = 8 * 1024 * 1024;

export type JsonObject = { readonly [key: string]: never };

/** The body as a value, for those who must look into it. The scan has found it a strict JSON object. */
export function wholeBody({ chunks, length }: HeldBody): Result<Record<string, never>, CallProblem> {
  if (length > MOST_PARSED) {
    return fail({
      reason: "request_too_large",
      detail: `A body that guardrails or a translation look into has at most ${MOST_PARSED} octets.`,
    });
  }
  return ok(JSON.parse(Buffer.concat(chunks, length).toString("utf8")) as Record<string, never>);
}
