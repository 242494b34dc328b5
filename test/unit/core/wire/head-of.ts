import assert from "node:assert/strict";
import { type HeadLimits, readRequestHead, type RequestHead } from "../../../../router/core/wire/message-head.ts";

export const LIMITS: HeadLimits = { lineBytes: 8_192, fieldCount: 100, headBytes: 16_384 };

/** Lines joined with CR LF and ended with an empty line, each character one octet. */
export function octetsOf(...lines: readonly string[]): Uint8Array {
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** The head that these lines make; the test fails where they make none. */
export function headOf(...lines: readonly string[]): RequestHead {
  const octets = octetsOf(...lines);
  const reading = readRequestHead(octets, octets.length, 0, LIMITS);
  assert.ok(reading.state === "complete", JSON.stringify(reading));
  return reading.head;
}
