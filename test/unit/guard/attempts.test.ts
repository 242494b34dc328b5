import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { test } from "node:test";
import { attemptsFor } from "../../../init-egress-guard/attempts.ts";

const MASK6 = "ffff:ffff:ffff:ffff::";

function v4(address: string, netmask = "255.255.255.0"): NetworkInterfaceInfo {
  return { address, family: "IPv4", internal: address === "127.0.0.1", netmask, mac: "", cidr: null };
}

function v6(address: string, scopeid = 0): NetworkInterfaceInfo {
  return { address, family: "IPv6", internal: address === "::1", netmask: MASK6, mac: "", cidr: null, scopeid };
}

function targets(interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[]>>): readonly string[] {
  return [...new Set(attemptsFor(interfaces, true).map(({ address }) => address))];
}

for (const [name, interfaces, expected] of [
  ["loopback alone: nothing to try", { lo: [v4("127.0.0.1"), v6("::1")] }, []],
  ["IPv4 only", { eth0: [v4("10.1.2.4")] }, ["192.0.2.1", "10.1.2.5"]],
  ["link-local IPv6 is IPv6", { eth0: [v6("fe80::2", 3)] }, ["2001:db8::1", "fe80::3%eth0"]],
  ["never its own address", { eth0: [v4("10.1.2.2"), v4("10.1.2.3")] }, ["192.0.2.1", "10.1.2.6", "10.1.2.1"]],
  ["nor the subnet", { eth0: [v6("fd00::1"), v4("10.0.0.1")] }, ["2001:db8::1", "fd00::3", "192.0.2.1", "10.0.0.3"]],
  ["nor the broadcast address", { eth0: [v4("10.0.0.254")] }, ["192.0.2.1", "10.0.0.252"]],
  ["of a smaller network", { eth0: [v4("10.0.0.126", "255.255.255.128")] }, ["192.0.2.1", "10.0.0.124"]],
  ["a point-to-point link", { eth0: [v4("10.0.0.254", "255.255.255.255")] }, ["192.0.2.1", "10.0.0.255"]],
  ["two of three addresses of its own", { eth0: [v4("10.0.0.1", "255.255.255.252")] }, ["192.0.2.1", "10.0.0.5"]],
  ["an address that ends in zeros", { eth0: [v6("fd00:1::")] }, ["2001:db8::1", "fd00:1::1"]],
] as const) {
  test(name, () => assert.deepEqual(targets(interfaces), expected));
}

function answerable(redirect: boolean): readonly string[] {
  return attemptsFor({ eth0: [v4("10.1.2.3")] }, redirect).flatMap(({ transport, port, redirected }) =>
    redirected ? [`${transport} ${port}`] : [],
  );
}

test("only ports 443, 80 and 53 may be answered, and none without redirection", () => {
  assert.deepEqual(answerable(true), ["tcp 443", "tcp 80", "tcp 53", "udp 53"]);
  assert.deepEqual(answerable(false), []);
});
