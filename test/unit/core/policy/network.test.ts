import assert from "node:assert/strict";
import { test } from "node:test";
import { compileNetwork, type NetworkInput } from "../../../../router/core/policy/network.ts";
import { ip, network, port } from "./policy-fixture.ts";

const classes: readonly (readonly [what: string, input: Partial<NetworkInput>, address: string, name: string])[] = [
  ["nothing known", {}, "8.8.8.8", "global"],
  ["own IPv4", { own: [ip("34.1.2.3")] }, "34.1.2.3", "own-address"],
  ["own IPv6", { own: [ip("2606:4700::1")] }, "2606:4700::1", "own-address"],
  ["pod range", { deny: ["34.0.0.0/8"] }, "34.200.0.1", "operator-range"],
  ["beside the pod range", { deny: ["34.0.0.0/8"] }, "35.0.0.1", "global"],
  ["service range, IPv6", { deny: ["2606:4700::/32"] }, "2606:4700:ffff::1", "operator-range"],
  ["a range of one family says nothing of the other", { deny: ["0.0.0.0/0"] }, "2606:4700::1", "global"],
  ["an undeclared well-known NAT64 address", {}, "64:ff9b::8.8.8.8", "nat64-well-known"],
  ["declared, global behind it", { nat64Prefixes: ["64:ff9b::/96"] }, "64:ff9b::8.8.8.8", "global"],
  ["declared, private behind it", { nat64Prefixes: ["64:ff9b::/96"] }, "64:ff9b::10.0.0.1", "private-use"],
  ["declared, metadata behind it", { nat64Prefixes: ["64:ff9b::/96"] }, "64:ff9b::169.254.169.254", "cloud-metadata"],
  [
    "declared, own behind it",
    { nat64Prefixes: ["64:ff9b::/96"], own: [ip("34.1.2.3")] },
    "64:ff9b::34.1.2.3",
    "own-address",
  ],
  [
    "declared, pod range behind it",
    { nat64Prefixes: ["64:ff9b::/96"], deny: ["34.0.0.0/8"] },
    "64:ff9b::34.1.2.3",
    "operator-range",
  ],
  [
    "the range of the prefix itself is denied",
    { nat64Prefixes: ["64:ff9b::/96"], deny: ["64:ff9b::/96"] },
    "64:ff9b::8.8.8.8",
    "operator-range",
  ],
  // RFC 6052 section 2.4: 192.0.2.33 in each length, here with 8.8.4.33.
  ["length 32", { nat64Prefixes: ["2606:db8::/32"] }, "2606:db8:808:421::", "global"],
  ["length 40", { nat64Prefixes: ["2606:db8:100::/40"] }, "2606:db8:108:804:21::", "global"],
  ["length 48", { nat64Prefixes: ["2606:db8:122::/48"] }, "2606:db8:122:808:4:2100::", "global"],
  ["length 56", { nat64Prefixes: ["2606:db8:122:300::/56"] }, "2606:db8:122:308:8:421::", "global"],
  ["length 64", { nat64Prefixes: ["2606:db8:122:344::/64"] }, "2606:db8:122:344:8:804:2100:0", "global"],
  ["length 96", { nat64Prefixes: ["2606:db8:122:344::/96"] }, "2606:db8:122:344::8.8.4.33", "global"],
  ["length 32, private", { nat64Prefixes: ["2606:db8::/32"] }, "2606:db8:a00:1::", "private-use"],
  ["length 40, private", { nat64Prefixes: ["2606:db8:100::/40"] }, "2606:db8:10a:0:1::", "private-use"],
  ["length 48, private", { nat64Prefixes: ["2606:db8:122::/48"] }, "2606:db8:122:a00:0:100::", "private-use"],
  ["length 56, private", { nat64Prefixes: ["2606:db8:122:300::/56"] }, "2606:db8:122:30a:0:1::", "private-use"],
  ["length 64, private", { nat64Prefixes: ["2606:db8:122:344::/64"] }, "2606:db8:122:344:a:0:100:0", "private-use"],
  ["a suffix that is not zero", { nat64Prefixes: ["2606:db8::/32"] }, "2606:db8:808:421::1", "nat64-malformed"],
  [
    "octet 8 that is not zero",
    { nat64Prefixes: ["2606:db8:122::/48"] },
    "2606:db8:122:808:104:2100::",
    "nat64-malformed",
  ],
  ["local-use, declared", { nat64Prefixes: ["64:ff9b:1:fffe::/96"] }, "64:ff9b:1:fffe::8.8.8.8", "global"],
  [
    "local-use, another one declared",
    { nat64Prefixes: ["64:ff9b:1:fffe::/96"] },
    "64:ff9b:1::8.8.8.8",
    "nat64-local-use",
  ],
  ["unique-local, declared", { nat64Prefixes: ["fd64::/96"] }, "fd64::8.8.8.8", "global"],
  ["unique-local, declared, loopback", { nat64Prefixes: ["fd64::/96"] }, "fd64::127.0.0.1", "loopback"],
  ["unique-local, declared, embedded again", { nat64Prefixes: ["fd64::/96"] }, "fd64::1", "this-network"],
  [
    "two prefixes: the worst reading",
    { nat64Prefixes: ["fd64::/48", "fd64::/96"] },
    "fd64::8.8.8.8",
    "nat64-malformed",
  ],
];
for (const [what, input, address, name] of classes) {
  test(`network: ${what}: ${address} is ${name}`, () => {
    const found = network(input).classify(ip(address));
    assert.equal(found.name, name);
    assert.equal(found.global, name === "global");
  });
}

