import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { nat64PrefixLengths } from "../../../../router/core/policy/embedded-ipv4.ts";
import { compileNetwork } from "../../../../router/core/policy/network.ts";
import { discoverNat64, nat64Prefixes } from "../../../../router/edge/upstream/nat64.ts";
import { fail, ok } from "../../../../router/core/base/result.ts";
import { addressFromOctets } from "../../../../router/core/wire/ip-address.ts";
import { ip } from "../../core/policy/policy-fixture.ts";

/** The examples of RFC 6052 section 2.4, with the well-known addresses of RFC 7050 in place of 192.0.2.33. */
const table: readonly (readonly [string, string, string])[] = [
  ["no answers", "", ""],
  ["IPv4 alone: no DNS64", "192.0.0.170 192.0.0.171", ""],
  ["/32", "2001:db8:c000:aa::", "2001:db8::/32"],
  ["/40", "2001:db8:1c0:0:aa::", "2001:db8:100::/40"],
  ["/48", "2001:db8:122:c000:0:aa00::", "2001:db8:122::/48"],
  ["/56", "2001:db8:122:3c0::aa:0:0", "2001:db8:122:300::/56"],
  ["/64", "2001:db8:122:344:c0:0:aa00:0", "2001:db8:122:344::/64"],
  ["/96", "2001:db8:122:344::192.0.0.170", "2001:db8:122:344::/96"],
  ["the well-known prefix", "64:ff9b::c000:aa 64:ff9b::c000:ab", "64:ff9b::/96"],
  ["local use", "64:ff9b:1::c000:ab", "64:ff9b:1::/96"],
  ["two prefixes", "64:ff9b::192.0.0.171 2001:db8:c000:ab::", "64:ff9b::/96 2001:db8::/32"],
  ["beside IPv4 answers", "64:ff9b::192.0.0.170 192.0.0.170", "64:ff9b::/96"],
  ["fits two lengths: both", "2001:db8:c000:aa::192.0.0.170", "2001:db8:c000:aa::/96"],
  ["a captive portal's own address", "2001:db8::1", ""],
  ["not a well-known address", "64:ff9b::192.0.0.172", ""],
  ["octet 8 is not zero", "2001:db8:122:344:1c0:0:aa00:0", ""],
  ["a suffix that is not zero", "2001:db8:c000:aa::1", ""],
];

for (const [what, answers, expected] of table) {
  test(`NAT64 prefixes: ${what}`, () => {
    const found = nat64Prefixes(answers === "" ? [] : answers.split(" ").map(ip));
    assert.equal(found.join(" "), expected);
  });
}

test("a prefix of any length is found behind a well-known address", () => {
  const lengths = fc.constantFrom(...nat64PrefixLengths);
  const octets = fc.uint8Array({ minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(lengths, octets, fc.constantFrom(170, 171), (length, random, last) => {
      const synthesised = new Uint8Array(16);
      synthesised.set(random.subarray(0, length / 8));
      synthesised[8] = 0;
      const expected = `${addressFromOctets(synthesised)}/${length}`;
      let at = length / 8;
      for (const octet of [192, 0, 0, last]) {
        if (at === 8) at += 1;
        synthesised[at] = octet;
        at += 1;
      }
      assert.ok(nat64Prefixes([addressFromOctets(synthesised)]).includes(expected));
    }),
  );
});

test("what is found is what the network takes", () => {
  const found = nat64Prefixes(["2a00:1450:c000:aa::", "64:ff9b::c000:aa", "fd00:0:0:0::c000:aa"].map(ip));
  assert.equal(found.length, 3);
  const network = compileNetwork({ deny: [], own: [], nat64Prefixes: found, listenerPorts: [] });
  assert.ok(network.ok);
  assert.equal(network.value.classify(ip("fd00::a9fe:a9fe")).global, false);
});

const none = async (): Promise<never> => {
  throw new Error("not to be asked");
};

test("discovery asks for the well-known name, and a failure is not an empty answer", async () => {
  const signal = new AbortController().signal;
  const asked: string[] = [];
  const resolver = {
    resolve: none,
    async resolveIpv6(host: string) {
      asked.push(host);
      return ok([ip("64:ff9b::c000:aa")]);
    },
  };
  assert.deepEqual(await discoverNat64(resolver, signal), ok(["64:ff9b::/96"]));
  assert.deepEqual(asked, ["ipv4only.arpa"]);
  const problem = { reason: "dns_failure", detail: "A ESERVFAIL" } as const;
  assert.deepEqual(
    await discoverNat64({ resolve: none, resolveIpv6: async () => fail(problem) }, signal),
    fail(problem),
  );
});
