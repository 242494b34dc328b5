import assert from "node:assert/strict";
import { test } from "node:test";
import { asksForUnsearchable, unsearchable } from "../../../../router/app/inspection/searchable.ts";

const CODED = "The answer is coded, and was asked for as it is.";
const PART = "The answer is a part, and was asked for as a whole.";

const heads: readonly (readonly [
  name: string,
  status: number,
  fields: Readonly<Record<string, string | readonly string[]>>,
  expected: string | undefined,
])[] = [
  ["nothing said", 200, {}, undefined],
  ["identity", 200, { "content-encoding": "identity", "grpc-encoding": "Identity" }, undefined],
  ["content of a type", 200, { "content-type": "application/grpc" }, undefined],
  ["a multipart of another kind", 200, { "content-type": "multipart/mixed; boundary=byteranges" }, undefined],
  ["gzip", 200, { "content-encoding": "gzip" }, CODED],
  ["in capitals", 200, { "content-encoding": "GZIP" }, CODED],
  ["identity first", 200, { "content-encoding": "identity, br" }, CODED],
  ["identity in a line of its own", 200, { "content-encoding": ["identity", "zstd"] }, CODED],
  ["an empty coding", 200, { "content-encoding": "" }, CODED],
  ["messages that are coded", 200, { "grpc-encoding": "gzip" }, CODED],
  ["messages of Connect", 200, { "connect-content-encoding": "gzip" }, CODED],
  ["of an error", 500, { "content-encoding": "deflate" }, CODED],
  ["a part", 206, {}, PART],
  ["a part that says it is whole", 200, { "content-range": "bytes 0-9/99" }, PART],
  ["a part of an error", 416, { "content-range": "bytes */99" }, PART],
  ["parts", 200, { "content-type": 'Multipart/ByteRanges; boundary="x"' }, PART],
  ["parts behind another type", 200, { "content-type": ["text/plain", "multipart/byteranges"] }, PART],
];
for (const [name, status, said, expected] of heads) {
  test(`an answer that cannot be searched: ${name}`, () => {
    const fields = Object.entries(said).flatMap(([field, values]) =>
      [values].flat().map((value) => ({ name: field, rawName: field, value })),
    );
    assert.equal(unsearchable({ status, fields }), expected);
  });
}

const asked: readonly (readonly [name: string, expected: boolean])[] = [
  ["accept-encoding", true],
  ["grpc-accept-encoding", true],
  ["connect-accept-encoding", true],
  ["range", true],
  ["if-range", true],
  ["request-range", true],
  ["accept", false],
  ["if-none-match", false],
  ["grpc-encoding", false],
];
for (const [name, expected] of asked) {
  test(`a field that asks for such an answer: ${name}`, () => assert.equal(asksForUnsearchable(name), expected));
}
