import assert from "node:assert/strict";
import { test } from "node:test";
import { interleaveFamilies } from "../../../../router/edge/upstream/happy-eyeballs.ts";
import { ip } from "../../core/policy/policy-fixture.ts";

const table: readonly (readonly [string, string, string])[] = [
  ["nothing", "", ""],
  ["one", "192.0.2.1", "192.0.2.1"],
  ["one family keeps its order", "192.0.2.3 192.0.2.1 192.0.2.2", "192.0.2.3 192.0.2.1 192.0.2.2"],
  ["IPv6 first", "2001:db8::1 2001:db8::2 192.0.2.1 192.0.2.2", "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2"],
  ["IPv4 first", "192.0.2.1 192.0.2.2 2001:db8::1", "192.0.2.1 2001:db8::1 192.0.2.2"],
  ["few before many", "2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3", "2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3"],
  ["many before few", "2001:db8::1 2001:db8::2 2001:db8::3 192.0.2.1", "2001:db8::1 192.0.2.1 2001:db8::2 2001:db8::3"],
  ["an IPv4-mapped address is IPv6", "::ffff:192.0.2.9 192.0.2.1", "::ffff:192.0.2.9 192.0.2.1"],
];

for (const [what, given, expected] of table) {
  test(`families take turns: ${what}`, () => {
    const addresses = given === "" ? [] : given.split(" ").map(ip);
    assert.equal(interleaveFamilies(addresses).join(" "), expected);
  });
}
