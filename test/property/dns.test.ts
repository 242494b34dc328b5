import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { addressesIn } from "../../router/core/wire/dns-answer.ts";
import type { DnsMessage, DnsRecord, Edns } from "../../router/core/wire/dns-message.ts";
import { readDnsHeader, readDnsMessage } from "../../router/core/wire/dns-message-read.ts";
import { writeDnsMessage } from "../../router/core/wire/dns-message-write.ts";
import { type DnsName, dnsNameOf, hostnameOf, labelsOf } from "../../router/core/wire/dns-name.ts";
import { readDnsQuery } from "../../router/core/wire/dns-query.ts";
import { syntheticAddress } from "../../router/core/wire/dns-synthetic.ts";
import { cidrContains, parseCidr } from "../../router/core/wire/cidr.ts";
import { parseHostname } from "../../router/core/wire/hostname.ts";
import { addressFromOctets } from "../../router/core/wire/ip-address.ts";
import { bitsIn } from "../../router/core/wire/name-density.ts";

/** Objects as literals make them. */
function plain<Model>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }): fc.Arbitrary<Model> {
  return fc.record(model, { noNullPrototype: true });
}

const uint16 = fc.nat({ max: 65_535 });
const uint32 = fc.nat({ max: 0xffff_ffff });
const octets = fc.uint8Array({ maxLength: 40 });

/** Labels of any octets, in the one spelling; few letters, so that names share ends. */
const label = fc.oneof(
  fc.array(fc.constantFrom("a", "b", "-", "_", "7"), { minLength: 1, maxLength: 5 }).map((letters) => letters.join("")),
  fc.uint8Array({ minLength: 1, maxLength: 12 }).map((given) =>
    Array.from(given, (octet) => {
      const character = String.fromCharCode(octet);
      if (/[a-z0-9_-]/i.test(character)) return character.toLowerCase();
      return `\\${String(octet).padStart(3, "0")}`;
    }).join(""),
  ),
);
const name = fc.array(label, { maxLength: 8 }).map((labels) => labels.join(".") as DnsName);

const inClass = { class: fc.constant(1), ttl: fc.nat({ max: 0x7fff_ffff }), name };
const address = (length: 4 | 16) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((given) => ({
    kind: "address" as const,
    address: addressFromOctets(given),
  }));
const record: fc.Arbitrary<DnsRecord> = fc.oneof(
  plain({ ...inClass, type: fc.constant(1), data: address(4) }),
  plain({ ...inClass, type: fc.constant(28), data: address(16) }),
  plain({
    ...inClass,
    type: fc.constant(5),
    data: plain({ kind: fc.constant("alias" as const), target: name }),
  }),
  plain({
    ...inClass,
    type: fc.constant(6),
    data: plain({
      kind: fc.constant("soa" as const),
      primary: name,
      mailbox: name,
      serial: uint32,
      refresh: uint32,
      retry: uint32,
      expire: uint32,
      minimum: uint32,
    }),
  }),
  plain({
    ...inClass,
    type: uint16.filter((type) => ![1, 5, 6, 28, 41].includes(type)),
    class: uint16,
    data: plain({ kind: fc.constant("other" as const), octets }),
  }),
);
const edns: fc.Arbitrary<Edns> = plain({
  size: uint16,
  version: fc.nat({ max: 255 }),
  dnssecOk: fc.boolean(),
  options: fc.array(plain({ code: uint16, octets }), { maxLength: 4 }),
});
const message: fc.Arbitrary<DnsMessage> = plain({
  id: uint16,
  response: fc.boolean(),
  opcode: fc.nat({ max: 15 }),
  authoritative: fc.boolean(),
  truncated: fc.boolean(),
  recursionDesired: fc.boolean(),
  recursionAvailable: fc.boolean(),
  authenticData: fc.boolean(),
  checkingDisabled: fc.boolean(),
  rcode: fc.nat({ max: 4_095 }),
  question: plain({ name, type: uint16, class: uint16 }),
  answers: fc.array(record, { maxLength: 6 }),
  authority: fc.array(record, { maxLength: 3 }),
  additional: fc.array(record, { maxLength: 3 }),
  edns: fc.option(edns, { nil: undefined }),
}).map((made) => (made.edns === undefined ? { ...made, rcode: made.rcode & 15 } : made));

