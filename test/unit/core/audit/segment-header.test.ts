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
    { segment: 1, previous: null, tree: [] },
    { segment: 2, previous: PREVIOUS, tree: [NO_LEAF, NO_LEAF] },
    { segment: 3, previous: { ...PREVIOUS, stream: "", seq: -1, ended: "damaged" }, tree: [] },
  ];
  const seqs = [0, 10, 0];
  for (const [index, header] of headers.entries()) {
    assert.deepEqual(parseSegmentDetail(seqs[index] ?? 0, segmentDetail(header)), header);
  }
});

const wrong: readonly [name: string, detail: { readonly [key: string]: AuditValue }][] = [
  ["nothing", {}],
  ["no previous", { segment: 1, tree: [] }],
  ["no number", { previous: null, tree: [] }],
  ["a number of text", { segment: "1", previous: null, tree: [] }],
  ["a negative number", { segment: -1, previous: null, tree: [] }],
  ["a previous that is text", { segment: 2, previous: "f", tree: [] }],
  ["a previous that is a list", { segment: 2, previous: [], tree: [] }],
  ["another ending", { segment: 2, previous: { ...PREVIOUS, ended: "well" }, tree: [] }],
  ["a file of null", { segment: 2, previous: { ...PREVIOUS, file: null }, tree: [] }],
  ["a broken seq", { segment: 2, previous: { ...PREVIOUS, seq: 1.5 }, tree: [] }],
  ["a seq of text", { segment: 2, previous: { ...PREVIOUS, seq: "9" }, tree: [] }],
  ["a size that is negative", { segment: 2, previous: { ...PREVIOUS, bytes: -1 }, tree: [] }],
  ["a previous number of text", { segment: 2, previous: { ...PREVIOUS, segment: "1" }, tree: [] }],
  ["no tree", { segment: 1, previous: null }],
  ["a tree that is no list", { segment: 1, previous: null, tree: {} }],
  ["a tree of too many hashes", { segment: 1, previous: null, tree: [NO_LEAF] }],
  ["a tree of numbers", { segment: 1, previous: null, tree: [0] }],
  ["a tree of short hashes", { segment: 1, previous: null, tree: ["ab"] }],
];

for (const [name, detail] of wrong) {
  test(`no segment header: ${name}`, () => assert.equal(parseSegmentDetail(0, detail), undefined));
}

test("a header must have as many subtrees as its place in the stream asks for", () => {
  for (const [seq, count] of [
    [0, 0],
    [1, 1],
    [2, 1],
    [3, 2],
    [8, 1],
    [1_000_000, 7],
  ] as const) {
    for (const given of [count - 1, count, count + 1]) {
      const detail = { segment: 1, previous: null, tree: Array.from({ length: Math.max(0, given) }, () => NO_LEAF) };
      assert.equal(parseSegmentDetail(seq, detail) !== undefined, Math.max(0, given) === count, `${seq} ${given}`);
    }
  }
});

test("segment names sort in the order of the chain, and only they parse", () => {
  const names = [1, 2, 10, 99_999_999].map((segment) => segmentName(segment, STREAM));
  assert.deepEqual(names.toSorted(), names);
  assert.deepEqual(parseSegmentName(names[2] ?? ""), { segment: 10, stream: STREAM });
  for (const name of ["", "audit-1.jsonl", `${names[0]}.new`, `x${names[0]}`, `${names[0]}\n`, `../${names[0]}`]) {
    assert.equal(parseSegmentName(name), undefined, name);
  }
});
