import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MOST_HASHES, nameHashes } from "../../../../router/core/blocklist/name-hash.ts";

const VECTORS = new URL("../../../vectors/halfsiphash/2-4-64.txt", import.meta.url);
const seed = { first: 0x03020100, second: 0x07060504 };

function hex(hashes: Uint32Array, index: number): string {
  const octets = Buffer.alloc(8);
  octets.writeUInt32LE(hashes[2 * index] ?? 0, 0);
  octets.writeUInt32LE(hashes[2 * index + 1] ?? 0, 4);
  return octets.toString("hex");
}

test("nameHashes is HalfSipHash-2-4 over the octets from the last to the first: 64 vectors of its authors", () => {
  const lines = readFileSync(VECTORS, "utf8").trim().split("\n");
  assert.equal(lines.length, 64);
  const out = new Uint32Array(2);
  for (const [length, expected] of lines.entries()) {
    const text = String.fromCharCode(...Array.from({ length }, (_, at) => length - 1 - at));
    assert.equal(nameHashes(seed, text, true, out), 1);
    assert.equal(hex(out, 0), expected, `${length} octets`);
  }
});

for (const name of ["example.com", "a.b.c.d.e", "abc.defg.hijkl.mnopqr.com", "a.".repeat(126).concat("b"), "com"]) {
  test(`nameHashes of ${name.slice(0, 30)} gives its parents' hashes as if each stood alone`, () => {
    const out = new Uint32Array(2 * MOST_HASHES);
    const alone = new Uint32Array(2);
    const labels = name.split(".");
    assert.equal(nameHashes(seed, name, false, out), labels.length);
    for (let index = 0; index < labels.length; index++) {
      nameHashes(seed, labels.slice(labels.length - 1 - index).join("."), true, alone);
      assert.equal(hex(out, index), hex(alone, 0));
    }
  });
}

test("nameHashes under another seed is another hash", () => {
  const [one, other] = [new Uint32Array(2), new Uint32Array(2)];
  nameHashes(seed, "example.com", true, one);
  for (const changed of [
    { ...seed, first: seed.first ^ 1 },
    { ...seed, second: seed.second ^ 0x80000000 },
  ]) {
    nameHashes(changed, "example.com", true, other);
    assert.notDeepEqual(one, other);
  }
});
