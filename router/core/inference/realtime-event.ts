import type { Json } from "../json/json.ts";
import { memberOf } from "./meter-member.ts";
import { isTokenCount } from "./usage-native.ts";
import { statedUsage } from "./usage-stated.ts";
import type { Usage } from "./usage.ts";

/** What of a Realtime server's message is metered. `usage` undefined: the response does not say what it used. */
export type RealtimeEvent =
  | { readonly kind: "response_created" }
  | { readonly kind: "response_done"; readonly usage: Usage | undefined };

/** No message without one of these texts is such an event: nobody writes the name of an event with escapes. */
export const METERED_EVENTS = ['"response.created"', '"response.done"'] as const;

/** Reads one message; undefined: it is another event, or none. Its length is the caller's to bound. */
export function realtimeEvent(text: string): RealtimeEvent | undefined {
  let event: Json;
  try {
    event = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  const type = memberOf(event, "type");
  if (type === "response.created") return { kind: "response_created" };
  if (type !== "response.done") return undefined;
  return { kind: "response_done", usage: usageOf(memberOf(memberOf(event, "response"), "usage")) };
}

/** `input_token_details.cached_tokens`, `output_token_details.audio_tokens`: the names are not those of Responses. */
function usageOf(usage: Json | undefined): Usage | undefined {
  const count = (value: Json | undefined): number | undefined => (isTokenCount(value) ? value : undefined);
  const input = memberOf(usage, "input_token_details");
  const output = memberOf(usage, "output_token_details");
  const stated = statedUsage({
    input: count(memberOf(usage, "input_tokens")),
    cacheRead: count(memberOf(input, "cached_tokens")),
    audioInput: count(memberOf(input, "audio_tokens")),
    output: count(memberOf(usage, "output_tokens")),
    audioOutput: count(memberOf(output, "audio_tokens")),
  });
  return stated?.unstated === undefined ? stated?.usage : undefined;
}

/** The usage of one response more. A sum that a double cannot hold stays at its bound. */
export function addUsage(one: Usage, other: Usage): Usage {
  const sum = (part: keyof Usage): number => Math.min(one[part] + other[part], Number.MAX_SAFE_INTEGER);
  return {
    input: sum("input"),
    cacheRead: sum("cacheRead"),
    cacheWrite: sum("cacheWrite"),
    cacheWriteHour: sum("cacheWriteHour"),
    audioInput: sum("audioInput"),
    output: sum("output"),
    reasoning: sum("reasoning"),
    audioOutput: sum("audioOutput"),
    toolCalls: sum("toolCalls"),
  };
}
