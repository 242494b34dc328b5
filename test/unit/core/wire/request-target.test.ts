import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAuthority } from "../../../../router/core/wire/authority.ts";
import { parseAbsoluteForm, parseOriginForm } from "../../../../router/core/wire/request-target.ts";
import { cpuMillis } from "./cpu-time.ts";

const absolute: readonly (readonly [text: string, authority: string, path: string, query: string])[] = [
  ["http://example.com/", "example.com:80", "/", ""],
  ["http://example.com", "example.com:80", "/", ""],
  ["HTTP://EXAMPLE.com.", "example.com:80", "/", ""],
  ["http://example.com:80/a/b?c=d", "example.com:80", "/a/b", "?c=d"],
  ["http://example.com:8080?c", "example.com:8080", "/", "?c"],
  ["http://example.com/?", "example.com:80", "/", "?"],
  ["http://[::1]:81/x", "[::1]:81", "/x", ""],
  ["http://10.0.0.1/x", "10.0.0.1:80", "/x", ""],
  ["http://example.com/a?b?c/../d", "example.com:80", "/a", "?b?c/../d"],
  ["http://example.com//x", "example.com:80", "//x", ""],
  ["http://example.com/@evil", "example.com:80", "/@evil", ""],
  ["http://example.com/http://evil/", "example.com:80", "/http://evil/", ""],
  ["http://example.com/?u=http://user@evil/", "example.com:80", "/", "?u=http://user@evil/"],
];

for (const [text, authority, path, query] of absolute) {
  test(`parseAbsoluteForm takes ${text}`, () => {
    const target = parseAbsoluteForm(text);
    assert.ok(target.ok);
    assert.equal(formatAuthority(target.value.authority), authority);
    assert.deepEqual([target.value.path, target.value.query], [path, query]);
  });
}

const CHARACTERS = "A host name holds ASCII letters, digits, hyphens, underscores and dots only.";
const NOT_HTTP = "The request-target is not an absolute http URL.";
const EMPTY = "The host name is empty.";
const PATH = "The path holds a character that must be percent-encoded.";
const QUERY = "The query holds a character that must be percent-encoded.";
const PERCENT = "The path has a percent sign without two hex digits.";
const DOTS = "The path has a dot segment.";
const NUL = "The path holds an encoded NUL.";

const notAbsolute: readonly (readonly [text: string, problem: string])[] = [
  ["https://example.com/", "An https URL is not of this connection, whose requests go on in clear."],
  ["HTTPS://example.com/", "An https URL is not of this connection, whose requests go on in clear."],
  // Passed by Node's parser (egress-proxies.md section 2b).
  ["file:///etc/passwd", NOT_HTTP],
  ["http:///", EMPTY],
  ["http://", EMPTY],
  ["http://?x", EMPTY],
  ["//host/", NOT_HTTP],
  ["http:/host/", NOT_HTTP],
  ["http:host", NOT_HTTP],
  ["http:\\\\host\\", NOT_HTTP],
  ["ftp://host/", NOT_HTTP],
  ["ws://host/", NOT_HTTP],
  ["gopher://host/", NOT_HTTP],
  ["javascript:alert(1)", NOT_HTTP],
  ["/", NOT_HTTP],
  ["*", NOT_HTTP],
  ["", NOT_HTTP],
  ["example.com:80", NOT_HTTP],
  [" http://example.com/", NOT_HTTP],
  ["http://user@example.com/", "User information before the host is not accepted."],
  ["http://user:pass@example.com/", "User information before the host is not accepted."],
  ["http://example.com:80@evil/", "User information before the host is not accepted."],
  ["http://evil\\@example.com/", "User information before the host is not accepted."],
  ["http://example.com\\@evil/", "User information before the host is not accepted."],
  ["http://example.com\\evil/", CHARACTERS],
  ["http://example.com:+80/", "The port is not a decimal number from 1 to 65535."],
  ["http://example.com:/", "The port is not a decimal number from 1 to 65535."],
  ["http://example.com:0/", "The port is not a decimal number from 1 to 65535."],
  ["http://example.com:00080/", "The port is not a decimal number from 1 to 65535."],
  ["http://exa%6dple.com/", CHARACTERS],
  ["http://example.com%2f@evil/", "User information before the host is not accepted."],
  ["http://[example.com]/", "Brackets hold an IPv6 address, without a zone id, and nothing else."],
  ["http://example.com#/", CHARACTERS],
  ["http://example.com/#fragment", PATH],
  ["http://example.com/?q#fragment", QUERY],
  ["http://2130706433/", "The host name ends in a number."],
  ["http://0x7f.1/", "The host name ends in a number."],
  ["http://example.com /", CHARACTERS],
  ["http://exam\tple.com/", CHARACTERS],
  ["http://example.com/a b", PATH],
];

