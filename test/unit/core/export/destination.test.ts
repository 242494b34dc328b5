import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import * as fc from "fast-check";
import { addressVersion, parseDestination } from "../../../../router/core/export/destination.ts";

const rows: readonly [target: string, host: string | undefined, port?: number, version?: 4 | 6][] = [
  ["api.github.com:443", "api.github.com", 443],
  ["_dmarc.example:53", "_dmarc.example", 53],
  ["192.0.2.7:5432", "192.0.2.7", 5432, 4],
  ["[2001:db8::1]:443", "2001:db8::1", 443, 6],
  ["[::ffff:192.0.2.7]:443", "::ffff:192.0.2.7", 443, 6],
  ["-", undefined],
  ["", undefined],
  [":443", undefined],
  ["example", undefined],
  ["443", undefined],
  ["example:", undefined],
  ["example:0", undefined],
  ["example:65536", undefined],
  ["example:0443", undefined],
  ["[192.0.2.7]:443", undefined],
  ["[example]:443", undefined],
  ["2001:db8::1:443", undefined],
  ["[2001:db8::1%eth0]:443", undefined],
  ["a b:443", undefined],
  ["a\n:443", undefined],
  ["net:[4026532201]", undefined],
  ["[::256.0.2.7]:443", undefined],
  ["[1::2:3:4:5:6::7:8]:443", undefined],
  ["[1:2:3:4::5:6:7:8]:443", undefined],
  ["[1:2:3:4::6:7:8]:443", "1:2:3:4::6:7:8", 443, 6],
  // Longer than `ip_t` of OCSF may be, and no canonical spelling.
  ["[0000:0000:0000:0000:0000:ffff:192.000.002.007]:443", undefined],
  ["[0000:0000:0000:0000:0000:ffff:255.255.255.255]:443", undefined],
  [`hmac-sha256:${"0a".repeat(32)}`, undefined],
  [`${"a".repeat(256)}:443`, undefined],
];

for (const [target, host, port, version] of rows) {
  test(`parseDestination ${JSON.stringify(target.slice(0, 40))}`, () => {
    assert.deepEqual(parseDestination(target), host === undefined ? undefined : { host, port, version });
  });
}

test("addressVersion agrees with the platform", () => {
  const near = fc
    .array(fc.constantFrom(":", "::", ".", "0", "1", "25", "255", "256", "f", "ffff", "10000", "g", "%", "192.0.2.1"))
    .map((parts) => parts.join(""));
  const group = fc.constantFrom("0", "1", "ffff", "192.0.2.1", "192.0.2.256");
  const groups = fc.array(group, { maxLength: 8 });
  const shortened = fc.tuple(groups, groups).map(([left, right]) => `${left.join(":")}::${right.join(":")}`);
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), near, shortened), (text) => {
      // An IPv6 text longer than any canonical one has leading zeros and a dotted quad: no record holds it.
      const expected = text.length > 39 || text.includes("%") ? 0 : isIP(text);
      assert.equal(addressVersion(text) ?? 0, expected, text);
    }),
    { numRuns: 2_000 },
  );
});
