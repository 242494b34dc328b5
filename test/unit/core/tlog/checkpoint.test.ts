import assert from "node:assert/strict";
import { test } from "node:test";
import { checkpointText, parseCheckpoint } from "../../../../router/core/tlog/checkpoint.ts";
import { EMPTY_ROOT } from "../../../../router/core/tlog/tree-hash.ts";
import { noteOf, vector } from "./note-fixture.ts";

const ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
const HEX = "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62";

const read: readonly [name: string, text: string, origin: string, size: number, root: string][] = [
  [
    "the specification's example",
    noteOf(vector("spec-checkpoint.note")).text,
    "example.com/behind-the-sofa",
    20_852_163,
    HEX,
  ],
  ["an origin with spaces", `a log with spaces\n6476701\n${ROOT}\n`, "a log with spaces", 6_476_701, HEX],
  ["extension lines", noteOf(vector("cosigned-extensions.note")).text, "Log", 7, HEX],
  ["an empty tree", "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "a", 0, EMPTY_ROOT],
  ["the largest size", `a\n9007199254740991\n${ROOT}\n`, "a", Number.MAX_SAFE_INTEGER, HEX],
  ["an origin that is a path", `../../etc/passwd\n1\n${ROOT}\n`, "../../etc/passwd", 1, HEX],
];

for (const [name, text, origin, size, root] of read) {
  test(`reads ${name}`, () => {
    assert.deepEqual(parseCheckpoint(text), { origin, size, root });
    assert.ok(text.startsWith(checkpointText({ origin, size, root })));
  });
}

const refused: readonly [name: string, text: string][] = [
  ["nothing", ""],
  ["newlines", "\n\n\n"],
  ["no origin", `\n1\n${ROOT}\n`],
  ["no root", "a\n1\n"],
  ["no newline at the end", `a\n1\n${ROOT}`],
  ["an empty line at the end", `a\n1\n${ROOT}\n\n`],
  ["an empty extension line", `a\n1\n${ROOT}\n\nmore\n`],
  ["a leading zero", `a\n01\n${ROOT}\n`],
  ["a sign", `a\n+1\n${ROOT}\n`],
  ["a negative size", `a\n-1\n${ROOT}\n`],
  ["a fraction", `a\n1.0\n${ROOT}\n`],
  ["an exponent", `a\n1e3\n${ROOT}\n`],
  ["hex", `a\n0x10\n${ROOT}\n`],
  ["a space before the size", `a\n 1\n${ROOT}\n`],
  ["a size without digits", `a\n\n${ROOT}\n`],
  ["digits of another script", `a\n\u0661\n${ROOT}\n`],
  ["2^53", `a\n9007199254740992\n${ROOT}\n`],
  ["2^64", `a\n18446744073709551616\n${ROOT}\n`],
  ["CRLF", `a\r\n1\r\n${ROOT}\r\n`],
  ["a root of 31 octets", "a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n"],
  ["a root of 33 octets", `a\n1\n${"A".repeat(44)}\n`],
  ["a root whose last bits are not zero", `a\n1\n${ROOT.replace("I=", "J=")}\n`],
  ["a root without padding", `a\n1\n${ROOT.slice(0, -1)}\n`],
  ["a space behind the root", `a\n1\n${ROOT} \n`],
  ["a root in hex", `a\n1\n${HEX}\n`],
  ["a long origin", `${"a".repeat(1025)}\n1\n${ROOT}\n`],
  ["a tab in the origin", `a\tb\n1\n${ROOT}\n`],
];

for (const [name, text] of refused) {
  test(`refuses ${name}`, () => assert.equal(parseCheckpoint(text), undefined));
}

test("what could not be read back is not written", () => {
  const checkpoint = { origin: "a", size: 1, root: HEX };
  const wrong = [{ origin: "" }, { origin: "a\n1" }, { size: 1.5 }, { size: -1 }, { size: 2 ** 53 }, { root: "00" }];
  for (const change of [...wrong, { root: HEX.toUpperCase() }]) {
    assert.throws(() => checkpointText({ ...checkpoint, ...change }), JSON.stringify(change));
  }
});