for (const [text, problem] of notAbsolute) {
  test(`parseAbsoluteForm refuses ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseAbsoluteForm(text), { ok: false, problem });
  });
}

const origin: readonly (readonly [text: string, path: string, query: string])[] = [
  ["/", "/", ""],
  ["/a/b", "/a/b", ""],
  ["/a//b/", "/a//b/", ""],
  ["/a?b=c&d=e", "/a", "?b=c&d=e"],
  ["/...", "/...", ""],
  ["/.well-known/x", "/.well-known/x", ""],
  ["/a./.b/c..d/..e", "/a./.b/c..d/..e", ""],
  ["/%2e%2e%2e", "/%2e%2e%2e", ""],
  ["/.%61", "/.%61", ""],
  ["/group%2Fproject", "/group%2Fproject", ""],
  ["/a;v=1/b", "/a;v=1/b", ""],
  ["/caf%C3%A9", "/caf%C3%A9", ""],
  ["/a[0]|b", "/a[0]|b", ""],
  ["/a:b@c!$&'()*+,;=~", "/a:b@c!$&'()*+,;=~", ""],
  // A query is the origin's own: what curl, undici and browsers send bare passes.
  ["/?../..", "/", "?../.."],
  ['/?q={"a":[1]}|^<>`', "/", '?q={"a":[1]}|^<>`'],
  ["/?100%", "/", "?100%"],
  ["/?%zz%00", "/", "?%zz%00"],
];

for (const [text, path, query] of origin) {
  test(`parseOriginForm takes ${text}`, () => {
    assert.deepEqual(parseOriginForm(text), { ok: true, value: { path, query } });
  });
}

const notOrigin: readonly (readonly [text: string, problem: string])[] = [
  ["", "The request-target is not a path."],
  ["a", "The request-target is not a path."],
  ["*", "The request-target is not a path."],
  ["?a", "The request-target is not a path."],
  ["http://example.com/", "The request-target is not a path."],
  ["/.", DOTS],
  ["/..", DOTS],
  ["/./", DOTS],
  ["/../", DOTS],
  ["/a/.", DOTS],
  ["/a/..", DOTS],
  ["/a/../b", DOTS],
  ["/a/..?x", DOTS],
  ["/a/%2e%2e/b", DOTS],
  ["/a/%2E./b", DOTS],
  ["/a/.%2E/b", DOTS],
  ["/a/%2e", DOTS],
  ["/a/%252e%252e/b", DOTS],
  ["/a/%25252e./b", DOTS],
  ["/a%2f../b", DOTS],
  ["/a%2F%2e%2e%2fb", DOTS],
  ["/a/..%2fb", DOTS],
  ["/a/..%5cb", DOTS],
  ["/a%5C..%5cb", DOTS],
  ["/a%252f..%252fb", DOTS],
  ["/a/..;/b", DOTS],
  ["/a/..;x=y/b", DOTS],
  ["/a/.;/b", DOTS],
  ["/a/..%3b/b", DOTS],
  ["//../", DOTS],
  ["/a%00", NUL],
  ["/a%00.json", NUL],
  ["/%", PERCENT],
  ["/%2", PERCENT],
  ["/%zz", PERCENT],
  ["/%%2e", PERCENT],
  ["/%u002e", PERCENT],
  ["/a\\b", PATH],
  ["/a#b", PATH],
  ["/a b", PATH],
  ["/a\tb", PATH],
  ["/a\0b", PATH],
  ["/a\r\nb", PATH],
  ["/a\x7f", PATH],
  ["/caf\u00e9", PATH],
  ["/\u2025/", PATH],
  ["/\uff0e\uff0e/", PATH],
  ['/"', PATH],
  ["/<", PATH],
  ["/>", PATH],
  ["/^", PATH],
  ["/`", PATH],
  ["/{id}", PATH],
  ["/?a b", QUERY],
  ["/?a\\b", QUERY],
  ["/?a#b", QUERY],
  ["/?a\0", QUERY],
  ["/?\u00e9", QUERY],
  ["/?a\r\nX: y", QUERY],
];

for (const [text, problem] of notOrigin) {
  test(`parseOriginForm refuses ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseOriginForm(text), { ok: false, problem });
  });
}

test("a dot segment is looked for in linear time", () => {
  for (const text of [
    `/%${"25".repeat(300_000)}`,
    "/%2525".repeat(100_000),
    "/%25252e%2e%2e".repeat(50_000),
    `/${"%252525".repeat(100_000)}`,
    "/...".repeat(150_000),
    "/x".repeat(300_000),
  ]) {
    const spent = cpuMillis(() => assert.equal(parseOriginForm(text).ok, true, text.slice(0, 20)));
    assert.ok(spent < 1_000, `${text.slice(0, 20)}: ${spent} ms`);
  }
});
