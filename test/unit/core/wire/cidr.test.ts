import assert from "node:assert/strict";
import { test } from "node:test";
import { cidrContains, parseCidr } from "../../../../router/core/wire/cidr.ts";
import { parseIpAddress } from "../../../../router/core/wire/ip-address.ts";

const spellings: readonly (readonly [text: string, canonical: string | undefined])[] = [
  ["10.0.0.0/8", "10.0.0.0/8"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["1.2.3.4/32", "1.2.3.4/32"],
  ["100.64.0.0/10", "100.64.0.0/10"],
  ["FC00::/7", "fc00::/7"],
  ["::/0", "::/0"],
  ["::ffff:0:0/96", "::ffff:0.0.0.0/96"],
  ["64:FF9B::0/96", "64:ff9b::/96"],
  ["::1/128", "::1/128"],
  ["10.0.0.1/8", undefined],
  ["100.96.0.0/10", undefined],
  ["1.2.3.4/31", "1.2.3.4/31"],
  ["1.2.3.5/31", undefined],
  ["fc01::/7", undefined],
  ["fe00::/7", "fe00::/7"],
  ["ff00::/7", undefined],
  ["10.0.0.0", undefined],
  ["10.0.0.0/", undefined],
  ["10.0.0.0/33", undefined],
  ["10.0.0.0/08", undefined],
  ["10.0.0.0/+8", undefined],
  ["10.0.0.0/8 ", undefined],
  ["10.0.0.0/8/8", undefined],
  ["10.0.0.0/255.0.0.0", undefined],
  ["10/8", undefined],
  ["::/129", undefined],
  ["::/-1", undefined],
  ["/8", undefined],
  ["[::]/0", undefined],
];

for (const [text, canonical] of spellings) {
  test(`parseCidr ${JSON.stringify(text)}`, () => {
    assert.equal(parseCidr(text)?.text, canonical);
  });
}

const membership: readonly (readonly [network: string, address: string, inside: boolean])[] = [
  ["10.0.0.0/8", "10.0.0.0", true],
  ["10.0.0.0/8", "10.255.255.255", true],
  ["10.0.0.0/8", "11.0.0.0", false],
  ["10.0.0.0/8", "9.255.255.255", false],
  ["100.64.0.0/10", "100.127.255.255", true],
  ["100.64.0.0/10", "100.128.0.0", false],
  ["0.0.0.0/0", "8.8.8.8", true],
  ["1.2.3.4/32", "1.2.3.4", true],
  ["1.2.3.4/32", "1.2.3.5", false],
  ["::/0", "::1", true],
  ["fc00::/7", "fdff::1", true],
  ["fc00::/7", "fe00::", false],
  ["2001:db8::/33", "2001:db8:7fff::", true],
  ["2001:db8::/33", "2001:db8:8000::", false],
  // Families do not mix.
  ["0.0.0.0/0", "::1", false],
  ["::/0", "1.2.3.4", false],
  ["10.0.0.0/8", "::ffff:10.0.0.1", false],
  ["::ffff:0:0/96", "10.0.0.1", false],
  ["::ffff:0:0/96", "::ffff:10.0.0.1", true],
];

for (const [network, address, inside] of membership) {
  test(`${address} is ${inside ? "" : "not "}in ${network}`, () => {
    const cidr = parseCidr(network);
    const parsed = parseIpAddress(address);
    assert.ok(cidr !== undefined && parsed !== undefined);
    assert.equal(cidrContains(cidr, parsed), inside);
  });
}
