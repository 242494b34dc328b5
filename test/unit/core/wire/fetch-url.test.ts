import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  formatFetchUrl,
  type FetchUrl,
  hostFieldOf,
  locationUrl,
  LONGEST_FETCH_URL,
  parseFetchUrl,
  sameOrigin,
} from "../../../../router/core/wire/fetch-url.ts";

function url(text: string): FetchUrl {
  const parsed = parseFetchUrl(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

const accepted: readonly (readonly [given: string, spelt: string, host: string])[] = [
  ["http://a.example", "http://a.example/", "a.example"],
  ["HTTPS://A.Example:443/x?y=/..", "https://a.example/x?y=/..", "a.example"],
  ["http://a.example:80/", "http://a.example/", "a.example"],
  ["https://a.example:80?q", "https://a.example:80/?q", "a.example:80"],
  ["http://a.example./x", "http://a.example/x", "a.example"],
  ["http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080/x", "[2001:db8::1]:8080"],
  ["http://192.0.2.1/%2Fa", "http://192.0.2.1/%2Fa", "192.0.2.1"],
];

const refused: readonly (readonly [what: string, given: string, problem: RegExp])[] = [
  ["nothing", "", /absolute URL/],
  ["a path", "/x", /absolute URL/],
  ["no scheme", "//a.example/", /absolute URL/],
  ["a file", "file:///etc/passwd", /http or https/],
  ["another scheme", "gopher://a.example/", /http or https/],
  ["user information", "http://user:pw@a.example/", /User information/],
  ["an allowed name as user", "http://allowed.example@evil.example/", /User information/],
  ["a backslash before the host", "http://allowed.example\\@evil.example/", /./],
  ["a backslash in the path", "http://a.example/\\x", /percent-encoded/],
  ["a fragment", "http://a.example/#x", /fragment/],
  ["a fragment of nothing", "http://a.example#", /./],
  ["an integer", "http://2852039166/", /number/],
  ["hex", "http://0xa9.0xfe.0xa9.0xfe/", /number/],
  ["octal", "http://0251.0376.0251.0376/", /number/],
  ["a short address", "http://127.1/", /number/],
  ["an IPv4 address in brackets", "http://[169.254.169.254]/", /Brackets/],
  ["a zone", "http://[fe80::1%25eth0]/", /Brackets/],
  ["full-width digits", "http://１６９.254.169.254/", /ASCII/],
  ["a full-width dot", "http://evil。example/", /ASCII/],
  ["an encoded host", "http://%61.example/", /ASCII/],
  ["no host", "http:///x", /empty/],
  ["port 0", "http://a.example:0/", /port/],
  ["an empty port", "http://a.example:/", /port/],
  ["a port too large", "http://a.example:65536/", /port/],
  ["a tab in the scheme", "ht\ttp://a.example/", /absolute URL/],
  ["a line end in the path", "http://a.example/x\r\nHost: b", /percent-encoded/],
  ["a blank behind", "http://a.example/ ", /percent-encoded/],
  ["a blank before", " http://a.example/", /absolute URL/],
  ["a dot segment", "http://a.example/a/../b", /dot segment/],
  ["an encoded dot segment", "http://a.example/a/%2e%2e/b", /dot segment/],
  ["a dot segment encoded twice", "http://a.example/a/%252e%252e/b", /dot segment/],
  ["a dot segment with a parameter", "http://a.example/a/..;/b", /dot segment/],
  ["an encoded NUL", "http://a.example/%00", /NUL/],
  ["a broken escape", "http://a.example/%zz", /percent sign/],
  ["one slash", "http:/a.example/", /absolute URL/],
  ["too long", `http://a.example/${"x".repeat(LONGEST_FETCH_URL)}`, /at most/],
];

describe("the URL of a fetch", () => {
  for (const [given, spelt, host] of accepted) {
    test(`${given} is ${spelt}`, () => {
      assert.equal(formatFetchUrl(url(given)), spelt);
      assert.equal(hostFieldOf(url(given)), host);
      assert.deepEqual(url(spelt), url(given), "its spelling is read as the same");
    });
  }
  for (const [what, given, problem] of refused) {
    test(`refused: ${what}`, () => {
      const parsed = parseFetchUrl(given);
      assert.ok(!parsed.ok);
      assert.match(parsed.problem, problem);
    });
  }
});

const from = "https://a.example:8443/one/two?q=1";
const led: readonly (readonly [location: string, to: string | RegExp])[] = [
  ["https://b.example/x", "https://b.example/x"],
  ["http://b.example", "http://b.example/"],
  ["//b.example/x", "https://b.example/x"],
  ["/x", "https://a.example:8443/x"],
  ["/x?y#z", "https://a.example:8443/x?y"],
  ["x", "https://a.example:8443/one/x"],
  ["./x", "https://a.example:8443/one/x"],
  ["../x", "https://a.example:8443/x"],
  ["../../../x", "https://a.example:8443/x"],
  ["..", "https://a.example:8443/"],
  [".", "https://a.example:8443/one/"],
  ["/a/./b/../c", "https://a.example:8443/a/c"],
  ["?r=2", "https://a.example:8443/one/two?r=2"],
  ["x?a=http://b.example/..", "https://a.example:8443/one/x?a=http://b.example/.."],
  ["a:b", /absolute URL/],
  ["./a:b", "https://a.example:8443/one/a:b"],
  ["", /empty/],
  ["#x", /empty/],
  ["https:b.example", /absolute URL/],
  ["https:/b.example/x", /absolute URL/],
  ["///b.example/x", /empty/],
  ["/\\b.example/x", /percent-encoded/],
  ["\\\\b.example/x", /percent-encoded/],
  ["/%2e%2e/x", /dot segment/],
  ["/a/%2e%2e/../x", /dot segment/],
  ["/%252e/../x", /dot segment/],
  ["\\/../", /percent-encoded/],
  ["/a b/../x", /percent-encoded/],
  ["javascript:alert(1)", /absolute URL/],
  ["file:///etc/passwd", /http or https/],
  ["https://u:p@b.example/", /User information/],
  ["http://169.254.169.254/latest", "http://169.254.169.254/latest"],
  ["http://2852039166/latest", /number/],
  ["http://[::ffff:169.254.169.254]/", "http://[::ffff:169.254.169.254]/"],
  ["/Ã¼", /percent-encoded/],
  ["/a b", /percent-encoded/],
  ["/x\ty", /percent-encoded/],
  [`/${"x".repeat(LONGEST_FETCH_URL)}`, /at most/],
];

describe("where a Location leads", () => {
  for (const [location, to] of led) {
    test(`${location.slice(0, 60)} from ${from}: ${String(to)}`, () => {
      const parsed = locationUrl(url(from), location);
      if (typeof to === "string") assert.equal(parsed.ok ? formatFetchUrl(parsed.value) : parsed.problem, to);
      else assert.match(parsed.ok ? `accepted as ${formatFetchUrl(parsed.value)}` : parsed.problem, to);
    });
  }
});

test("an origin is scheme, host and port", () => {
  const one = url("https://a.example/x");
  const others: readonly (readonly [string, boolean])[] = [
    ["https://a.example:443/y?z", true],
    ["https://A.example/", true],
    ["http://a.example/", false],
    ["http://a.example:443/", false],
    ["https://a.example:8443/", false],
    ["https://b.a.example/", false],
  ];
  for (const [other, expected] of others) assert.equal(sameOrigin(one, url(other)), expected, other);
});
