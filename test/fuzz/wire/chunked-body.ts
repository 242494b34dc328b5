import assert from "node:assert/strict";
import { ChunkedBody } from "../../../router/core/wire/chunked-body.ts";
import { type FuzzTarget, inputs, latin1 } from "../fuzz-target.ts";

export const CHUNKED_BODY: FuzzTarget = {
  name: "chunked-body",
  input: inputs(
    [
      "0\r\n\r\n",
      "5\r\nhello\r\n0\r\n\r\nGET /",
      "1\r\na\r\nA\r\n0123456789\r\n00\r\n\r\n",
      "4\r\n\r\n\r\n\r\n0\r\n\r\n",
    ],
    [
      "\r\n",
      "\n",
      "\r",
      "0",
      "0\r\n\r\n",
      "5",
      "fffffffffffff",
      "00000000000000",
      ";a=b",
      "0x",
      " ",
      "+",
      "-",
      "X: y\r\n",
      "\0",
    ],
  ),
  examine(input, random) {
    const oracle = oracleChunked(latin1(input));
    const body = new ChunkedBody();
    let payload = "";
    for (let at = 0; at < input.length;) {
      const end = Math.min(input.length, at + 1 + random.below(10));
      const step = body.read(input.subarray(at, end));
      if (step.state === "malformed") {
        assert.equal(oracle.state, "malformed", "the oracle says otherwise");
        return false;
      }
      payload += step.payload.map(latin1).join("");
      if (step.state === "end") {
        const leftover = latin1(step.leftover) + latin1(input.subarray(end));
        assert.deepEqual({ state: "end", payload, leftover }, oracle, "the oracle says otherwise");
        return true;
      }
      at = end;
    }
    assert.deepEqual({ state: "more", payload }, oracle, "the oracle says otherwise");
    return false;
  },
};

/** Chunked content, cut up from the front of a text. */
function oracleChunked(text: string): {
  readonly state: "more" | "end" | "malformed";
  readonly payload?: string;
  readonly leftover?: string;
} {
  let rest = text;
  let payload = "";
  for (;;) {
    const size = /^([0-9a-f]{1,13})\r\n/i.exec(rest);
    if (size === null)
      return /^(?:[0-9a-f]{1,13}\r?)?$/i.test(rest) ? { state: "more", payload } : { state: "malformed" };
    rest = rest.slice(size[0].length);
    const length = Number.parseInt(size[1] ?? "", 16);
    payload += rest.slice(0, length);
    const after = rest.slice(length);
    if (length > 0 && rest.length < length) return { state: "more", payload };
    if (after.length < 2) return "\r\n".startsWith(after) ? { state: "more", payload } : { state: "malformed" };
    if (!after.startsWith("\r\n")) return { state: "malformed" };
    rest = after.slice(2);
    if (length === 0) return { state: "end", payload, leftover: rest };
  }
}
