import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatTreeSize,
  parseAddCheckpointReply,
  SIZE_MEDIA_TYPE,
} from "../../../../router/core/tlog/add-checkpoint-reply.ts";
import { vector } from "./note-fixture.ts";

test("reads the specification's example", () => {
  const reply = parseAddCheckpointReply(200, undefined, vector("add-checkpoint-reply.txt"));
  assert.ok(reply.ok && reply.value.kind === "cosigned");
  assert.deepEqual(
    reply.value.signatures.map(({ name, keyId, signature }) => [name, keyId, signature.length]),
    [
      ["witness.example/w1", "08ca7ee8", 72],
      ["witness.example/w1", "23bac4a6", 72],
      ["witness.example/w2", "016ba2f1", 72],
    ],
  );
});

const WORDS = "The witness answered 409 without a tree size.";
const rows: readonly [name: string, status: number, type: string | undefined, body: string, expected: unknown][] = [
  ["a conflict", 409, SIZE_MEDIA_TYPE, formatTreeSize(20_852_163), { kind: "conflict", size: 20_852_163 }],
  ["a conflict with parameters", 409, "Text/X.tlog.size ; charset=utf-8", "0\n", { kind: "conflict", size: 0 }],
  ["a conflict of another service", 409, "text/plain", "5\n", { kind: "refused", status: 409 }],
  ["a conflict without a type", 409, undefined, "5\n", { kind: "refused", status: 409 }],
  ["not a size", 409, SIZE_MEDIA_TYPE, "5", WORDS],
  ["a size and more", 409, SIZE_MEDIA_TYPE, "5\n\n", WORDS],
  ["a leading zero", 409, SIZE_MEDIA_TYPE, "05\n", WORDS],
  ["2^53", 409, SIZE_MEDIA_TYPE, "9007199254740992\n", WORDS],
  ["an unknown origin", 404, "text/plain", "unknown\n", { kind: "refused", status: 404 }],
  ["a proxy's page", 502, "text/html", "<html>", { kind: "refused", status: 502 }],
  ["200 with a page", 200, "text/html", "<html>", "The witness answered 200 without signature lines."],
  ["200 with nothing", 200, undefined, "", "The witness answered 200 without signature lines."],
];

for (const [name, status, type, body, expected] of rows) {
  test(`reads ${name}`, () => {
    const reply = parseAddCheckpointReply(status, type, body);
    assert.deepEqual(reply.ok ? reply.value : reply.problem, expected);
  });
}
