import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHostname } from "../../../../router/core/wire/hostname.ts";

const accepted: readonly (readonly [text: string, canonical: string])[] = [
  ["example.com", "example.com"],
  ["API.GitHub.COM", "api.github.com"],
  // CVE-2022-24825: a trailing dot got past a deny list; here there is one spelling.
  ["example.com.", "example.com"],
  ["EXAMPLE.com.", "example.com"],
  ["localhost", "localhost"],
  ["a", "a"],
  ["_dmarc.example.com", "_dmarc.example.com"],
  ["a_b.example", "a_b.example"],
  ["xn--zca.xn--zca", "xn--zca.xn--zca"],
  ["XN--ZCA", "xn--zca"],
  ["ab--c.example", "ab--c.example"],
  ["1.2.3.4.example", "1.2.3.4.example"],
  ["0x7f.example", "0x7f.example"],
  ["1a", "1a"],
  ["0xg", "0xg"],
  ["a.0x1g", "a.0x1g"],
  ["10.0.0.1.nip.io", "10.0.0.1.nip.io"],
  [`${"a".repeat(63)}.example`, `${"a".repeat(63)}.example`],
  // 127 labels: 253 octets without the trailing dot.
  ["a.".repeat(127), "a.".repeat(127).slice(0, -1)],
  [
    `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`,
    `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`,
  ],
  [
    `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}.`,
    `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`,
  ],
];

for (const [text, canonical] of accepted) {
  test(`parseHostname takes ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseHostname(text), { ok: true, value: canonical });
    assert.deepEqual(parseHostname(canonical), { ok: true, value: canonical });
  });
}

const CHARACTERS = "A host name holds ASCII letters, digits, hyphens, underscores and dots only.";
const EMPTY = "The host name is empty.";
const EMPTY_LABEL = "The host name has an empty label.";
const LONG = "The host name is longer than 253 octets.";
const LONG_LABEL = "A label of the host name is longer than 63 octets.";
const HYPHEN = "A label of the host name begins or ends with a hyphen.";
const NUMBER = "The host name ends in a number.";

const refused: readonly (readonly [text: string, problem: string])[] = [
  ["", EMPTY],
  [".", EMPTY],
  ["..", EMPTY_LABEL],
  ["example.com..", EMPTY_LABEL],
  ["a..b", EMPTY_LABEL],
  [".example.com", EMPTY_LABEL],
  ["-a.example", HYPHEN],
  ["a-.example", HYPHEN],
  ["-", HYPHEN],
  ["a.-", HYPHEN],
  [`${"a".repeat(64)}.example`, LONG_LABEL],
  [`${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(62)}`, LONG],
  ["a.".repeat(128), LONG],
  ["a".repeat(300), LONG],
  // srt: `attacker\0.allowed` was cut at NUL by the resolver and matched by its end.
  ["attacker.example\0.allowed.example", CHARACTERS],
  ["attacker.example%00.allowed.example", CHARACTERS],
  ["::ffff:1.2.3.4%x.allowed.com", CHARACTERS],
  ["example%2ecom", CHARACTERS],
  ["example%2Ecom", CHARACTERS],
  ["a b.example", CHARACTERS],
  [" example.com", CHARACTERS],
  ["example.com ", CHARACTERS],
  ["example.com\t", CHARACTERS],
  ["exa\tmple.com", CHARACTERS],
  ["exa\nmple.com", CHARACTERS],
  ["example.com\r\n", CHARACTERS],
  ["exam\x7fple.com", CHARACTERS],
  ["*.example.com", CHARACTERS],
  ["user@example.com", CHARACTERS],
  ["example.com:443", CHARACTERS],
  ["[example.com]", CHARACTERS],
  ["example.com/", CHARACTERS],
  ["example.com\\", CHARACTERS],
  ["example.com#", CHARACTERS],
  ["example.com?", CHARACTERS],
  ["example.com;", CHARACTERS],
  ["a,b", CHARACTERS],
  ['"example.com"', CHARACTERS],
  // Folded to ASCII by WHATWG URL (egress-proxies.md section 2b).
  ["example。com", CHARACTERS],
  ["example．com", CHARACTERS],
  ["ｅxample.com", CHARACTERS],
  ["exam\u00adple.com", CHARACTERS],
  ["exam\u200bple.com", CHARACTERS],
  ["faceboo\u212a.com", CHARACTERS],
  ["①②⑦.0.0.1", CHARACTERS],
  ["straße.example", CHARACTERS],
  ["exam\u017fple.com", CHARACTERS],
  ["\ud800.example", CHARACTERS],
  // Numbers that inet_aton, dns.lookup or WHATWG URL read as addresses.
  ["127.0.0.1", NUMBER],
  ["127.0.0.1.", NUMBER],
  ["127.1", NUMBER],
  ["2130706433", NUMBER],
  ["0", NUMBER],
  ["0x", NUMBER],
  ["0X7F000001", NUMBER],
  ["0x7f.1", NUMBER],
  ["1.2.3.0x", NUMBER],
  ["0177.0.0.1", NUMBER],
  ["example.1", NUMBER],
  ["example.0x", NUMBER],
  ["example.0xdeadbeef.", NUMBER],
  ["1.2.3.4.5", NUMBER],
  ["09", NUMBER],
];

for (const [text, problem] of refused) {
  test(`parseHostname refuses ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseHostname(text), { ok: false, problem });
  });
}
