import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  endpoint,
  endpointOrigin,
  formatEndpoint,
  parseEndpoint,
} from "../../../../router/core/config/endpoint-shape.ts";
import { readShape } from "../document/read-shape.ts";

test("an endpoint is read into its parts, and said in one spelling", () => {
  const rows: readonly (readonly [given: string, origin: string, path: string, query: string])[] = [
    ["https://siem.example", "https://siem.example", "", ""],
    ["https://siem.example/", "https://siem.example", "/", ""],
    ["https://siem.example:443/in", "https://siem.example", "/in", ""],
    ["http://collector.obs.svc:4318", "http://collector.obs.svc:4318", "", ""],
    ["HTTPS://SIEM.Example./In?k=v%2f", "https://siem.example", "/In", "?k=v%2f"],
    ["http://127.0.0.1:80/a", "http://127.0.0.1", "/a", ""],
    ["https://[FD00::1]:8443/x@y", "https://[fd00::1]:8443", "/x@y", ""],
    ["https://h/a//b/..c/?a=b?c/..", "https://h", "/a//b/..c/", "?a=b?c/.."],
  ];
  for (const [given, origin, path, query] of rows) {
    const parsed = parseEndpoint(given);
    assert.ok(parsed.ok, given);
    assert.deepEqual([endpointOrigin(parsed.value), parsed.value.path, parsed.value.query], [origin, path, query]);
    assert.deepEqual(parseEndpoint(formatEndpoint(parsed.value)), parsed, given);
  }
});

test("INV-EXPORT-ENDPOINT: what could lead elsewhere, or hold a line end or a credential, is no endpoint", () => {
  const absolute = "An endpoint is an absolute URL without a fragment, such as https://host/path.";
  const rows: readonly (readonly [given: string, problem: string])[] = [
    ["", absolute],
    ["siem.example/in", absolute],
    ["//siem.example/in", absolute],
    ["https:siem.example", absolute],
    ["https://h/#x", absolute],
    [" https://h/", absolute],
    ["ftp://h/", "The scheme of an endpoint is http or https."],
    ["file:///etc/passwd", "The scheme of an endpoint is http or https."],
    ["https://user:secret@h/", "User information before the host is not accepted."],
    ["https://h@evil.example/", "User information before the host is not accepted."],
    ["https://", "The host name is empty."],
    ["https:///x", "The host name is empty."],
    ["https://h:0/", "The port is not a decimal number from 1 to 65535."],
    ["https://h:/", "The port is not a decimal number from 1 to 65535."],
    ["https://2130706433/", "The host name ends in a number."],
    ["https://h\\@evil.example/", "User information before the host is not accepted."],
    ["https://h\\x/", "A host name holds ASCII letters, digits, hyphens, underscores and dots only."],
    ["https://h\r\nx: y/", "A host name holds ASCII letters, digits, hyphens, underscores and dots only."],
    ["https://h/a b", "The path holds a character that must be escaped."],
    ["https://h/a\r\nHost: evil", "The path holds a character that must be escaped."],
    ["https://h/é", "The path holds a character that must be escaped."],
    ["https://h/%", "The path holds a character that must be escaped."],
    ["https://h/%zz", "The path holds a character that must be escaped."],
    ["https://h/%%341", "The path holds a character that must be escaped."],
    ["https://h/?a=\nb", "The query holds a character that must be escaped."],
    ["https://h/a/../b", "The path holds a dot segment."],
    ["https://h/%2E%2e/b", "The path holds a dot segment."],
    ["https://h/.", "The path holds a dot segment."],
    [`https://h/${"a".repeat(2048)}`, "An endpoint has at most 2048 characters."],
  ];
  for (const [given, problem] of rows) assert.deepEqual(parseEndpoint(given), { ok: false, problem }, given);
});

test("in a document an endpoint stands in its one spelling, and its schema takes what the parser takes", () => {
  assert.deepEqual(readShape(endpoint, "https://siem.example:443/in"), ["1:1 endpoint_not_canonical"]);
  assert.deepEqual(readShape(endpoint, "gopher://siem.example"), ["1:1 bad_endpoint"]);
  assert.deepEqual(readShape(endpoint, "https://siem.example/in"), {
    scheme: "https",
    authority: { host: { kind: "name", text: "siem.example" }, port: 443 },
    path: "/in",
    query: "",
  });
  const pattern = new RegExp(endpoint.schema["pattern"] as string);
  assert.ok(pattern.test("https://[fd00::1]:8443/a?b=c") && !pattern.test("https://u@h/") && !pattern.test("ftp://h"));
});

test("an endpoint that is read is one that the WHATWG parser reads alike, whatever was written", () => {
  const piece = fc.constantFrom(
    ..."http https :// : / // ? # @ a.example A.EXAMPLE 127.0.0.1 [::1] %2e %00 .. . ; & = \\ \n \t 443 80".split(" "),
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 9 }).map((parts) => parts.join("")),
    fc.array(piece, { maxLength: 6 }).map((parts) => `https://a.example/${parts.join("")}`),
    fc.string({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(text, (given) => {
      const parsed = parseEndpoint(given);
      if (!parsed.ok) return;
      const { scheme, path, query } = parsed.value;
      const url = new URL(given);
      assert.deepEqual([url.protocol, url.username, url.hash], [`${scheme}:`, "", ""]);
      assert.equal(url.pathname, path === "" ? "/" : path);
      // An empty query is none to that parser; and it escapes an apostrophe, which servers read alike.
      assert.equal(url.search.replaceAll("%27", "'"), (query === "?" ? "" : query).replaceAll("%27", "'"));
      assert.equal(url.host.replace(/\.(?=:|$)/, ""), new URL(endpointOrigin(parsed.value)).host);
    }),
    { numRuns: 500 },
  );
});
