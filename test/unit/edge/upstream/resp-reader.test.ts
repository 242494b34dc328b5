import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { fail, ok } from "../../../../router/core/base/result.ts";
import { respCommand } from "../../../../router/edge/upstream/resp-command.ts";
import { MAXIMUM_REPLY, RespReader, type RespReply } from "../../../../router/edge/upstream/resp-reader.ts";

const good: readonly (readonly [name: string, octets: string, replies: readonly RespReply[]])[] = [
  ["a status", "+OK\r\n", [ok("OK")]],
  ["an empty status", "+\r\n", [ok("")]],
  ["an error", "-NOAUTH Authentication required.\r\n", [fail("NOAUTH Authentication required.")]],
  ["whole numbers", ":0\r\n:-1\r\n:9007199254740991\r\n", [ok(0), ok(-1), ok(9_007_199_254_740_991)]],
  ["a text with a line end in it", "$4\r\na\r\nb\r\n", [ok("a\r\nb")]],
  ["an empty text", "$0\r\n\r\n", [ok("")]],
  ["no text, no list", "$-1\r\n*-1\r\n", [ok(undefined), ok(undefined)]],
  ["a list", "*4\r\n$2\r\nok\r\n:7\r\n$-1\r\n*1\r\n:1\r\n", [ok(["ok", 7, undefined, [1]])]],
  ["an empty list", "*0\r\n", [ok([])]],
  ["octets beyond ASCII", "$2\r\n\xff\x00\r\n", [ok("\xff\x00")]],
];

const bad: readonly (readonly [name: string, octets: string])[] = [
  ["HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"],
  ["SMTP", "220 mail ESMTP\r\n"],
  ["TLS", "\x15\x03\x01\x00\x02\x02\x46\r\n"],
  ["nothing but line ends", "\r\n\r\n"],
  ["RESP3: a map, a null, a push", "%1\r\n"],
  ["RESP3 null", "_\r\n"],
  ["RESP3 push", ">2\r\n"],
  ["a number that is none", ":1e3\r\n"],
  ["a number with a sign", ":+1\r\n"],
  ["a number beyond 2^53", ":9007199254740992\r\n"],
  ["a number with a blank", ": 1\r\n"],
  ["no number", ":\r\n"],
  ["a list of 60 million", "*60000000\r\n"],
  ["a list of 8,193", "*8193\r\n"],
  ["a negative length", "*-2\r\n"],
  ["lists three deep", "*1\r\n*1\r\n*1\r\n:1\r\n"],
  ["a text that is too long", `$${MAXIMUM_REPLY + 1}\r\n`],
  ["a text without its end", "$1\r\nabc\r\n"],
  ["an error within a list", "*1\r\n-ERR\r\n"],
  ["a line without an end", `+${"a".repeat(3_000)}`],
  ["a carriage return alone", "+OK\rX\r\n"],
  ["a line feed alone", `+OK\n${"a".repeat(3_000)}`],
];

for (const [name, octets, replies] of good) {
  test(`read: ${name}, in any pieces`, () => {
    const whole = Buffer.from(octets, "latin1");
    assert.deepEqual(new RespReader().read(whole), replies);
    const reader = new RespReader();
    assert.deepEqual(
      [...whole].flatMap((octet) => reader.read(Buffer.from([octet])) ?? [fail("broken")]),
      replies,
    );
  });
}

for (const [name, octets] of bad) {
  test(`no reply, nor any after it: ${name}`, () => {
    const reader = new RespReader();
    assert.equal(reader.read(Buffer.from(octets, "latin1")), undefined);
    assert.equal(reader.read(Buffer.from("+OK\r\n")), undefined, "nothing after it means anything");
    const dripped = new RespReader();
    let broken = false;
    for (const octet of Buffer.from(octets, "latin1")) broken ||= dripped.read(Buffer.from([octet])) === undefined;
    assert.ok(broken, "in single octets too");
  });
}

test("what a list holds together is bounded", () => {
  const reader = new RespReader();
  const text = `$60000\r\n${"a".repeat(60_000)}\r\n`;
  assert.deepEqual(reader.read(Buffer.from(`*4\r\n${text}${text}`)), []);
  assert.equal(reader.read(Buffer.from(text)), undefined);
});

type Value = number | string | undefined | readonly Value[];
const encoded = (value: Value): string => {
  if (value === undefined) return "$-1\r\n";
  if (typeof value === "number") return `:${value}\r\n`;
  if (typeof value === "string") return `$${value.length}\r\n${value}\r\n`;
  return `*${value.length}\r\n${value.map(encoded).join("")}`;
};

test("values come out as they went in, however the octets are cut; what is no reply throws nothing", () => {
  const leaf = fc.oneof(fc.maxSafeInteger(), fc.string({ unit: "binary-ascii" }), fc.constant(undefined));
  const value: fc.Arbitrary<Value> = fc.oneof(
    leaf,
    fc.array(fc.oneof(leaf, fc.array(leaf, { maxLength: 4 })), { maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(value, { maxLength: 6 }), fc.array(fc.nat(200), { maxLength: 12 }), (values, cuts) => {
      const whole = Buffer.from(values.map(encoded).join(""), "latin1");
      const reader = new RespReader();
      const at = [
        0,
        ...cuts.map((cut) => cut % (whole.length + 1)).toSorted((one, other) => one - other),
        whole.length,
      ];
      const replies = at
        .slice(1)
        .flatMap((end, index) => reader.read(whole.subarray(at[index], end)) ?? [fail("broken")]);
      assert.deepEqual(
        replies,
        values.map((one) => ok(one)),
      );
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => void new RespReader().read(Buffer.from(octets))),
  );
  const likely = fc.array(fc.constantFrom("+", "-", ":", "$", "*", "1", "0", "-1", "\r\n", "OK"), { maxLength: 40 });
  fc.assert(fc.property(likely, (parts) => void new RespReader().read(Buffer.from(parts.join("")))));
});

test("a command counts octets, not characters", () => {
  assert.equal(
    respCommand(["AUTH", "pässwort \u{1f511}", ""]),
    "*3\r\n$4\r\nAUTH\r\n$14\r\npässwort \u{1f511}\r\n$0\r\n\r\n",
  );
});
