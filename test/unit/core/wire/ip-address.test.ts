import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addressFromOctets,
  addressOctets,
  isIpv6,
  parseIpAddress,
  parseIpv4,
  parseIpv6,
} from "../../../../router/core/wire/ip-address.ts";

const ipv4: readonly (readonly [text: string, canonical: string | undefined])[] = [
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["10.1.2.3", "10.1.2.3"],
  // inet_aton and WHATWG forms (egress-proxies.md section 2b; CVE-2021-28918, CVE-2024-29415): never an address.
  ["127.1", undefined],
  ["127.0.1", undefined],
  ["2130706433", undefined],
  ["0", undefined],
  ["0x7f.0.0.1", undefined],
  ["0x7f000001", undefined],
  ["0177.0.0.1", undefined],
  ["01.2.3.4", undefined],
  ["1.2.3.04", undefined],
  ["00.0.0.0", undefined],
  ["1.2.3.256", undefined],
  ["1.2.3.999", undefined],
  ["1.2.3.4294967297", undefined],
  ["1.2.3", undefined],
  ["1.2.3.4.", undefined],
  [".1.2.3.4", undefined],
  ["1..2.3", undefined],
  ["1.2.3.4.5", undefined],
  ["+1.2.3.4", undefined],
  ["-1.2.3.4", undefined],
  ["1.2.3.4 ", undefined],
  [" 1.2.3.4", undefined],
  ["1.2.3.4\n", undefined],
  ["1.2.3.4\0", undefined],
  ["1.2.3.4%lo", undefined],
  ["1.2.3.4/32", undefined],
  ["1.2.3.1e1", undefined],
  ["①②⑦.0.0.1", undefined],
  ["1。2。3。4", undefined],
  ["١.٢.٣.٤", undefined],
  ["", undefined],
  ["...", undefined],
];

for (const [text, canonical] of ipv4) {
  test(`parseIpv4 ${JSON.stringify(text)}`, () => {
    assert.equal(parseIpv4(text), canonical);
    assert.equal(parseIpAddress(text), canonical);
    assert.equal(parseIpv6(text), undefined);
  });
}

const ipv6: readonly (readonly [text: string, canonical: string | undefined])[] = [
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["0000:0000:0000:0000:0000:0000:0000:0001", "::1"],
  // RFC 5952 sections 1 and 4.
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8::1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"],
  ["2001:db8:aaaa:bbbb:cccc:dddd:eeee:AaAa", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["1:0:0:2:0:0:3:4", "1::2:0:0:3:4"],
  ["0:0:1::", "0:0:1::"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  // Embedded IPv4.
  ["::ffff:1.2.3.4", "::ffff:1.2.3.4"],
  ["::FFFF:102:304", "::ffff:1.2.3.4"],
  ["0:0:0:0:0:ffff:127.0.0.1", "::ffff:127.0.0.1"],
  ["0000:0000:0000:0000:0000:ffff:255.255.255.255", "::ffff:255.255.255.255"],
  ["::127.0.0.1", "::7f00:1"],
  ["64:ff9b::127.0.0.1", "64:ff9b::7f00:1"],
  ["::ffff:0:1.2.3.4", "::ffff:0:102:304"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ["1:2:3:4:5::1.2.3.4", "1:2:3:4:5:0:102:304"],
  // Zone ids (CVE-2025-22870; srt: `net.isIP` takes any text for a zone).
  ["::ffff:1.2.3.4%x.allowed.com", undefined],
  ["fe80::1%eth0", undefined],
  ["fe80::1%25eth0", undefined],
  ["::1%", undefined],
  // Not addresses.
  ["", undefined],
  [":", undefined],
  [":::", undefined],
  ["::::", undefined],
  ["1::2::3", undefined],
  [":1:2:3:4:5:6:7", undefined],
  ["1:2:3:4:5:6:7:", undefined],
  [":1::2", undefined],
  ["1::2:", undefined],
  ["1:2:3:4:5:6:7", undefined],
  ["1:2:3:4:5:6:7:8:9", undefined],
  ["1:2:3:4:5:6:7:8::", undefined],
  ["1:2:3:4::5:6:7:8", undefined],
  ["12345::", undefined],
  ["00001::", undefined],
  ["g::", undefined],
  ["::1.2.3", undefined],
  ["::1.2.3.4.5", undefined],
  ["::1.2.3.04", undefined],
  ["::0x7f.0.0.1", undefined],
  ["::1.2.3.4:5", undefined],
  ["1.2.3.4::", undefined],
  ["1:2:3:4:5:6:7:1.2.3.4", undefined],
  ["1:2:3:4:5:6::1.2.3.4", undefined],
  ["::ffff:1.2.3.4 ", undefined],
  [" ::1", undefined],
  ["::1\0", undefined],
  ["[::1]", undefined],
  ["::1/128", undefined],
  ["::١", undefined],
  ["::-1", undefined],
  ["::+1", undefined],
  ["::0x1", undefined],
  [`::${"0".repeat(60)}1`, undefined],
];

for (const [text, canonical] of ipv6) {
  test(`parseIpv6 ${JSON.stringify(text)}`, () => {
    assert.equal(parseIpv6(text), canonical);
    assert.equal(parseIpAddress(text), canonical);
    assert.equal(parseIpv4(text), undefined);
    if (canonical !== undefined) assert.equal(parseIpv6(canonical), canonical);
  });
}

test("octets of an address and back", () => {
  const four = parseIpAddress("10.1.2.3");
  const mapped = parseIpAddress("::ffff:10.1.2.3");
  assert.ok(four !== undefined && mapped !== undefined);
  assert.deepEqual([...addressOctets(four)], [10, 1, 2, 3]);
  assert.deepEqual([...addressOctets(mapped)], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3]);
  assert.equal(addressFromOctets(addressOctets(four)), four);
  assert.equal(addressFromOctets(addressOctets(mapped)), mapped);
  assert.equal(isIpv6(four), false);
  assert.equal(isIpv6(mapped), true);
  assert.throws(() => addressFromOctets(new Uint8Array(5)), RangeError);
});
