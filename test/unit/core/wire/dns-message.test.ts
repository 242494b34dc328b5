import assert from "node:assert/strict";
import { test } from "node:test";
import { readDnsMessage } from "../../../../router/core/wire/dns-message-read.ts";
import { readDnsQuery } from "../../../../router/core/wire/dns-query.ts";
import { writeDnsMessage } from "../../../../router/core/wire/dns-message-write.ts";
import { upstreamQuery } from "../../../../router/core/wire/dns-upstream-query.ts";
import type { DnsName } from "../../../../router/core/wire/dns-name.ts";
import {
  ednsQueryOctets,
  messageOctets,
  nameOctets,
  optOctets,
  queryOctets,
  questionOctets,
  recordOctets,
  TO_QUESTION,
  uint16,
  uint32,
} from "../../../fuzz/wire/dns-octets.ts";

const A = { owner: TO_QUESTION, type: 1, data: [192, 0, 2, 1] } as const;
const question = questionOctets("a.example");
/** Where the record behind the question begins. */
const BEHIND = 12 + question.length;

function answer(...records: readonly number[][]): Uint8Array {
  return messageOctets({
    flags: 0x8180,
    counts: [1, records.length, 0, 0],
    body: [...question, ...records.flat()],
  });
}

const label63 = "x".repeat(63);
const longest = [label63, label63, label63, "y".repeat(61)].join(".");

const readable: readonly (readonly [string, Uint8Array, string])[] = [
  ["a question", queryOctets("a.example"), "a.example 1"],
  ["letters in another case", queryOctets("A.eXample"), "a.example 1"],
  ["the root", queryOctets(""), " 1"],
  ["a name of 255 octets", queryOctets(longest), `${longest} 1`],
  ["octets that no host name has", messageOctets({ body: [3, 0x2e, 0, 0xff, 0, 0, 1, 0, 1] }), "\\046\\000\\255 1"],
  ["an OPT record", ednsQueryOctets("a.example", 28, 4_096), "a.example 28 edns 4096"],
  ["an address behind a pointer", answer(recordOctets(A)), "a.example 1 | a.example 60 192.0.2.1"],
  [
    "a TTL with its highest bit set counts as zero",
    answer(recordOctets({ ...A, ttl: 0x8000_0001 })),
    "a.example 1 | a.example 0 192.0.2.1",
  ],
  [
    "an alias that ends in a pointer",
    answer(recordOctets({ owner: TO_QUESTION, type: 5, data: [1, 0x62, 0xc0, 14] })),
    "a.example 1 | a.example 60 -> b.example",
  ],
  [
    "an address of another class is just octets",
    answer(recordOctets({ ...A, recordClass: 3, data: [1] })),
    "a.example 1 | a.example 60 other",
  ],
];
for (const [what, octets, expected] of readable) {
  test(`a DNS message: ${what}`, () => {
    const read = readDnsMessage(octets);
    assert.ok(read.ok, read.ok ? "" : read.problem);
    const { question: asked, answers, edns } = read.value;
    const records = answers.map(({ name, ttl, data }) => {
      const said = data.kind === "address" ? data.address : data.kind === "alias" ? `-> ${data.target}` : data.kind;
      return ` | ${name} ${ttl} ${said}`;
    });
    const opt = edns === undefined ? "" : ` edns ${edns.size}`;
    assert.equal(`${asked.name} ${asked.type}${opt}${records.join("")}`, expected);
  });
}

