import { octetsOf } from "../json/utf8.ts";
import { eventStreamFrame } from "./event-stream.ts";

/** One event of an event stream. JSON text has no line ends, so it is one line whatever it holds. */
export function sseFrame(event: string | undefined, data: unknown, lineEnd = "\n"): Uint8Array {
  const name = event === undefined ? "" : `event: ${event}${lineEnd}`;
  return octetsOf(`${name}data: ${JSON.stringify(data)}${lineEnd}${lineEnd}`);
}

export function ndjsonLine(value: unknown): Uint8Array {
  return octetsOf(`${JSON.stringify(value)}\n`);
}

/** What an AWS SDK throws. */
export function bedrockException(type: string, message: string): Uint8Array {
  const headers = [
    [":exception-type", type],
    [":content-type", "application/json"],
    [":message-type", "exception"],
  ] as const;
  return eventStreamFrame(headers, octetsOf(JSON.stringify({ message })));
}

export function bedrockEvent(type: string, payload: object): Uint8Array {
  const headers = [
    [":event-type", type],
    [":content-type", "application/json"],
    [":message-type", "event"],
  ] as const;
  return eventStreamFrame(headers, octetsOf(JSON.stringify(payload)));
}
