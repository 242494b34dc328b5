import assert from "node:assert/strict";
import { test } from "node:test";
import { portOf } from "../../../../router/core/base/quantity.ts";
import { formatAuthority, parseAuthority, sameAuthority } from "../../../../router/core/wire/authority.ts";

const accepted: readonly (readonly [text: string, defaultPort: number | undefined, canonical: string])[] = [
  ["example.com:443", undefined, "example.com:443"],
  ["EXAMPLE.com.:8443", undefined, "example.com:8443"],
  ["example.com", 80, "example.com:80"],
  ["example.com:81", 80, "example.com:81"],
  ["10.0.0.1:1", undefined, "10.0.0.1:1"],
  ["[::1]:65535", undefined, "[::1]:65535"],
  ["[::FFFF:1.2.3.4]", 443, "[::ffff:1.2.3.4]:443"],
];

for (const [text, defaultPort, canonical] of accepted) {
  test(`parseAuthority takes ${text}`, () => {
    const authority = parseAuthority(text, defaultPort === undefined ? undefined : portOf(defaultPort));
    assert.ok(authority.ok);
    assert.equal(formatAuthority(authority.value), canonical);
    const again = parseAuthority(canonical, undefined);
    assert.ok(again.ok && sameAuthority(again.value, authority.value));
    assert.deepEqual(again, authority);
  });
}

const CHARACTERS = "A host name holds ASCII letters, digits, hyphens, underscores and dots only.";
const BRACKETS = "Brackets hold an IPv6 address, without a zone id, and nothing else.";
const PORT = "The port is not a decimal number from 1 to 65535.";
const USER = "User information before the host is not accepted.";

// All of these reach a server through Node's own parser as CONNECT targets (egress-proxies.md section 2b).
const refused: readonly (readonly [text: string, problem: string])[] = [
  ["example.com", "The port is missing."],
  ["[::1]", "The port is missing."],
  ["example.com:", PORT],
  ["a:+443", PORT],
  ["a:-1", PORT],
  ["a:0", PORT],
  ["a:00443", PORT],
  ["a:0443", PORT],
  // CVE-2025-63938: a port that overflowed to 443.
  ["a:65979", PORT],
  ["a:65536", PORT],
  ["a:4294967739", PORT],
  ["a:443 ", PORT],
  ["a:443\n", PORT],
  ["a:443\0", PORT],
  ["a:0x1bb", PORT],
  ["a:4e2", PORT],
  ["a:443:443", PORT],
  ["a:443/", PORT],
  ["a:443/path", PORT],
  ["a:443?", PORT],
  ["a:443#", PORT],
  ["a:https", PORT],
  ["a:４４３", PORT],
  ["https://a:443", PORT],
  ["/path", CHARACTERS],
  ["a/b:443", CHARACTERS],
  ["user@a:443", USER],
  ["user:password@a:443", USER],
  ["a:443@evil:443", USER],
  ["a@", USER],
  ["[evil.test]:443", BRACKETS],
  ["[10.0.0.1]:443", BRACKETS],
  ["[fe80::1%eth0]:443", BRACKETS],
  ["[::ffff:1.2.3.4%x.allowed.com]:443", BRACKETS],
  ["[::1", BRACKETS],
  ["[::1]443", BRACKETS],
  ["[::1]]:443", BRACKETS],
  ["[::1]:443]", PORT],
  ["::1:443", "The host name is empty."],
  ["fe80::1:443", PORT],
  ["a%2eb:443", CHARACTERS],
  ["a,b:443", CHARACTERS],
  ["a b:443", CHARACTERS],
  ["a\\b:443", CHARACTERS],
  [`${"a".repeat(300)}:443`, "The host name is longer than 253 octets."],
  [":443", "The host name is empty."],
  ["", "The host name is empty."],
  ["*", CHARACTERS],
  ["127.1:443", "The host name ends in a number."],
  ["0x7f.1:443", "The host name ends in a number."],
  ["①②⑦.0.0.1:443", CHARACTERS],
];

for (const [text, problem] of refused) {
  test(`parseAuthority refuses ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseAuthority(text, undefined), { ok: false, problem });
  });
}
