import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkedBody } from "../../../../router/core/wire/chunked-body.ts";

type Outcome =
  | { readonly state: "more"; readonly payload: string }
  | { readonly state: "end"; readonly payload: string; readonly leftover: string }
  | { readonly state: "malformed"; readonly problem: string };

/** What a body says of this text, given in pieces of at most `size` octets. */
function decode(text: string, size: number): Outcome {
  const bytes = Buffer.from(text, "latin1");
  const body = new ChunkedBody();
  let payload = "";
  for (let at = 0; at < bytes.length; at += size) {
    const step = body.read(bytes.subarray(at, at + size));
    if (step.state === "malformed") return step;
    payload += Buffer.concat([...step.payload]).toString("latin1");
    if (step.state === "end") {
      const leftover = Buffer.from(step.leftover).toString("latin1") + bytes.subarray(at + size).toString("latin1");
      return { state: "end", payload, leftover };
    }
  }
  return { state: "more", payload };
}

const SIZE = "A chunk size is not plain hex digits with CR LF after them.";
const END = "A chunk does not end in CR LF.";
const DIGITS = "A chunk size has more than 13 digits.";
const TRAILER = "The chunked content has trailer fields.";

const cases: readonly (readonly [text: string, outcome: Outcome])[] = [
  ["0\r\n\r\n", { state: "end", payload: "", leftover: "" }],
  ["5\r\nhello\r\n0\r\n\r\n", { state: "end", payload: "hello", leftover: "" }],
  ["5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET / HTTP/1.1", { state: "end", payload: "hello!", leftover: "GET / HTTP/1.1" }],
  [
    "A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n",
    { state: "end", payload: "01234567890123456789", leftover: "" },
  ],
  ["00005\r\nhello\r\n0\r\n\r\n", { state: "end", payload: "hello", leftover: "" }],
  ["4\r\n\r\n\r\n\r\n0\r\n\r\n", { state: "end", payload: "\r\n\r\n", leftover: "" }],
  [`${"01\r\na\r\n".repeat(20)}0\r\n\r\n`, { state: "end", payload: "a".repeat(20), leftover: "" }],
  ["5\r\nhel", { state: "more", payload: "hel" }],
  ["fffffffffffff\r\nx", { state: "more", payload: "x" }],
  ["0\r\n\r", { state: "more", payload: "" }],
  ["", { state: "more", payload: "" }],
  // Chunk extensions: readers differ on where their line ends.
  ["5;a=b\r\nhello\r\n0\r\n\r\n", { state: "malformed", problem: SIZE }],
  ["5;\nxx\r\nhello\r\n", { state: "malformed", problem: SIZE }],
  ["0;x\r\n\r\n", { state: "malformed", problem: SIZE }],
  ["0x5\r\nhello\r\n", { state: "malformed", problem: SIZE }],
  ["+5\r\nhello\r\n", { state: "malformed", problem: SIZE }],
  ["-5\r\nhello\r\n", { state: "malformed", problem: SIZE }],
  [" 5\r\nhello\r\n", { state: "malformed", problem: SIZE }],
  ["5 \r\nhello\r\n", { state: "malformed", problem: SIZE }],
  ["5\t\r\nhello\r\n", { state: "malformed", problem: SIZE }],
  ["5_0\r\n", { state: "malformed", problem: SIZE }],
  ["g\r\n", { state: "malformed", problem: SIZE }],
  ["\r\n", { state: "malformed", problem: SIZE }],
  ["\0", { state: "malformed", problem: SIZE }],
  ["5\nhello\r\n", { state: "malformed", problem: SIZE }],
  ["5\rhello\r\n", { state: "malformed", problem: END }],
  ["5\r\rhello\r\n", { state: "malformed", problem: END }],
  ["5\r\nhello\n0\r\n\r\n", { state: "malformed", problem: END }],
  ["5\r\nhelloX\r\n", { state: "malformed", problem: END }],
  ["5\r\nhello\rX", { state: "malformed", problem: END }],
  ["3\r\nhello\r\n", { state: "malformed", problem: END }],
  ["0\r\n\n", { state: "malformed", problem: TRAILER }],
  ["0\r\nX: y\r\n\r\n", { state: "malformed", problem: TRAILER }],
  ["0\r\n\rX", { state: "malformed", problem: END }],
  ["00000000000001\r\n", { state: "malformed", problem: DIGITS }],
  ["10000000000000\r\n", { state: "malformed", problem: DIGITS }],
  ["fffffffffffffffff\r\n", { state: "malformed", problem: DIGITS }],
];

for (const [text, outcome] of cases) {
  test(`chunked content ${JSON.stringify(text)}`, () => {
    for (const size of [1, 2, 3, 7, 1_000]) assert.deepEqual(decode(text, size), outcome, `in pieces of ${size}`);
  });
}

test("payload and leftover are views of the buffer given, not copies", () => {
  const bytes = Buffer.from("5\r\nhello\r\n0\r\n\r\nrest", "latin1");
  const step = new ChunkedBody().read(bytes);
  assert.ok(step.state === "end");
  assert.equal(step.payload.length, 1);
  assert.equal(step.payload[0]?.buffer, bytes.buffer);
  assert.equal(step.payload[0].byteOffset, bytes.byteOffset + 3);
  assert.equal(step.leftover.byteOffset, bytes.byteOffset + 15);
});

test("a body that has ended is not read again", () => {
  const ended = new ChunkedBody();
  ended.read(Buffer.from("0\r\n\r\n"));
  assert.throws(() => ended.read(Buffer.from("x")));
  const broken = new ChunkedBody();
  broken.read(Buffer.from("x"));
  assert.throws(() => broken.read(Buffer.from("0\r\n\r\n")));
});
