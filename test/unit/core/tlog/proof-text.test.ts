import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddCheckpoint, parseAddCheckpoint } from "../../../../router/core/tlog/add-checkpoint.ts";
import { MAXIMUM_EXTRA, MAXIMUM_PROOF_TEXT } from "../../../../router/core/tlog/proof-text.ts";
import { formatTlogProof, parseTlogProof } from "../../../../router/core/tlog/tlog-proof.ts";
import { leafOf } from "./merkle-vectors.ts";

const HASHES = [leafOf("00"), leafOf("01")];
const [A = "", B = ""] = HASHES.map((hash) => Buffer.from(hash, "hex").toString("base64"));
const NOTE = "example.com/log\n8\nroot\n\n\u2014 example.com/log c2ln\n";
const HEAD = "c2sp.org/tlog-proof@v1\n";

const read: readonly [name: string, text: string, extra: string | undefined, index: number, hashes: number][] = [
  ["all there is", `${HEAD}extra AAEC\nindex 5\n${A}\n${B}\n\n${NOTE}`, "000102", 5, 2],
  ["no extra data", `${HEAD}index 0\n${A}\n\n${NOTE}`, undefined, 0, 1],
  ["no hashes", `${HEAD}index 0\n\n${NOTE}`, undefined, 0, 0],
  ["the largest index", `${HEAD}index 9007199254740991\n\n${NOTE}`, undefined, 2 ** 53 - 1, 0],
  ["63 hashes", `${HEAD}index 0\n${`${A}\n`.repeat(63)}\n${NOTE}`, undefined, 0, 63],
];

for (const [name, text, extra, index, hashes] of read) {
  test(`tlog-proof: ${name}`, () => {
    const parsed = parseTlogProof(text);
    assert.ok(parsed.ok);
    const { value } = parsed;
    assert.deepEqual([value.extra?.toHex(), value.index, value.path.length], [extra, index, hashes]);
    assert.deepEqual([value.checkpoint, formatTlogProof(value)], [NOTE, text]);
    assert.deepEqual(value.path.slice(0, 2), hashes === 63 ? [HASHES[0], HASHES[0]] : HASHES.slice(0, hashes));
  });
}

const refused: readonly [name: string, text: string, code: string][] = [
  ["nothing", "", "bad_head"],
  ["another version", `c2sp.org/tlog-proof@v2\nindex 0\n\n${NOTE}`, "bad_head"],
  ["a byte order mark", `\ufeff${HEAD}index 0\n\n${NOTE}`, "bad_head"],
  ["carriage returns", `c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\n${NOTE}`, "bad_head"],
  ["empty extra data", `${HEAD}extra \nindex 0\n\n${NOTE}`, "bad_extra"],
  ["extra data without padding", `${HEAD}extra AA\nindex 0\n\n${NOTE}`, "bad_extra"],
  ["extra data with bits that encode nothing", `${HEAD}extra AB==\nindex 0\n\n${NOTE}`, "bad_extra"],
  ["a space in the extra data", `${HEAD}extra AAEC AAE\nindex 0\n\n${NOTE}`, "bad_extra"],
  ["extra data in the URL alphabet", `${HEAD}extra __-_\nindex 0\n\n${NOTE}`, "bad_extra"],
  ["extra data that never ends", `${HEAD}extra ${"A".repeat(4000)}`, "bad_extra"],
  [
    "too much extra data",
    `${HEAD}extra ${Buffer.alloc(MAXIMUM_EXTRA + 1).toString("base64")}\nindex 0\n\n${NOTE}`,
    "bad_extra",
  ],
  ["two extra lines", `${HEAD}extra AAEC\nextra AAEC\nindex 0\n\n${NOTE}`, "bad_number"],
  ["extra data behind the index", `${HEAD}index 0\nextra AAEC\n\n${NOTE}`, "bad_hash"],
  ["no index", `${HEAD}${A}\n\n${NOTE}`, "bad_number"],
  ["an index with a leading zero", `${HEAD}index 01\n\n${NOTE}`, "bad_number"],
  ["a negative index", `${HEAD}index -1\n\n${NOTE}`, "bad_number"],
  ["an index of 2^53", `${HEAD}index 9007199254740992\n\n${NOTE}`, "bad_number"],
  ["an index in another script", `${HEAD}index \u0661\n\n${NOTE}`, "bad_number"],
  ["an index of many digits", `${HEAD}index ${"9".repeat(100_000)}\n\n${NOTE}`, "bad_number"],
  ["a hash without padding", `${HEAD}index 0\n${A.slice(0, -1)}\n\n${NOTE}`, "bad_hash"],
  ["a hash of 31 octets", `${HEAD}index 0\n${Buffer.alloc(31).toString("base64")}\n\n${NOTE}`, "bad_hash"],
  ["a hash of 33 octets", `${HEAD}index 0\n${Buffer.alloc(33).toString("base64")}\n\n${NOTE}`, "bad_hash"],
  ["a hash in hex", `${HEAD}index 0\n${HASHES[0] ?? ""}\n\n${NOTE}`, "bad_hash"],
  ["a space behind a hash", `${HEAD}index 0\n${A} \n\n${NOTE}`, "bad_hash"],
  ["64 hashes", `${HEAD}index 0\n${`${A}\n`.repeat(64)}\n${NOTE}`, "too_many_hashes"],
  ["no checkpoint", `${HEAD}index 0\n${A}\n\n`, "no_checkpoint"],
  ["no empty line", `${HEAD}index 0\n${A}\n`, "no_checkpoint"],
  ["the end within a hash", `${HEAD}index 0\n${A}\n${B}`, "bad_hash"],
  ["ten million characters", `${HEAD}index 0\n\n${"x".repeat(10_000_000)}`, "too_long"],
  ["longer by one", `${HEAD}index 0\n\n`.padEnd(MAXIMUM_PROOF_TEXT + 1, "x"), "too_long"],
];

