/** `stop_reason` of a message to `finish_reason` of a choice. A paused turn has ended for a caller that cannot resume it. */
const FINISH_REASONS: ReadonlyMap<string, string> = new Map([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["pause_turn", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool_calls"],
  ["refusal", "content_filter"],
]);

const STOP_REASONS: ReadonlyMap<string, string> = new Map([
  ["stop", "end_turn"],
  ["length", "max_tokens"],
  ["tool_calls", "tool_use"],
  ["function_call", "tool_use"],
  ["content_filter", "refusal"],
]);

/** Reasons to come read as an ordinary end. */
export function finishReason(reason: string): string {
  return FINISH_REASONS.get(reason) ?? "stop";
}

/** Some OpenAI-compatible origins end calls of tools with "stop". */
export function stopReason(finish: string, usedTools: boolean, refused: boolean): string {
  if (refused) return "refusal";
  const reason = STOP_REASONS.get(finish) ?? "end_turn";
  return reason === "end_turn" && usedTools ? "tool_use" : reason;
}
