import assert from "node:assert/strict";
import { test } from "node:test";
import { formatHost, parseHost, sameHost } from "../../../../router/core/wire/host.ts";

const BRACKETS = "Brackets hold an IPv6 address, without a zone id, and nothing else.";

const accepted: readonly (readonly [text: string, kind: "name" | "address", canonical: string, formatted: string])[] = [
  ["Example.COM.", "name", "example.com", "example.com"],
  ["10.0.0.1", "address", "10.0.0.1", "10.0.0.1"],
  ["[::1]", "address", "::1", "[::1]"],
  ["[0:0:0:0:0:FFFF:7F00:1]", "address", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]"],
  ["[2001:DB8::0:1]", "address", "2001:db8::1", "[2001:db8::1]"],
];

for (const [text, kind, canonical, formatted] of accepted) {
  test(`parseHost takes ${text}`, () => {
    const host = parseHost(text);
    assert.deepEqual(host, { ok: true, value: { kind, text: canonical } });
    assert.ok(host.ok);
    assert.equal(formatHost(host.value), formatted);
    assert.deepEqual(parseHost(formatted), host);
  });
}

const refused: readonly (readonly [text: string, problem: string])[] = [
  // CVE-2022-29188: `[host]` got past a deny list.
  ["[example.com]", BRACKETS],
  ["[10.0.0.1]", BRACKETS],
  ["[]", BRACKETS],
  ["[::1", BRACKETS],
  ["[::1]x", BRACKETS],
  ["[[::1]]", BRACKETS],
  ["[::1%lo]", BRACKETS],
  ["[::1%25lo]", BRACKETS],
  ["[::ffff:1.2.3.4%x.allowed.com]", BRACKETS],
  ["[v1.fe80::a]", BRACKETS],
  ["::1]", "A host name holds ASCII letters, digits, hyphens, underscores and dots only."],
  ["::1", "A host name holds ASCII letters, digits, hyphens, underscores and dots only."],
  ["10.0.0.1.", "The host name ends in a number."],
  ["127.1", "The host name ends in a number."],
  ["", "The host name is empty."],
];

for (const [text, problem] of refused) {
  test(`parseHost refuses ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseHost(text), { ok: false, problem });
  });
}

test("sameHost compares canonical hosts", () => {
  const one = parseHost("[::1]");
  const other = parseHost("[0:0::0:1]");
  const name = parseHost("localhost");
  assert.ok(one.ok && other.ok && name.ok);
  assert.equal(sameHost(one.value, other.value), true);
  assert.equal(sameHost(one.value, name.value), false);
});
