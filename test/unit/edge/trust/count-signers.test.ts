import assert from "node:assert/strict";
import { test } from "node:test";
import { countSigners } from "../../../../router/edge/trust/count-signers.ts";

const rows: readonly (readonly [
  name: string,
  signatures: readonly (readonly [string, readonly string[]])[],
  expected: readonly string[],
])[] = [
  ["none", [], []],
  ["one", [["p", ["a"]]], ["a"]],
  [
    "one principal twice",
    [
      ["p", ["a"]],
      ["p", ["a"]],
    ],
    ["a"],
  ],
  ["one principal for two signers", [["p", ["a", "b"]]], ["a"]],
  [
    "two principals for one signer",
    [
      ["p", ["a"]],
      ["q", ["a"]],
    ],
    ["a"],
  ],
  [
    "the flexible one makes room",
    [
      ["p", ["a", "b"]],
      ["q", ["a"]],
    ],
    ["a", "b"],
  ],
  [
    "a chain that must be moved twice",
    [
      ["p", ["a", "b"]],
      ["q", ["b", "c"]],
      ["r", ["a"]],
    ],
    ["a", "b", "c"],
  ],
  [
    "distinct ids and principals, and still only two",
    [
      ["p", ["a", "b"]],
      ["q", ["c"]],
      ["r", ["c"]],
    ],
    ["a", "c"],
  ],
  ["a principal that stands for nobody", [["p", []]], []],
];

for (const [name, signatures, expected] of rows) {
  test(`INV-TRUST-05: ${name}`, () => {
    const made = signatures.map(([principal, signers]) => ({ principal, signers }));
    assert.deepEqual(countSigners(made), expected);
    assert.deepEqual(countSigners(made.toReversed()), expected);
  });
}
