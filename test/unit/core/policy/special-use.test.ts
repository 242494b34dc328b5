import assert from "node:assert/strict";
import { test } from "node:test";
import { classifyAddress } from "../../../../router/core/policy/special-use.ts";
import { ip } from "./policy-fixture.ts";

/** The first and the last address of every block, and its neighbours where those are global. */
const table: readonly (readonly [name: string, ...addresses: string[]])[] = [
  ["unspecified", "0.0.0.0", "::"],
  ["this-network", "0.0.0.1", "0.255.255.255"],
  ["private-use", "10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"],
  ["shared-address-space", "100.64.0.0", "100.127.255.255"],
  ["loopback", "127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"],
  ["link-local", "169.254.0.0", "169.254.255.255", "fe80::", "fe80::1", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["ietf-protocol-assignments", "192.0.0.11", "192.0.0.169", "192.0.0.255", "2001:1::", "2001:1ff:ffff::", "2001:5::1"],
  ["ipv4-service-continuity", "192.0.0.0", "192.0.0.7"],
  ["ipv4-dummy", "192.0.0.8"],
  ["pcp-anycast", "192.0.0.9", "2001:1::1"],
  ["turn-anycast", "192.0.0.10", "2001:1::2"],
  ["dns-sd-srp-anycast", "2001:1::3"],
  ["nat64-discovery", "192.0.0.170", "192.0.0.171"],
  ["documentation", "192.0.2.0", "192.0.2.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255"],
  ["documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff::1"],
  ["as112", "192.31.196.0", "192.31.196.255", "192.175.48.0", "192.175.48.255", "2001:4:112::", "2620:4f:8000::1"],
  ["amt", "192.52.193.0", "192.52.193.255", "2001:3::1"],
  ["6to4-relay-anycast", "192.88.99.0", "192.88.99.1", "192.88.99.255"],
  ["6a44-relay-anycast", "192.88.99.2"],
  ["benchmarking", "198.18.0.0", "198.19.255.255", "2001:2::", "2001:2:0:ffff::"],
  ["multicast", "224.0.0.0", "239.255.255.255", "ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["reserved", "240.0.0.0", "255.255.255.254"],
  ["limited-broadcast", "255.255.255.255"],
  ["cloud-metadata", "169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200"],
  ["cloud-metadata", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42"],
  ["ipv4-compatible", "::2", "::127.0.0.1", "::8.8.8.8"],
  ["ipv4-mapped", "::ffff:0:0", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::ffff:ffff:ffff"],
  ["ipv4-translated", "::ffff:0:8.8.8.8", "::ffff:0:127.0.0.1"],
  ["nat64-well-known", "64:ff9b::", "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1"],
  ["nat64-local-use", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
  ["discard-only", "100::", "100::ffff:ffff:ffff:ffff"],
  ["dummy-prefix", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"],
  ["teredo", "2001::", "2001:0:ffff:ffff::1"],
  ["orchid", "2001:10::", "2001:1f:ffff::"],
  ["orchid-v2", "2001:20::", "2001:2f:ffff::"],
  ["drone-remote-id", "2001:30::", "2001:3f:ffff::"],
  ["6to4", "2002::", "2002:808:808::1", "2002:ffff:ffff::"],
  ["srv6-sids", "5f00::", "5f00:ffff::1"],
  ["unique-local", "fc00::", "fdff:ffff::1", "fd00::1"],
  ["site-local", "fec0::", "feff:ffff::1"],
  ["isatap", "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:8.8.8.8", "2a00:1:2:3:0:5efe:a01:203"],
  ["reserved-ipv6", "64:ff9a::1", "64:ff9b:2::", "100:0:0:2::", "200::1", "400::", "1fff:ffff::", "4000::", "5eff::1"],
  ["reserved-ipv6", "5f01::", "8000::1", "e000::", "fbff::", "fe00::1", "1::1"],
  ["global", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"],
  ["global", "128.0.0.0", "169.253.255.255", "169.255.0.0", "168.63.129.15", "168.63.129.17", "172.15.255.255"],
  [
    "global",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.31.195.255",
    "192.31.197.0",
    "192.52.192.1",
  ],
  ["global", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0"],
  ["global", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255"],
  [
    "global",
    "2000::",
    "2001:200::",
    "2001:4860:4860::8888",
    "2001:db7:ffff::",
    "2001:db9::",
    "2003::",
    "2606:4700::1111",
  ],
  [
    "global",
    "2620:4f:7fff::",
    "2620:4f:8001::",
    "3fff:1000::",
    "3fff:ffff::1",
    "2606:4700::5efe:0:0:1",
    "2a00::100:5efe:1.2.3.4",
  ],
];

for (const [name, ...addresses] of table) {
  test(`classifyAddress: ${name}: ${addresses.join(" ")}`, () => {
    for (const address of addresses) {
      const found = classifyAddress(ip(address));
      assert.equal(found.name, name, address);
      assert.equal(found.global, name === "global", address);
      assert.notEqual(found.source, "");
    }
  });
}
