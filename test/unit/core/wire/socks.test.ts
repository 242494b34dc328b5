import assert from "node:assert/strict";
import { test } from "node:test";
import { REASONS, type Reason } from "../../../../router/core/base/reason.ts";
import { formatAuthority } from "../../../../router/core/wire/authority.ts";
import { SOCKS_REPLY, socksReply, socksReplyOf } from "../../../../router/core/wire/socks-reply.ts";
import { readSocksGreeting, readSocksRequest } from "../../../../router/core/wire/socks.ts";

const octets = (...parts: readonly (number | string)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part, "latin1"))));

const greetings: readonly (readonly [name: string, greeting: Uint8Array, expected: object])[] = [
  ["curl: none and GSSAPI", octets(5, 2, 0, 1), { state: "complete", open: true, end: 4 }],
  ["none after a password", octets(5, 2, 2, 0), { state: "complete", open: true, end: 4 }],
  ["a password only", octets(5, 1, 2), { state: "complete", open: false, end: 3 }],
  ["the request behind it", octets(5, 1, 0, 5, 1, 0, 1), { state: "complete", open: true, end: 3 }],
  ["a 0 behind the methods is none of them", octets(5, 1, 2, 0), { state: "complete", open: false, end: 3 }],
  ["no method", octets(5, 0, 0), { state: "malformed", problem: "The greeting offers no method." }],
  ["SOCKS4", octets(4, 1, 0, 80), { state: "malformed", problem: "The greeting is not of SOCKS5." }],
  ["nothing yet", octets(), { state: "incomplete" }],
  ["the version", octets(5), { state: "incomplete" }],
  ["half of the methods", octets(5, 3, 0, 2), { state: "incomplete" }],
  ["255 methods", octets(5, 255, "\x80".repeat(254), 0), { state: "complete", open: true, end: 257 }],
];

for (const [name, greeting, expected] of greetings) {
  test(`greeting: ${name}`, () => assert.deepEqual(readSocksGreeting(greeting, greeting.length), expected));
}

test("octets behind the length that counts are not read", () => {
  assert.deepEqual(readSocksGreeting(octets(5, 1, 0), 2), { state: "incomplete" });
  assert.deepEqual(readSocksRequest(octets(5, 1, 0, 1, 1, 2, 3, 4, 0, 80), 9), { state: "incomplete" });
  assert.deepEqual(readSocksRequest(octets(5, 2), 1), { state: "incomplete" });
});

const named = (name: string, port = 443): Uint8Array => octets(5, 1, 0, 3, name.length, name, port >> 8, port & 255);

const asked: readonly (readonly [name: string, request: Uint8Array, authority: string])[] = [
  ["a name", named("a.example"), "a.example:443"],
  ["a name in capitals and with a dot at its end", named("A.Example."), "a.example:443"],
  ["a dotted quad for a name is an address", named("10.1.2.3", 80), "10.1.2.3:80"],
  ["IPv4", octets(5, 1, 0, 1, 127, 0, 0, 1, 0, 80), "127.0.0.1:80"],
  ["IPv6", octets(5, 1, 0, 4, "\0".repeat(15), 1, 0xff, 0xff), "[::1]:65535"],
  [
    "IPv4 in IPv6 stays what it is",
    octets(5, 1, 0, 4, "\0".repeat(10), "\xff\xff\x7f\0\0\x01", 0, 80),
    "[::ffff:127.0.0.1]:80",
  ],
  [
    "253 octets",
    named(`${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`),
    `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}:443`,
  ],
];

for (const [name, request, authority] of asked) {
  test(`request: ${name}`, () => {
    const behind = octets(Buffer.from(request).toString("latin1"), 0x16, 3, 1);
    for (const [bytes, label] of [
      [request, "alone"],
      [behind, "with octets of the tunnel behind it"],
    ] as const) {
      const reading = readSocksRequest(bytes, bytes.length);
      assert.ok(reading.state === "complete", `${label}: ${JSON.stringify(reading)}`);
      assert.equal(formatAuthority(reading.authority), authority, label);
      assert.equal(reading.end, request.length, label);
    }
  });
}

const { failure, commandNotSupported, addressTypeNotSupported } = SOCKS_REPLY;
const CHARACTERS = "A host name holds ASCII letters, digits, hyphens, underscores and dots only.";
const NUMBER = "The host name ends in a number.";

