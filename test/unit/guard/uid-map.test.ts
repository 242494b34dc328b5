import assert from "node:assert/strict";
import { test } from "node:test";
import { lastMappedUid } from "../../../init-egress-guard/uid-map.ts";

for (const [name, text, expected] of [
  ["the initial namespace", "         0          0 4294967295\n", 4_294_967_294],
  ["hostUsers: false", "         0  200000  65536\n", 65_535],
  ["several extents, in any order", "1 100000 65536\n0 1000 1\n", 65_536],
  ["the router's UID is not mapped", "0 1000 1\n", "UID 20480 is not mapped in this user namespace"],
  ["UID 0 is not mapped", "1000 1000 30000\n", "UID 0 is not mapped in this user namespace"],
  [
    "a hole where the router's UID would be",
    "0 0 20480\n20481 20481 100\n",
    "UID 20480 is not mapped in this user namespace",
  ],
  ["empty: a namespace whose map is not yet written", "", "UID 0 is not mapped in this user namespace"],
  ["no numbers", "0 zero 1\n", '/proc/self/uid_map is not readable: "0 zero 1"'],
] as const) {
  test(name, () => {
    const last = lastMappedUid(text, 20_480);
    assert.equal(last.ok ? last.value : last.problem, expected);
  });
}