test("INV-DNS-CODEC: what is written reads the same, and says its own length", () => {
  fc.assert(
    fc.property(message, (given) => {
      const written = writeDnsMessage(given);
      assert.deepEqual(readDnsMessage(written), { ok: true, value: given });
      assert.equal(readDnsMessage(written.subarray(0, -1)).ok, false);
      assert.equal(readDnsMessage(Uint8Array.from([...written, 0])).ok, false);
    }),
    { numRuns: 1_000 },
  );
});

test("INV-DNS-CODEC: a name of any labels goes through a pointer unchanged", () => {
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 60 }), (labels) => {
      const whole = labels.join(".") as DnsName;
      fc.pre(labelsOf(whole).reduce((sum, one) => sum + 1 + one.length, 1) <= 255);
      // Each name one label longer than the one before it: as many pointers in a row as labels.
      const owners = labels.map((_, index) => labels.slice(labels.length - 1 - index).join(".") as DnsName);
      const answers = owners.map((owner): DnsRecord => ({
        name: owner,
        type: 16,
        class: 1,
        ttl: 0,
        data: { kind: "other", octets: new Uint8Array() },
      }));
      const given: DnsMessage = { ...EMPTY, question: { name: whole, type: 16, class: 1 }, answers };
      assert.deepEqual(readDnsMessage(writeDnsMessage(given)), { ok: true, value: given });
      const chained: DnsMessage = { ...given, question: { name: "" as DnsName, type: 16, class: 1 } };
      assert.deepEqual(readDnsMessage(writeDnsMessage(chained)), { ok: true, value: chained });
    }),
  );
});

const EMPTY: Omit<DnsMessage, "question"> = {
  id: 1,
  response: true,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: true,
  authenticData: false,
  checkingDisabled: false,
  rcode: 0,
  answers: [],
  authority: [],
  additional: [],
  edns: undefined,
};

test("INV-DNS-CODEC: any octets are read without a throw, in bounded time", () => {
  const pointing = fc.array(fc.constantFrom(0, 1, 12, 13, 41, 0x3f, 0x40, 0xc0, 0xff), { maxLength: 600 });
  fc.assert(
    fc.property(fc.oneof(pointing, fc.array(fc.nat({ max: 255 }), { maxLength: 600 })), (given) => {
      const body = Uint8Array.from(given);
      const framed = Uint8Array.from([0, 1, 0x81, 0x80, 0, 1, 0, 9, 0, 9, 0, 9, ...given]);
      const began = process.cpuUsage();
      for (const input of [body, framed]) {
        readDnsHeader(input);
        readDnsQuery(input);
        const read = readDnsMessage(input);
        if (read.ok) addressesIn(read.value);
      }
      const { user } = process.cpuUsage(began);
      assert.ok(user < 100_000, `${user} us`);
    }),
    { numRuns: 2_000 },
  );
});

test("names of hosts are spelled the same in the DNS, and nothing else is one", () => {
  fc.assert(
    fc.property(name, (given) => {
      const host = hostnameOf(given);
      if (host !== undefined) assert.equal(dnsNameOf(host), given);
      else assert.equal(parseHostname(given).ok, false);
      if (given.includes("\\")) assert.equal(host, undefined);
    }),
  );
});

test("a stand-in is in its network, and the same for the same name", () => {
  const networks = ["198.18.0.0/15", "100::/64", "10.0.0.0/8", "192.0.2.7/32", "0.0.0.0/0"].flatMap(
    (text) => parseCidr(text) ?? [],
  );
  fc.assert(
    fc.property(fc.constantFrom(...networks), fc.uint8Array({ minLength: 32, maxLength: 32 }), (network, digest) => {
      const found = syntheticAddress(network, digest);
      assert.ok(cidrContains(network, found));
      assert.equal(syntheticAddress(network, digest), found);
    }),
  );
});

test("a text carries no more than its alphabet, and nothing where it repeats one letter", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...Array.from("abcdefgh")), { minLength: 1, maxLength: 200 }), (letters) => {
      const bits = bitsIn(letters.join(""));
      assert.ok(bits >= 0 && bits <= 3 * letters.length + 1e-9);
      assert.equal(bits === 0, new Set(letters).size === 1);
    }),
  );
});