const SOA = [...nameOctets("ns"), ...nameOctets("mail"), ...[1, 2, 3, 4, 5].flatMap(uint32)];
const malformed: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ["nothing", new Uint8Array(), /cut short/],
  ["half a header", queryOctets("a.example").subarray(0, 11), /cut short/],
  ["more than a message can be", new Uint8Array(65_536), /longer than 65535/],
  ["the bit that must be zero", messageOctets({ flags: 0x0140, body: question }), /must be zero/],
  ["no question", messageOctets({ counts: [0, 0, 0, 0], body: [] }), /exactly one question/],
  ["two questions", messageOctets({ counts: [2, 0, 0, 0], body: [...question, ...question] }), /exactly one/],
  ["octets behind it", messageOctets({ body: [...question, 0] }), /followed by octets/],
  ["a question without its class", messageOctets({ body: question.slice(0, -1) }), /cut short/],
  ["a name that does not end", messageOctets({ body: [3, 97, 98] }), /name .* malformed/],
  ["a label of 64", messageOctets({ body: [64, ...Array<number>(64).fill(97), 0, 0, 1, 0, 1] }), /name/],
  ["a label of the kind 0x80", messageOctets({ body: [0x81, 97, 0, 0, 1, 0, 1] }), /name/],
  ["a name of 256 octets", queryOctets(`${longest}z`), /name/],
  ["a pointer to itself", messageOctets({ body: [0xc0, 12, 0, 1, 0, 1] }), /name/],
  ["a pointer forward", messageOctets({ body: [0xc0, 14, 1, 97, 0, 0, 1, 0, 1] }), /name/],
  ["a pointer into the header", messageOctets({ body: [0xc0, 2, 0, 1, 0, 1] }), /name/],
  ["a pointer without its second octet", messageOctets({ body: [0xc0] }), /name/],
  ["a loop over labels", messageOctets({ body: [1, 97, 0xc0, 12, 0, 1, 0, 1] }), /name/],
  [
    "two pointers at each other",
    answer(recordOctets({ owner: [0xc0, BEHIND + 2, 0xc0, BEHIND], type: 1, data: [1, 2, 3, 4] })),
    /name/,
  ],
  ["a count without its record", messageOctets({ counts: [1, 1, 0, 0], body: question }), /name|cut short/],
  ["too many records", messageOctets({ counts: [1, 65_535, 0, 0], body: question }), /too many/],
  ["an address of five octets", answer(recordOctets({ ...A, data: [1, 2, 3, 4, 5] })), /data/],
  ["an IPv6 address of four", answer(recordOctets({ ...A, type: 28 })), /data/],
  ["data longer than the message", answer(recordOctets({ ...A, length: 5 })), /cut short/],
  ["data that end in the middle", answer(recordOctets({ ...A, length: 3 })), /data/],
  [
    "an alias with octets behind its name",
    answer(recordOctets({ owner: TO_QUESTION, type: 5, data: [...nameOctets("b"), 0] })),
    /data/,
  ],
  [
    "an alias whose name leaves its data",
    answer(recordOctets({ owner: TO_QUESTION, type: 5, data: nameOctets("bb"), length: 2 })),
    /data|cut|followed|name/,
  ],
  ["an SOA cut short", answer(recordOctets({ owner: "", type: 6, data: SOA.slice(0, -1) })), /data/],
  ["an OPT record as an answer", answer(optOctets()), /OPT/],
  [
    "two OPT records",
    messageOctets({ counts: [1, 0, 0, 2], body: [...question, ...optOctets(), ...optOctets()] }),
    /OPT/,
  ],
  [
    "an OPT record with an owner",
    messageOctets({ counts: [1, 0, 0, 1], body: [...question, ...recordOctets({ owner: "a", type: 41, data: [] })] }),
    /owner/,
  ],
  [
    "an option longer than its record",
    messageOctets({ counts: [1, 0, 0, 1], body: [...question, ...optOctets(512, [0, 15, 0, 9, 1])] }),
    /options/,
  ],
  [
    "too many options",
    messageOctets({
      counts: [1, 0, 0, 1],
      body: [...question, ...optOctets(512, Array<number>(65 * 4).fill(0))],
    }),
    /options/,
  ],
];
for (const [what, octets, expected] of malformed) {
  test(`INV-DNS-CODEC: ${what} is malformed`, () => {
    const read = readDnsMessage(octets);
    assert.ok(!read.ok);
    assert.match(read.problem, expected);
  });
}

test("INV-DNS-CODEC: the most pointers that fit cost little", () => {
  // Each record's owner is one more label before the last one's: all of them are 127 labels deep at the end.
  const records: number[][] = [];
  let at = BEHIND;
  let before = 12;
  for (let count = 0; count < 510; count++) {
    const owner = count < 100 ? [1, 97, ...uint16(0xc000 + before)] : uint16(0xc000 + before);
    if (count < 100) before = at;
    const record = recordOctets({ owner, type: 16, data: [] });
    records.push(record);
    at += record.length;
  }
  const octets = answer(...records);
  const began = process.cpuUsage();
  const read = readDnsMessage(octets);
  const { user } = process.cpuUsage(began);
  assert.ok(read.ok, read.ok ? "" : read.problem);
  assert.equal(read.value.answers.length, 510);
  assert.ok(user < 200_000, `${user} us`);
});

const queries: readonly (readonly [string, Uint8Array, number | "silence" | "taken"])[] = [
  ["a question", queryOctets("a.example"), "taken"],
  ["with an OPT record", ednsQueryOctets("a.example"), "taken"],
  ["too short for an id", Uint8Array.of(1, 2, 3), "silence"],
  ["an answer", messageOctets({ flags: 0x8180, body: question }), "silence"],
  ["an answer that is malformed", messageOctets({ flags: 0x8180, body: [] }), "silence"],
  ["an update", messageOctets({ flags: 0x2800, body: question }), 4],
  ["a notification", messageOctets({ flags: 0x2000, body: question }), 4],
  ["malformed", messageOctets({ body: [] }), 1],
  ["two questions", messageOctets({ counts: [2, 0, 0, 0], body: [...question, ...question] }), 1],
  ["with an answer in it", messageOctets({ counts: [1, 1, 0, 0], body: [...question, ...recordOctets(A)] }), 1],
  ["with a record beside the OPT", messageOctets({ counts: [1, 0, 0, 1], body: [...question, ...recordOctets(A)] }), 1],
  ["that says it is cut", messageOctets({ flags: 0x0300, body: question }), 1],
  ["with an rcode", messageOctets({ flags: 0x0103, body: question }), 1],
];
for (const [what, octets, expected] of queries) {
  test(`a query: ${what}`, () => {
    const query = readDnsQuery(octets);
    if (query.ok) assert.equal("taken", expected);
    else assert.equal(query.problem.header === undefined ? "silence" : query.problem.rcode, expected);
  });
}

test("a question to a resolver, octet by octet", () => {
  const octets = writeDnsMessage(upstreamQuery(0x1234, { name: "a.example" as DnsName, type: 1, class: 1 }));
  assert.deepEqual(octets, ednsQueryOctets("a.example"));
});
