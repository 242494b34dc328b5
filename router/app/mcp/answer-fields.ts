import type { Field } from "../../core/wire/message-head.ts";

export function field(rawName: string, value: string): Field {
  return { name: rawName.toLowerCase(), rawName, value };
}

/** Of a document. */
export const JSON_FIELDS = [field("Content-Type", "application/json"), field("Cache-Control", "no-store")];
/** Of a stream of events, which nobody on its way is to hold back. */
export const STREAM_FIELDS = [
  field("Content-Type", "text/event-stream"),
  field("Cache-Control", "no-store, no-transform"),
  field("X-Accel-Buffering", "no"),
];
