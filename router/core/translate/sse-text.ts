import type { JsonObject } from "./json-object.ts";

/** A frame of a chat completion stream. */
export function dataFrame(value: JsonObject): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** Ends a chat completion stream that is complete. */
export const DONE = "data: [DONE]\n\n";

/** A frame of a messages stream: the event's name is its `type`. */
export function eventFrame(type: string, value: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...value })}\n\n`;
}
