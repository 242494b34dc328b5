import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LongSkim } from "../../router/core/inference/frame-long-skim.ts";
import { FrameSkim } from "../../router/core/inference/frame-skim.ts";
import { skimTable } from "../../router/core/inference/frame-skim-table.ts";
import type { Findings } from "../../router/core/inference/frame-findings.ts";

const NAMES = ["usage", "index", "text", "content", "error", "deep"];
const table = skimTable([
  { name: "usage", depth: 1, as: "value" },
  { name: "index", depth: 3, as: "value" },
  { name: "error", as: "value" },
  { name: "deep", depth: 2, as: "value" },
  { name: "text", as: "text" },
  { name: "content", depth: 2, as: "text" },
]);
const KEYS = [0, 1, 2, 3];

const shown = (findings: Findings): object => ({
  text: findings.textOctets,
  values: KEYS.map((key) => findings.all(key)),
});

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false, 0, -1.5e9, "", "usage", '"usage":{', "\\", '\\"', "四\n", "x".repeat(80)),
    fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 4 })), tie("any"), { maxKeys: 5 }),
    fc.array(tie("any"), { maxLength: 4 }),
  ),
}));
const object = fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 4 })), value.any, {
  maxKeys: 6,
});
const spaced = fc.constantFrom(0, 1, 2);

/** What the keys stand for, by walking the parsed value. */
function walked(root: unknown): object {
  let text = 0;
  const values: unknown[][] = KEYS.map(() => []);
  const rows: readonly (readonly [name: string, depth: number | undefined, key: number])[] = [
    ["usage", 1, 0],
    ["index", 3, 1],
    ["error", undefined, 2],
    ["deep", 2, 3],
  ];
  const walk = (at: unknown, depth: number): void => {
    if (typeof at !== "object" || at === null) return;
    for (const [name, member] of Object.entries(at)) {
      const row = Array.isArray(at)
        ? undefined
        : rows.find(([known, where]) => known === name && (where ?? depth) === depth);
      if (row !== undefined) {
        if (member !== null) values[row[2]]?.push(member);
        continue;
      }
      const counted = !Array.isArray(at) && (name === "text" || (name === "content" && depth === 2));
      if (counted && typeof member === "string") text += Buffer.byteLength(JSON.stringify(member)) - 2;
      walk(member, depth + 1);
    }
  };
  walk(root, 1);
  return { text, values };
}

/** As the skim reads octets: above ASCII they are Latin-1. */
const latin1 = (value_: object): unknown => JSON.parse(Buffer.from(JSON.stringify(value_)).toString("latin1"));

test("INV-METER-TEXT: both skims find what a walk over the parsed object finds, however it is spaced and split", () => {
  fc.assert(
    fc.property(object, spaced, fc.array(fc.nat(2_000), { maxLength: 6 }), (root, spaces, places) => {
      const bytes = Uint8Array.from(Buffer.from(JSON.stringify(root, null, spaces)));
      const expected = latin1(walked(root));

      const skim = new FrameSkim(table);
      assert.equal(skim.run(bytes, 0, bytes.length), bytes.length);
      assert.deepEqual(shown(skim.findings), expected);

      const long = new LongSkim(table);
      const edges = [0, ...places.map((place) => place % bytes.length).toSorted((a, b) => a - b), bytes.length];
      for (const [index, edge] of edges.slice(1).entries()) {
        assert.equal(long.push(bytes, edges[index] ?? 0, edge), edge);
      }
      assert.equal(long.done, true);
      assert.deepEqual(shown(long.findings), expected);
    }),
    { numRuns: 500 },
  );
});

test("an object that is cut is never taken for whole", () => {
  fc.assert(
    fc.property(object, fc.nat(2_000), (root, place) => {
      const bytes = Uint8Array.from(Buffer.from(JSON.stringify(root)));
      const end = place % bytes.length;
      assert.equal(new FrameSkim(table).run(bytes, 0, end), -1);
      const long = new LongSkim(table);
      long.push(bytes, 0, end);
      assert.equal(long.done, false);
    }),
    { numRuns: 200 },
  );
});
