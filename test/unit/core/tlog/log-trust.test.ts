import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogTrust, trustedKeys } from "../../../../router/core/tlog/log-trust.ts";
import { formatVerifierKey, type VerifierKey, verifierKey } from "../../../../router/core/tlog/verifier-key.ts";
import { sha256 } from "../../../../router/edge/audit/ed25519.ts";

const keyOf = (name: string, octet: number, algorithm: VerifierKey["algorithm"] = "ed25519"): VerifierKey =>
  verifierKey(name, algorithm, new Uint8Array(32).fill(octet), sha256);
const NAMED = [keyOf("own/a/1", 1), keyOf("own/a/1", 2)];
const trust: LogTrust = {
  named: new Map([["own/a/1", NAMED]]),
  shared: { prefix: "shared/", publicKey: new Uint8Array(32).fill(3) },
  enroll: ["own/", "other/team/"],
};
const pinned = keyOf("own/b", 4);
const offer = (name: string, octet = 5): string => formatVerifierKey(keyOf(name, octet));

const rows: readonly [
  name: string,
  origin: string,
  pinned: VerifierKey | undefined,
  offered: string | undefined,
  expected: readonly [by: string, ...keys: readonly number[]] | undefined,
][] = [
  [
    "a named log has its keys, whatever else is said",
    "own/a/1",
    keyOf("own/a/1", 4),
    offer("own/a/1"),
    ["named", 1, 2],
  ],
  ["a pinned log has its one key", "own/b", pinned, undefined, ["pinned", 4]],
  ["a pinned log cannot bring another", "own/b", pinned, offer("own/b"), ["pinned", 4]],
  ["a log below the shared prefix", "shared/ns/pod", undefined, undefined, ["shared", 3]],
  ["a log below the shared prefix brings no key", "shared/ns/pod", undefined, offer("shared/ns/pod"), ["shared", 3]],
  [
    "an enrolled log keeps its key if its prefix is shared later",
    "shared/x",
    keyOf("shared/x", 4),
    undefined,
    ["pinned", 4],
  ],
  ["the shared prefix alone", "shared", undefined, undefined, undefined],
  ["an origin that only begins alike", "sharedx/ns", undefined, undefined, undefined],
  ["an origin in another case", "Shared/ns", undefined, undefined, undefined],
  ["an origin that is no key name", "shared/n s", undefined, undefined, undefined],
  ["a log that may enroll", "own/c", undefined, offer("own/c"), ["enrolled", 5]],
  ["a log that may enroll below the second prefix", "other/team/c", undefined, offer("other/team/c"), ["enrolled", 5]],
  ["a log that may enroll, without a key", "own/c", undefined, undefined, undefined],
  ["a key of another name", "own/c", undefined, offer("own/d"), undefined],
  ["a witness's key", "own/c", undefined, formatVerifierKey(keyOf("own/c", 5, "cosignature/v1")), undefined],
  ["what is no key", "own/c", undefined, "own/c+00000000+AAAA", undefined],
  ["two keys in two fields", "own/c", undefined, `${offer("own/c")}, ${offer("own/c", 6)}`, undefined],
  ["a log that may not enroll", "other/c", undefined, offer("other/c"), undefined],
];

for (const [name, origin, pin, offered, expected] of rows) {
  test(`INV-WITNESS-TRUST: ${name}`, () => {
    const trusted = trustedKeys(trust, origin, pin, offered, sha256);
    const keys = trusted?.keys.map((key) => key.publicKey[0]);
    assert.deepEqual(trusted === undefined ? undefined : [trusted.by, ...(keys ?? [])], expected);
    if (trusted !== undefined) for (const key of trusted.keys) assert.equal(key.name, origin);
  });
}

test("INV-WITNESS-TRUST: nothing configured, nothing trusted", () => {
  const nothing: LogTrust = { named: new Map(), shared: undefined, enroll: [] };
  assert.equal(trustedKeys(nothing, "own/c", undefined, offer("own/c"), sha256), undefined);
});