const refused: readonly (readonly [name: string, request: Uint8Array, problem: string, reply?: number])[] = [
  ["another version", octets(4, 1, 0, 1), "The request is not of SOCKS5."],
  ["BIND", octets(5, 2), "CONNECT is the only command.", commandNotSupported],
  ["UDP ASSOCIATE", octets(5, 3, 0, 1, 0, 0, 0, 0, 0, 0), "CONNECT is the only command.", commandNotSupported],
  ["Tor's RESOLVE", octets(5, 0xf0, 0, 3), "CONNECT is the only command.", commandNotSupported],
  ["a reserved octet", octets(5, 1, 1), "The reserved octet is not 0."],
  ["type 0", octets(5, 1, 0, 0), "The address is of a type that nobody has defined.", addressTypeNotSupported],
  ["type 2", octets(5, 1, 0, 2), "The address is of a type that nobody has defined.", addressTypeNotSupported],
  ["type 255", octets(5, 1, 0, 255), "The address is of a type that nobody has defined.", addressTypeNotSupported],
  ["an empty name", octets(5, 1, 0, 3, 0), "The host name is empty."],
  ["port 0", named("a.example", 0), "The port is 0."],
  ["port 0 of an address", octets(5, 1, 0, 1, 1, 2, 3, 4, 0, 0), "The port is 0."],
  ["a NUL in the name", named("a.example\0.evil"), CHARACTERS],
  ["a NUL at its end", named("a.example\0"), CHARACTERS],
  ["a NUL first", named("\0a.example"), CHARACTERS],
  ["a port in the name", named("a.example:80"), CHARACTERS],
  ["brackets", named("[::1]"), CHARACTERS],
  ["IPv6 for a name", named("::1"), CHARACTERS],
  ["a user", named("u@a.example"), CHARACTERS],
  ["a percent sign", named("a%2eexample"), CHARACTERS],
  ["UTF-8", named("\xc3\xa9.example"), CHARACTERS],
  ["white space", named("a.example "), CHARACTERS],
  ["a line end", named("a.example\r\n"), CHARACTERS],
  ["a decimal address", named("2130706433"), NUMBER],
  ["a short address", named("127.1"), NUMBER],
  ["an octal address", named("0177.0.0.1"), NUMBER],
  ["a hex address", named("0x7f000001"), NUMBER],
  ["an address with a dot at its end", named("127.0.0.1."), NUMBER],
  ["an address out of range", named("256.0.0.1"), NUMBER],
  ["a dot", named("."), "The host name is empty."],
  ["two dots", named("a..example"), "The host name has an empty label."],
  ["255 octets", named("a.".repeat(127) + "a"), "The host name is longer than 253 octets."],
];

for (const [name, request, problem, reply = failure] of refused) {
  test(`INV-WIRE-ONE-TARGET: SOCKS request refused, ${name}`, () => {
    const expected = { state: "malformed", problem, reply };
    assert.deepEqual(readSocksRequest(request, request.length), expected);
    const longer = octets(Buffer.from(request).toString("latin1"), "\0\x05\x01\0");
    // Where the refusal came early, what follows does not change it.
    if (request.length < 7) assert.deepEqual(readSocksRequest(longer, longer.length), expected);
  });
}

test("every octet is waited for, one by one", () => {
  for (const [name, request] of asked) {
    for (let length = 0; length < request.length; length += 1) {
      assert.deepEqual(readSocksRequest(request, length), { state: "incomplete" }, `${name}: ${length}`);
    }
  }
});

const replies: readonly (readonly [reason: Reason, reply: number])[] = [
  ["host_not_allowed", 2],
  ["denied_by_rule", 2],
  ["blocklisted", 2],
  ["address_not_allowed", 2],
  ["governance_denied", 2],
  ["dns_failure", 4],
  ["upstream_unreachable", 5],
  ["rate_limited", 1],
  ["connection_limit", 1],
  ["policy_expired", 1],
  ["draining", 1],
  ["internal", 1],
];

for (const [reason, reply] of replies) {
  test(`${reason} is told as ${reply}`, () => {
    assert.equal(socksReplyOf(reason), reply);
    assert.deepEqual([...socksReply(socksReplyOf(reason))], [5, reply, 0, 1, 0, 0, 0, 0, 0, 0]);
  });
}

test("no reason is told as success", () => {
  for (const reason of Object.keys(REASONS)) assert.notEqual(socksReplyOf(reason as Reason), SOCKS_REPLY.succeeded);
});
