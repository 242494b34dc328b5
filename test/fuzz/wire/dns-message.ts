import assert from "node:assert/strict";
import { readDnsMessage } from "../../../router/core/wire/dns-message-read.ts";
import { writeDnsMessage } from "../../../router/core/wire/dns-message-write.ts";
import { addressesIn } from "../../../router/core/wire/dns-answer.ts";
import { readDnsQuery } from "../../../router/core/wire/dns-query.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import { mutated, randomOctets } from "../mutation.ts";
import type { Random } from "../random.ts";
import {
  ednsQueryOctets,
  messageOctets,
  nameOctets,
  optOctets,
  queryOctets,
  questionOctets,
  recordOctets,
  TO_QUESTION,
  uint32,
} from "./dns-octets.ts";

const NAMES = ["a.example", "A.Example", "", "b".repeat(63), "x.y.z.a.example", "a\0b.c", "*.a", "a b.c"];
const SOA = [...nameOctets("ns.example"), ...TO_QUESTION, ...[1, 2, 3, 4, 5].flatMap(uint32)];

const RECORDS: readonly ((random: Random) => number[])[] = [
  (random) => recordOctets({ owner: TO_QUESTION, type: 1, data: [192, 0, 2, random.below(256)] }),
  () => recordOctets({ owner: TO_QUESTION, type: 28, data: [...Array(16).keys()] }),
  (random) => recordOctets({ owner: random.pick(NAMES), type: 5, data: nameOctets(random.pick(NAMES)) }),
  () => recordOctets({ owner: TO_QUESTION, type: 5, data: [1, 0x63, ...TO_QUESTION] }),
  () => recordOctets({ owner: TO_QUESTION, type: 6, data: SOA }),
  (random) => recordOctets({ owner: TO_QUESTION, type: random.below(70), data: [...randomOctets(random)] }),
  (random) => optOctets(random.below(65_536), [0, 10, 0, 2, 1, 2], random.below(2) * 0x8000),
  (random) => recordOctets({ owner: [0xc0, random.below(256)], type: 1, data: [1, 2, 3, 4] }),
];

const PIECES = [
  Uint8Array.of(0xc0, 12),
  Uint8Array.of(0xc0, 0),
  Uint8Array.of(0xff, 0xff),
  Uint8Array.of(0x40, 1),
  Uint8Array.of(63),
  Uint8Array.of(0, 41),
  Uint8Array.of(0, 0, 0, 0),
  Uint8Array.from(nameOctets("c.example")),
  Uint8Array.from(optOctets()),
];

export const DNS_MESSAGE: FuzzTarget = {
  name: "dns-message",
  input(random) {
    if (random.once(20)) return randomOctets(random);
    if (random.once(6))
      return mutated(random.once(2) ? queryOctets("a.example") : ednsQueryOctets("a.b"), PIECES, random);
    const name = random.pick(NAMES);
    const sections = [random.below(4), random.below(2), random.below(2)] as const;
    const count = sections[0] + sections[1] + sections[2];
    const records = Array.from({ length: count }, () => random.pick(RECORDS)(random));
    const body = [...questionOctets(name, random.pick([1, 28, 5, 255])), ...records.flat()];
    const flags = random.pick([0x8180, 0x8183, 0x0100, 0x8380, 0x8182, random.below(65_536)]);
    const whole = messageOctets({ flags, counts: [1, ...sections], body });
    return random.once(3) ? mutated(whole, PIECES, random) : whole;
  },
  examine(input, random) {
    // Neither may throw, nor say yes where the other says no.
    const query = readDnsQuery(input);
    const read = readDnsMessage(input);
    if (query.ok) assert.deepEqual(read, query, "a query is a message");
    if (!read.ok) return false;
    const message = read.value;
    assert.equal(message.question.name, oracleName(input, 12), "the oracle reads another name");
    const finding = addressesIn(message);
    if (finding.kind === "found") {
      const given = message.answers.flatMap(({ data }) => (data.kind === "address" ? [data.address] : []));
      assert.ok(
        finding.addresses.every((address) => given.includes(address)),
        "an address from nowhere",
      );
      assert.ok(finding.ttl >= 0 && finding.ttl <= 0x7fff_ffff);
    }
    const written = writeDnsMessage(message);
    assert.deepEqual(readDnsMessage(written), read, "what is written reads otherwise");
    // Cut anywhere, it is not whole.
    const cut = random.below(written.length);
    assert.equal(readDnsMessage(written.subarray(0, cut)).ok, false, "a part passes for the whole");
    return true;
  },
};

/** A name as RFC 1035 has it, read label by label; of messages whose names are in order. */
function oracleName(message: Uint8Array, at: number): string {
  const length = message[at] ?? 0;
  if (length === 0) return "";
  if (length >= 0xc0) return oracleName(message, (length - 0xc0) * 256 + (message[at + 1] ?? 0));
  const label = Array.from(message.subarray(at + 1, at + 1 + length), (octet) => {
    const character = String.fromCharCode(octet).toLowerCase();
    return "abcdefghijklmnopqrstuvwxyz0123456789-_".includes(character)
      ? character
      : `\\${String(octet).padStart(3, "0")}`;
  }).join("");
  const rest = oracleName(message, at + 1 + length);
  return rest === "" ? label : `${label}.${rest}`;
}
