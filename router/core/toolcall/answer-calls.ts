import { ok, type Result } from "../base/result.ts";
import type { Api } from "../inference/api.ts";
import { frameText } from "../inference/frame-text.ts";
import { argumentsOf } from "./open-calls.ts";
import { canCall, readCalls } from "./read-calls.ts";
import { readSource } from "./source-tree.ts";
import type { ModelToolCall } from "./tool-call.ts";
import { type ToolProblem, toolProblem } from "./tool-problem.ts";

const MOST_CALLS = 1_024;

/**
 * The calls in a whole answer (no stream), of all its choices, in order: those that the agent is to run, and those of MCP
 * servers that the provider calls. A problem: it may hold a call that cannot be told for sure, so it must not be passed on.
 */
export function toolCallsOf(api: Api, body: Uint8Array): Result<readonly ModelToolCall[], ToolProblem> {
  if (!canCall(api)) return ok([]);
  const document = readSource(frameText(body, 0, body.length));
  const read = document && readCalls(api, document, undefined);
  if (read === undefined) {
    return toolProblem(
      "unreadable",
      "",
      "The answer is not of its API's form, or one that readers take in different ways.",
    );
  }
  const calls: ModelToolCall[] = [];
  for (const mark of read.marks) {
    if (mark.kind === "end" || mark.kind === "hosted") continue;
    const { name, text, form } = mark;
    if (name === undefined) return toolProblem("unreadable", "", "The answer holds a call without a name.");
    if (calls.length === MOST_CALLS)
      return toolProblem("too_many_calls", "", `An answer calls at most ${MOST_CALLS} tools.`);
    calls.push({ name, arguments: argumentsOf(text, form) });
  }
  return ok(calls);
}
