import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { admitAddresses } from "../../router/core/policy/admit-address.ts";
import { classifyAddress } from "../../router/core/policy/special-use.ts";
import { parseCidr } from "../../router/core/wire/cidr.ts";
import { addressFromOctets, addressOctets, type IpAddress } from "../../router/core/wire/ip-address.ts";
import { ip, network, permitFor } from "../unit/core/policy/policy-fixture.ts";

const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 500) };

/** Blocks from the registries and RFCs, written down apart from the table under test. */
const ipv4Blocks =
  "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 " +
  "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 " +
  "203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32";
const ipv6Blocks =
  "::/3 4000::/2 8000::/1 2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 fc00::/7 fe80::/10 ff00::/8";

const octets = (count: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: count, maxLength: count });

function inside(text: string): fc.Arbitrary<IpAddress> {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(text);
  return octets(cidr.octets.length).map((random) => {
    for (let bit = 0; bit < cidr.prefixLength; bit += 1) {
      const [at, mask] = [bit >> 3, 0x80 >> (bit & 7)];
      random[at] = ((random[at] ?? 0) & ~mask) | ((cidr.octets[at] ?? 0) & mask);
    }
    return addressFromOctets(random);
  });
}

const special4 = fc.oneof(...ipv4Blocks.split(" ").map(inside));
const special6 = fc.oneof(...ipv6Blocks.split(" ").map(inside));
const any4 = octets(4).map(addressFromOctets);
const any = fc.oneof(any4, octets(16).map(addressFromOctets), inside("2000::/3"));

const permit = permitFor({ allow: [{ id: "a", hosts: ["a.example"], ports: [443] }] }, "CONNECT a.example:443");

test("INV-ADDRESS-SPECIAL: no address inside a special-purpose block is admitted", () => {
  fc.assert(
    fc.property(fc.oneof(special4, special6), (address) => {
      assert.equal(classifyAddress(address).global, false, address);
      assert.equal(admitAddresses(network(), permit, [address]).ok, false, address);
    }),
    { ...runs, numRuns: runs.numRuns * 4 },
  );
});

/** Every way that standards know to write an IPv4 address into an IPv6 one. */
const embeddings: Readonly<Record<string, (v4: Uint8Array, noise: Uint8Array) => Uint8Array>> = {
  mapped: (v4) => join("00000000000000000000ffff", v4),
  compatible: (v4) => join("000000000000000000000000", v4),
  siit: (v4) => join("0000000000000000ffff0000", v4),
  "nat64 well-known": (v4) => join("0064ff9b0000000000000000", v4),
  "nat64 local-use": (v4, noise) => join("0064ff9b0001", noise.subarray(0, 2), "00000000", v4),
  "6to4": (v4, noise) => join("2002", v4, noise.subarray(0, 10)),
  "teredo client": (v4, noise) =>
    join(
      "20010000",
      noise.subarray(0, 8),
      v4.map((octet) => octet ^ 255),
    ),
  "teredo server": (v4, noise) => join("20010000", v4, noise.subarray(0, 8)),
  isatap: (v4, noise) => join("2606", noise.subarray(0, 6), "00005efe", v4),
  "isatap, unique": (v4, noise) => join("2a00", noise.subarray(0, 6), "02005efe", v4),
};

function join(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...(typeof part === "string" ? Buffer.from(part, "hex") : part)]));
}

for (const [kind, embed] of Object.entries(embeddings)) {
  test(`INV-ADDRESS-EMBEDDED: ${kind}: the IPv4 address inside is found, and never admitted unnamed`, () => {
    fc.assert(
      fc.property(fc.oneof(special4, any4), octets(10), (v4, noise) => {
        const address = addressFromOctets(embed(addressOctets(v4), noise));
        assert.equal(classifyAddress(address).global, false, address);
        assert.ok(network().aliases(address).includes(v4), `${v4} in ${address}`);
        assert.equal(admitAddresses(network(), permit, [address]).ok, false, address);
      }),
      runs,
    );
  });
}

/** RFC 6052 section 2.2, by position: where the four octets stand for each length. */
const nat64: readonly (readonly [prefix: string, positions: readonly number[]])[] = [
  ["2606:4700::/32", [4, 5, 6, 7]],
  ["2606:4700:100::/40", [5, 6, 7, 9]],
  ["2606:4700:100::/48", [6, 7, 9, 10]],
  ["2606:4700:100:100::/56", [7, 9, 10, 11]],
  ["2606:4700:100:100::/64", [9, 10, 11, 12]],
  ["2606:4700:100:100::/96", [12, 13, 14, 15]],
  ["64:ff9b::/96", [12, 13, 14, 15]],
];
for (const [prefix, positions] of nat64) {
  test(`INV-ADDRESS-NAT64: behind the declared ${prefix} an address counts as the IPv4 address in it`, () => {
    const facts = network({ nat64Prefixes: [prefix] });
    fc.assert(
      fc.property(fc.oneof(special4, any4), (v4) => {
        const embedded = parseCidr(prefix)?.octets ?? new Uint8Array(16);
        for (const [index, position] of positions.entries()) embedded[position] = addressOctets(v4)[index] ?? 0;
        const address = addressFromOctets(embedded);
        assert.equal(facts.classify(address).global, classifyAddress(v4).global, `${v4} in ${address}`);
        assert.equal(admitAddresses(facts, permit, [address]).ok, classifyAddress(v4).global);
      }),
      runs,
    );
  });
}

test("what is admitted is a subset of the answers, in their order, each classified global", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(any, special4, fc.constant(ip("8.8.8.8"))), { maxLength: 30 }), (answers) => {
      const result = admitAddresses(network(), permit, answers);
      const admitted = result.ok ? result.value.permit.addresses : [];
      const expected = [...new Set(answers)].filter((address) => classifyAddress(address).global).slice(0, 16);
      assert.deepEqual(admitted, expected);
    }),
    runs,
  );
});