for (const [name, text, code] of refused) {
  test(`tlog-proof refused: ${name}`, () => {
    const parsed = parseTlogProof(text);
    assert.equal(parsed.ok ? "accepted" : parsed.problem.code, code);
  });
}

const requests: readonly [name: string, text: string, expected: string][] = [
  ["of C2SP's form", `old 20852014\n${A}\n${B}\n\n${NOTE}`, "20852014 2"],
  ["from nothing", `old 0\n\n${NOTE}`, "0 0"],
  ["another head", `Old 5\n\n${NOTE}`, "bad_head"],
  ["two spaces", `old  5\n\n${NOTE}`, "bad_number"],
  ["a leading zero", `old 05\n\n${NOTE}`, "bad_number"],
  ["no size", `old \n\n${NOTE}`, "bad_number"],
  ["no newline at all", "old 5", "bad_number"],
  ["64 hashes", `old 5\n${`${A}\n`.repeat(64)}\n${NOTE}`, "too_many_hashes"],
  ["no checkpoint", `old 5\n${A}\n\n`, "no_checkpoint"],
  ["ten million characters", `old 5\n\n${"x".repeat(10_000_000)}`, "too_long"],
];

for (const [name, text, expected] of requests) {
  test(`add-checkpoint: ${name}`, () => {
    const parsed = parseAddCheckpoint(text);
    if (!parsed.ok) return assert.equal(parsed.problem.code, expected);
    assert.equal(`${parsed.value.oldSize} ${parsed.value.path.length}`, expected);
    assert.equal(formatAddCheckpoint(parsed.value), text);
  });
}

test("what could not be read back is not written", () => {
  const proof = { extra: undefined, index: 0, path: HASHES, checkpoint: NOTE };
  assert.throws(() => formatTlogProof({ ...proof, checkpoint: "" }));
  assert.throws(() => formatTlogProof({ ...proof, index: -1 }));
  assert.throws(() => formatTlogProof({ ...proof, extra: new Uint8Array() }));
  assert.throws(() => formatTlogProof({ ...proof, path: ["zz"] }));
  assert.throws(() => formatAddCheckpoint({ oldSize: 0.5, path: [], checkpoint: NOTE }));
});
