import assert from "node:assert/strict";
import { test } from "node:test";
import { formatHost, parseHost } from "../../../../router/core/wire/host.ts";

/**
 * Hosts out of url/resources/toascii.json and urltestdata.json of web-platform-tests (BSD-3-Clause, copyright the
 * web-platform-tests contributors), with what WPT says a URL parser makes of them (undefined: failure). We take a host
 * only where the text already is, but for its case, what WPT expects; every repair it asks for is refused.
 */
const rows: readonly (readonly [input: string, wpt: string | undefined, taken: boolean])[] = [
  // toascii.json
  ["aa--", "aa--", false],
  ["a†--", "xn--a---kp0a", false],
  ["ab--c", "ab--c", true],
  ["-x", "-x", false],
  ["-x.xn--zca", "-x.xn--zca", false],
  ["x-.xn--zca", "x-.xn--zca", false],
  ["x..xn--zca", "x..xn--zca", false],
  ["xn--zca.xn--zca", "xn--zca.xn--zca", true],
  ["xn--zca.ß", "xn--zca.xn--zca", false],
  ["xn--ls8h=", undefined, false],
  ["xn--tešla", undefined, false],
  ["\u200D.example", undefined, false],
  ["\u064A.", "xn--mhb.", false],
  ["1.\u064A", "1.xn--mhb", false],
  ["\u064A.1", undefined, false],
  ["xn--mhb.1", undefined, false],
  ["\uFFFD.com", undefined, false],
  [
    "x01234567890123456789012345678901234567890123456789012345678901x",
    "x01234567890123456789012345678901234567890123456789012345678901x",
    false,
  ],
  ["a\u00ADb", "ab", false],
  ["≠", "xn--1ch", false],
  // urltestdata.json
  ["ExAmPlE.CoM", "example.com", true],
  ["example example.com", undefined, false],
  ["Goo%20 goo%7C|.com", undefined, false],
  ["[]", undefined, false],
  ["[:]", undefined, false],
  ["GOO\u200b\u2060\ufeffgoo.com", "googoo.com", false],
  ["www.foo。bar.com", "www.foo.bar.com", false],
  ["\ufdd0zyx.com", undefined, false],
  ["%ef%b7%90zyx.com", undefined, false],
  ["Ｇｏ.com", "go.com", false],
  ["％４１.com", undefined, false],
  ["你好你好", "xn--6qqa088eba", false],
  ["ho%00st", undefined, false],
  ["a%b", undefined, false],
  ["a^b", undefined, false],
  ["foo.09", undefined, false],
  ["foo.09.", undefined, false],
  ["foo.09..", "foo.09..", false],
  ["foo.0x4", undefined, false],
  ["foo.0x", undefined, false],
  ["foo.0XFfFfFfFfFfFfFfFfFfAcE123", undefined, false],
  ["foo.2.3.4", undefined, false],
  ["foo.1.2.3.4.", undefined, false],
  ["1.2.3.4.5", undefined, false],
  ["1.2.3.08", undefined, false],
  ["09.2.3.4", undefined, false],
  ["0x100.2.3.4", undefined, false],
  ["0x1.2.3.4.5.", undefined, false],
  ["256.256.256.256.256", undefined, false],
  ["0999999999999999999", undefined, false],
  ["0..0x300", undefined, false],
  ["\u{1f4a9}.123", undefined, false],
];

for (const [input, wpt, taken] of rows) {
  test(`WPT host ${JSON.stringify(input)}`, () => {
    const host = parseHost(input);
    assert.equal(host.ok, taken);
    if (host.ok) assert.equal(formatHost(host.value), wpt);
  });
}

test("A-labels that decode to nothing valid are names as written: WPT fails them, the resolver will", () => {
  for (const input of ["xn--a", "xn--1ug.example", "xn--a-yoc", "xn--zn7c.com", "10.0.0.xn--pokxncvks"]) {
    assert.deepEqual(parseHost(input), { ok: true, value: { kind: "name", text: input } });
  }
});