const problems: readonly (readonly [code: string, input: Partial<NetworkInput>])[] = [
  ["deny_not_a_network", { deny: ["10.0.0.1/8"] }],
  ["deny_not_a_network", { deny: ["10.0.0.0"] }],
  ["nat64_not_a_network", { nat64Prefixes: ["10.0.0.0/8"] }],
  ["nat64_not_a_network", { nat64Prefixes: ["64:ff9b::"] }],
  ["nat64_wrong_length", { nat64Prefixes: ["2606:db8::/33"] }],
  ["nat64_wrong_length", { nat64Prefixes: ["::/0"] }],
  ["nat64_wrong_length", { nat64Prefixes: ["2606:db8:0:0:100::/96"] }],
  ["nat64_special_use", { nat64Prefixes: ["::ffff:0:0/96"] }],
  ["nat64_special_use", { nat64Prefixes: ["::/96"] }],
  ["nat64_special_use", { nat64Prefixes: ["2002::/32"] }],
  ["nat64_special_use", { nat64Prefixes: ["2001::/32"] }],
  ["nat64_special_use", { nat64Prefixes: ["fe80::/64"] }],
  ["nat64_special_use", { nat64Prefixes: ["fd00:ec2::/96"] }],
  ["nat64_special_use", { nat64Prefixes: ["2001:db8::/96"] }],
];
for (const [code, input] of problems) {
  test(`network: ${JSON.stringify(input)} is refused: ${code}`, () => {
    const result = compileNetwork({ deny: [], own: [], nat64Prefixes: [], listenerPorts: [], ...input });
    assert.ok(!result.ok);
    assert.deepEqual(
      result.problem.map((problem) => problem.code),
      [code],
    );
  });
}

test("network: all problems at once", () => {
  const result = compileNetwork({ deny: ["x", "10.0.0.0/8", "y"], own: [], nat64Prefixes: ["z"], listenerPorts: [] });
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problem.map((problem) => problem.value),
    ["x", "y", "z"],
  );
});

const listeners = { own: [ip("34.1.2.3"), ip("2606:4700::1")], listenerPorts: [port(18080), port(18090)] };
const selves: readonly (readonly [address: string, port: number, self: boolean])[] = [
  ["127.0.0.1", 18080, true],
  ["127.9.9.9", 18080, true],
  ["0.0.0.0", 18080, true],
  ["::", 18080, true],
  ["::1", 18090, true],
  ["34.1.2.3", 18080, true],
  ["2606:4700::1", 18090, true],
  ["::ffff:127.0.0.1", 18080, true],
  ["::127.0.0.1", 18080, true],
  ["::ffff:34.1.2.3", 18080, true],
  ["::ffff:0:127.0.0.1", 18080, true],
  ["64:ff9b::34.1.2.3", 18080, true],
  ["64:ff9b:1::34.1.2.3", 18080, true],
  ["2002:2201:203::1", 18080, true],
  ["2001:0:2201:203::1", 18080, true],
  ["2001:0:808:808:0:0:ddfe:fdfc", 18080, true],
  ["2606:4700::5efe:34.1.2.3", 18080, true],
  ["127.0.0.1", 18081, false],
  ["34.1.2.4", 18080, false],
  ["8.8.8.8", 18080, false],
];
for (const [address, number, self] of selves) {
  test(`network: ${address} port ${number} ${self ? "is" : "is not"} this router`, () => {
    assert.equal(network(listeners).isOwnListener(ip(address), port(number)), self);
  });
}
