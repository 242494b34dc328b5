import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditValue } from "../../../../router/core/audit/audit-event.ts";
import {
  NO_LEAF,
  parseSegmentDetail,
  parseSegmentName,
  type SegmentHeader,
  segmentDetail,
  segmentName,
} from "../../../../router/core/audit/segment-header.ts";

const STREAM = "0123456789abcdef".repeat(2);
const PREVIOUS = { file: "f", segment: 1, stream: STREAM, seq: 9, leaf: NO_LEAF, bytes: 10, ended: "unclean" } as const;

test("a segment's header comes back from its detail", () => {
  const headers: SegmentHeader[] = [
    { segment: 1, previous: null },
    { segment: 2, previous: PREVIOUS },
    { segment: 3, previous: { ...PREVIOUS, stream: "", seq: -1, ended: "damaged" } },
  ];
  for (const header of headers) assert.deepEqual(parseSegmentDetail(segmentDetail(header)), header);
});

const wrong: readonly [name: string, detail: { readonly [key: string]: AuditValue }][] = [
  ["nothing", {}],
  ["no previous", { segment: 1 }],
  ["no number", { previous: null }],
  ["a number of text", { segment: "1", previous: null }],
  ["a negative number", { segment: -1, previous: null }],
  ["a previous that is text", { segment: 2, previous: "f" }],
  ["a previous that is a list", { segment: 2, previous: [] }],
  ["another ending", { segment: 2, previous: { ...PREVIOUS, ended: "well" } }],
  ["a file of null", { segment: 2, previous: { ...PREVIOUS, file: null } }],
  ["a broken seq", { segment: 2, previous: { ...PREVIOUS, seq: 1.5 } }],
  ["a seq of text", { segment: 2, previous: { ...PREVIOUS, seq: "9" } }],
  ["a size that is negative", { segment: 2, previous: { ...PREVIOUS, bytes: -1 } }],
  ["a previous number of text", { segment: 2, previous: { ...PREVIOUS, segment: "1" } }],
];

for (const [name, detail] of wrong) {
  test(`no segment header: ${name}`, () => assert.equal(parseSegmentDetail(detail), undefined));
}

test("segment names sort in the order of the chain, and only they parse", () => {
  const names = [1, 2, 10, 99_999_999].map((segment) => segmentName(segment, STREAM));
  assert.deepEqual(names.toSorted(), names);
  assert.deepEqual(parseSegmentName(names[2] ?? ""), { segment: 10, stream: STREAM });
  for (const name of ["", "audit-1.jsonl", `${names[0]}.new`, `x${names[0]}`, `${names[0]}\n`, `../${names[0]}`]) {
    assert.equal(parseSegmentName(name), undefined, name);
  }
});
