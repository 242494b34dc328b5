import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeAddCheckpoint, type NoteTrust, type WitnessedHead } from "../../../../router/core/tlog/witness.ts";
import { EMPTY_ROOT } from "../../../../router/core/tlog/tree-hash.ts";
import { nodeHash } from "../../../../router/edge/audit/node-hash.ts";
import { WitnessedLogFake } from "../../../fakes/witnessed-log.ts";

const log = new WitnessedLogFake("example.com/log");
const fork = log.forkAt(6);
const head = (size: number, of = log): WitnessedHead => ({ size, root: of.root(size) });

interface Asked {
  readonly of?: WitnessedLogFake;
  readonly path?: readonly string[];
  readonly root?: string;
  readonly trust?: NoteTrust;
}

/** Asks for `size` with a proof from `oldSize`, honestly where nothing else is said. */
function judge(known: WitnessedHead | undefined, oldSize: number, size: number, asked: Asked = {}): unknown {
  const { of = log, trust = "signed" } = asked;
  const { path = of.proof(oldSize, size), root = of.root(size) } = asked;
  const judged = judgeAddCheckpoint(
    { oldSize, path, checkpoint: { origin: log.origin, size, root } },
    trust,
    known,
    nodeHash,
  );
  return judged.status === 200 ? [200, judged.isNew ? "new" : "same", judged.head] : Object.values(judged);
}

const rows: readonly [name: string, judged: () => unknown, expected: readonly unknown[]][] = [
  ["the first checkpoint of a log", () => judge(undefined, 0, 7), [200, "new", head(7)]],
  ["the first is of an empty tree", () => judge(undefined, 0, 0), [200, "new", { size: 0, root: EMPTY_ROOT }]],
  ["growth from an empty tree", () => judge(head(0), 0, 7), [200, "new", head(7)]],
  ["growth", () => judge(head(5), 5, 12), [200, "new", head(12)]],
  ["growth by one", () => judge(head(8), 8, 9), [200, "new", head(9)]],
  ["the same again", () => judge(head(7), 7, 7), [200, "same", head(7)]],
  ["an empty tree again", () => judge(head(0), 0, 0), [200, "same", { size: 0, root: EMPTY_ROOT }]],
  ["an unknown origin", () => judge(head(5), 5, 7, { trust: "unknown_origin" }), [404, "unknown_origin"]],
  ["no signature of the log", () => judge(head(5), 5, 7, { trust: "not_signed" }), [403, "not_signed"]],
  [
    "an unknown origin comes before everything else",
    () => judge(head(5), 9, 7, { trust: "unknown_origin", of: fork }),
    [404, "unknown_origin"],
  ],
  ["a signature comes before what it signs", () => judge(head(5), 9, 7, { trust: "not_signed" }), [403, "not_signed"]],
  ["an old size above the new one", () => judge(head(5), 8, 7), [400, "old_above_new"]],
  ["an old size above both", () => judge(head(5), 9, 7), [400, "old_above_new"]],
  ["the client does not know the size", () => judge(head(5), 0, 7), [409, "stale", 5]],
  ["a replay of an older growth", () => judge(head(7), 3, 5), [409, "stale", 7]],
  ["a replay of the last growth", () => judge(head(7), 5, 7), [409, "stale", 7]],
  ["a rollback, proved from its own size", () => judge(head(7), 5, 5), [409, "stale", 7]],
  ["a rollback below the witness's size", () => judge(head(7), 7, 5), [400, "old_above_new"]],
  ["growth from a size never seen", () => judge(undefined, 5, 7), [409, "stale", 0]],
  ["growth from beyond the latest", () => judge(head(5), 6, 7), [409, "stale", 5]],
  ["a fork at the same size", () => judge(head(7), 7, 7, { of: fork }), [409, "fork", 7]],
  ["an empty tree with another root", () => judge(undefined, 0, 0, { root: log.root(1) }), [409, "fork", 0]],
  ["a fork below, with its own proof", () => judge(head(7), 7, 12, { of: fork }), [422, "not_proved"]],
  [
    "a fork above is growth: nobody saw the other",
    () => judge(head(6), 6, 12, { of: fork }),
    [200, "new", head(12, fork)],
  ],
  ["another root than the proof leads to", () => judge(head(5), 5, 12, { root: fork.root(12) }), [422, "not_proved"]],
  ["no proof", () => judge(head(5), 5, 12, { path: [] }), [422, "not_proved"]],
  ["a proof for another size", () => judge(head(5), 5, 12, { path: log.proof(6, 12) }), [422, "not_proved"]],
  ["a proof too long", () => judge(head(5), 5, 12, { path: [...log.proof(5, 12), EMPTY_ROOT] }), [422, "not_proved"]],
  ["a proof for the first checkpoint", () => judge(undefined, 0, 7, { path: [EMPTY_ROOT] }), [422, "not_proved"]],
  ["a proof for the same again", () => judge(head(7), 7, 7, { path: [EMPTY_ROOT] }), [422, "not_proved"]],
];

for (const [name, judged, expected] of rows) {
  test(`INV-WITNESS-JUDGE: ${name}`, () => assert.deepEqual(judged(), expected));
}

test("INV-WITNESS-JUDGE: whatever is asked, a head grows with a proof, or stays", () => {
  let known: WitnessedHead | undefined;
  for (let old = 0; old <= 9; old += 1) {
    for (let size = 0; size <= 9; size += 1) {
      for (const told of [log, fork]) {
        const before: WitnessedHead = known ?? { size: 0, root: EMPTY_ROOT };
        const request = {
          oldSize: old,
          path: told.proof(old, size),
          checkpoint: { origin: "", size, root: told.root(size) },
        };
        const judged = judgeAddCheckpoint(request, "signed", known, nodeHash);
        if (judged.status !== 200) continue;
        assert.ok(judged.head.size > before.size || judged.head.root === before.root);
        assert.equal(old, before.size);
        known = judged.head;
      }
    }
  }
  assert.deepEqual(known, head(9));
});

test("no size is too large to be judged, and no proof too long", () => {
  const size = Number.MAX_SAFE_INTEGER;
  const path = Array.from({ length: 63 }, () => EMPTY_ROOT);
  assert.deepEqual(judge({ size: 2 ** 52, root: EMPTY_ROOT }, 2 ** 52, size, { path, root: EMPTY_ROOT }), [
    422,
    "not_proved",
  ]);
  assert.deepEqual(judge(undefined, 0, size, { path: [], root: EMPTY_ROOT }), [200, "new", { size, root: EMPTY_ROOT }]);
  assert.deepEqual(judge(undefined, size, 5, { path, root: EMPTY_ROOT }), [400, "old_above_new"]);
});
