import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerChunks } from "../../../../router/edge/upstream/answer-chunks.ts";

function read(text: string, reads = [text]): { readonly got: string[]; readonly chunks: AnswerChunks; at: number } {
  const chunks = new AnswerChunks();
  const got: string[] = [];
  let at = 0;
  for (const one of reads) at = chunks.read(Buffer.from(one), 0, { data: (content) => void got.push(String(content)) });
  return { got, chunks, at };
}

const large = "x".repeat(64);
const CASES: readonly (readonly [string, string, readonly string[], ended: boolean])[] = [
  ["single octets of one read are one", "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", ["abc"], true],
  ["also where it has not ended", "1\r\na\r\n1\r\nb\r\n", ["ab"], false],
  [
    "larger ones stay as they are, in order",
    `1\r\na\r\n40\r\n${large}\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n`,
    ["a", large, "bc"],
    true,
  ],
  ["what came before nonsense is given", "1\r\na\r\n1\r\nb\r\nx", ["ab"], false],
  ["octets behind the end are not of it", "1\r\na\r\n1\r\nb\r\n0\r\n\r\nmore", ["ab"], true],
];

for (const [name, text, expected, ended] of CASES) {
  test(`chunks of an answer: ${name}`, () => {
    const { got, chunks } = read(text);
    assert.deepEqual(got, expected);
    assert.equal(chunks.ended, ended);
  });
}

test("chunks of an answer: ten thousand single octets are one call of the receiver", () => {
  const { got } = read("1\r\na\r\n".repeat(10_000));
  assert.deepEqual(got, ["a".repeat(10_000)]);
});

test("chunks of an answer: nothing waits for the next read", () => {
  const { got } = read("", ["1\r\na\r\n3\r\nb", "cd\r\n"]);
  assert.deepEqual(got, ["a", "b", "cd"]);
});
