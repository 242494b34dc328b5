import assert from "node:assert/strict";
import { test } from "node:test";
import { http2Request, http2RequestTrailers } from "../../../../router/app/inspection/http2-request.ts";
import { parseAuthority } from "../../../../router/core/wire/authority.ts";

const limits = { headBytes: 16_384, fieldCount: 100, lineBytes: 8_192 };
const PSEUDO = [":method", "GET", ":scheme", "https", ":authority", "origin.test", ":path", "/a?q"];

function authority(text: string): Parameters<typeof http2Request>[1] {
  const parsed = parseAuthority(text, undefined);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

const ORIGIN = authority("origin.test:443");

function without(name: string): readonly string[] {
  const at = PSEUDO.indexOf(name);
  return PSEUDO.toSpliced(at, 2);
}

function having(name: string, value: string): readonly string[] {
  const at = PSEUDO.indexOf(name);
  return PSEUDO.toSpliced(at + 1, 1, value);
}

/** What goes on, as `name: value`, or `reason status: detail`. */
function read(raw: readonly string[], to = ORIGIN): string | readonly string[] {
  const request = http2Request(raw, to, limits);
  if (!request.ok) {
    const { reason, status, detail } = request.problem;
    return `${reason}${status === undefined ? "" : ` ${status}`}: ${detail}`;
  }
  const { http, fields, grpc } = request.value;
  return [
    `${http.method} ${http.path} ${http.query}${grpc ? " grpc" : ""}`,
    ...fields.map((field) => `${field.name}: ${field.value}`),
  ];
}

const NOT_FORWARDED = [
  "x-http-method-override",
  "x-method-override",
  "x-http-method",
  "x-original-url",
  "x-rewrite-url",
  "proxy",
  "proxy-authorization",
  "trailer",
  "x_http_method_override",
  "x-http_method-override",
  "transfer_encoding",
  "content_length",
];
const HOST_MISMATCH = "host_mismatch: The :authority or Host field does not name the host of the tunnel.";
const CONNECTION = "malformed_request: A field is one of a connection, which HTTP/2 does not have.";
const TWICE = "malformed_request: A pseudo-field comes twice, or is none of a request.";
const CONTROL = "malformed_request: A field value holds a control character, or blanks around it.";
const NAME = "malformed_request: A field name is not a token in lower case.";
const PERCENT = "malformed_request: The path does not begin with a slash.";

const rows: readonly (readonly [string, readonly string[], string | readonly string[]])[] = [
  ["the least", PSEUDO, ["GET /a ?q"]],
  ["its port said", having(":authority", "origin.test:443"), ["GET /a ?q"]],
  ["capitals in the host", having(":authority", "ORIGIN.test"), ["GET /a ?q"]],
  ["Host alone", [...without(":authority"), "host", "origin.test"], ["GET /a ?q"]],
  ["Host beside it", [...PSEUDO, "host", "origin.test:443"], ["GET /a ?q"]],
  [
    "fields that go on",
    [...PSEUDO, "x-a", "1", "x-a", "2", "accept", "*/*"],
    ["GET /a ?q", "x-a: 1", "x-a: 2", "accept: */*"],
  ],
  [
    "cookies in crumbs, one field again",
    [...PSEUDO, "cookie", "a=1", "x-a", "1", "cookie", "b=2"],
    ["GET /a ?q", "x-a: 1", "cookie: a=1; b=2"],
  ],
  [
    "what h1 writes anew",
    [...having(":method", "POST"), "te", "trailers", "content-length", "5", "expect", "100-continue"],
    ["POST /a ?q", "te: trailers", "content-length: 5", "expect: 100-continue"],
  ],
  [
    "fields that are not forwarded over HTTP/1.1 either",
    [...PSEUDO, ...NOT_FORWARDED.flatMap((name) => [name, "PUT"])],
    ["GET /a ?q"],
  ],
  [
    "gRPC",
    [...having(":method", "POST"), "content-type", "application/grpc+proto", "te", "trailers"],
    ["POST /a ?q grpc", "content-type: application/grpc+proto", "te: trailers"],
  ],
  [
    "what only looks like gRPC",
    [...PSEUDO, "content-type", "application/grpcx"],
    ["GET /a ?q", "content-type: application/grpcx"],
  ],
  ["an octet above ASCII", [...PSEUDO, "x-a", "\u00fc"], ["GET /a ?q", "x-a: \u00fc"]],
  ["no :method", without(":method"), "malformed_request: The request has no method or no path."],
  ["no :path", without(":path"), "malformed_request: The request has no method or no path."],
  ["no :scheme", without(":scheme"), "malformed_request: The scheme of a request inside TLS is https."],
  ["another scheme", having(":scheme", "http"), "malformed_request: The scheme of a request inside TLS is https."],
  ["nobody named", without(":authority"), "malformed_request: The request has neither an :authority nor a Host field."],
  ["two methods", [...PSEUDO, ":method", "PUT"], TWICE],
  ["two paths", [":path", "/b", ...PSEUDO], TWICE],
  ["two authorities", [":authority", "other.test", ...PSEUDO], TWICE],
  ["a protocol (RFC 8441)", [":protocol", "websocket", ...PSEUDO], TWICE],
  ["a status", [":status", "200", ...PSEUDO], TWICE],
  ["a pseudo-field behind", ["x-a", "1", ...PSEUDO], "malformed_request: A pseudo-field comes after a field."],
  [
    "a pseudo-field behind a cookie",
    ["cookie", "1", ...PSEUDO],
    "malformed_request: A pseudo-field comes after a field.",
  ],
  ["another host", having(":authority", "other.test"), HOST_MISMATCH],
  ["another port", having(":authority", "origin.test:8443"), HOST_MISMATCH],
  ["another Host", [...PSEUDO, "host", "other.test"], HOST_MISMATCH],
  [
    "two Hosts",
    [...PSEUDO, "host", "origin.test", "host", "origin.test"],
    "malformed_request: The request has more than one Host field.",
  ],
  [
    "an empty authority",
    having(":authority", ""),
    "malformed_request: The :authority or Host field is malformed. The host name is empty.",
  ],
  [
    "user information",
    having(":authority", "a@origin.test"),
    "malformed_request: The :authority or Host field is malformed. User information before the host is not accepted.",
  ],
  ["CONNECT", having(":method", "CONNECT"), "malformed_request: A tunnel does not carry another CONNECT."],
  ["small letters", having(":method", "get"), "malformed_request: The method has lower-case letters."],
  ["a method that is none", having(":method", "GE T"), "malformed_request: The method is not a token."],
  ["no method at all", having(":method", ""), "malformed_request: The method is not a token."],
  ["a long method", having(":method", "G".repeat(33)), "malformed_request: The method is longer than 32 characters."],
  ["dots", having(":path", "/a/..;/b"), "malformed_request: The path has a dot segment."],
  [
    "a fragment",
    having(":path", "/a#b"),
    "malformed_request: The path holds a character that must be percent-encoded.",
  ],
  [
    "a blank in the path",
    having(":path", "/a b"),
    "malformed_request: The path holds a character that must be percent-encoded.",
  ],
  ["an absolute target", having(":path", "https://origin.test/"), PERCENT],
  ["all of a server", having(":path", "*"), PERCENT],
  ["an empty path", having(":path", ""), PERCENT],
  [
    "a long path",
    having(":path", `/${"a".repeat(8_192)}`),
    "malformed_request 414: The path is longer than 8192 octets.",
  ],
  ["Connection", [...PSEUDO, "connection", "x-a"], CONNECTION],
  ["Upgrade", [...PSEUDO, "upgrade", "h2c"], CONNECTION],
  ["Transfer-Encoding", [...PSEUDO, "transfer-encoding", "chunked"], CONNECTION],
  ["Keep-Alive", [...PSEUDO, "keep-alive", "5"], CONNECTION],
  ["Proxy-Connection", [...PSEUDO, "proxy-connection", "close"], CONNECTION],
  ["HTTP2-Settings", [...PSEUDO, "http2-settings", "AAMAAABk"], CONNECTION],
  ["another TE", [...PSEUDO, "te", "trailers, gzip"], CONNECTION],
  ["a line break in a value", [...PSEUDO, "x-a", "1\r\nx-b: 2"], CONTROL],
  ["NUL in a value", [...PSEUDO, "x-a", "1\0x-b\x002"], CONTROL],
  ["a blank before a value", [...PSEUDO, "x-a", " 1"], CONTROL],
  ["a tab behind a value", [...PSEUDO, "x-a", "1\t"], CONTROL],
  ["a character that is no octet", [...PSEUDO, "x-a", "\u0100"], CONTROL],
  ["a line break in the path", having(":path", "/a\n"), CONTROL],
  ["capitals in a name", [...PSEUDO, "X-A", "1"], NAME],
  ["a blank in a name", [...PSEUDO, "x a", "1"], NAME],
  ["a name of nothing", [...PSEUDO, "", "1"], NAME],
  ["a colon in a name", [...PSEUDO, "x:a", "1"], NAME],
  [
    "two lengths",
    [...PSEUDO, "content-length", "1", "content-length", "2"],
    "malformed_request: The request has more than one Content-Length field.",
  ],
  [
    "another expectation",
    [...PSEUDO, "expect", "x"],
    "malformed_request 417: The only expectation met is 100-continue.",
  ],
  [
    "too many fields",
    [...PSEUDO, ...Array.from({ length: 101 }, (_, at) => [`x-${at}`, "1"]).flat()],
    "malformed_request 431: The request has more than 100 fields.",
  ],
  [
    "too long a head",
    [...PSEUDO, "x-a", "v".repeat(16_300)],
    "malformed_request 431: The request head is longer than 16384 octets.",
  ],
];

test("INV-H2-JUDGED: what a stream asks for, by the rules of HTTP/1.1", () => {
  for (const [name, raw, expected] of rows) assert.deepEqual(read(raw), expected, name);
});

test("a port that is not https's own must be said", () => {
  const odd = authority("origin.test:8443");
  assert.deepEqual(read(having(":authority", "origin.test:8443"), odd), ["GET /a ?q"]);
  assert.equal(read(PSEUDO, odd), HOST_MISMATCH);
});

test("INV-H2-TRAILERS: no trailer says again, or otherwise, what a head says", () => {
  const head = http2Request([...PSEUDO, "x-api-version", "1"], ORIGIN, limits);
  assert.ok(head.ok);
  const trailers: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["of their own", ["x-sum", "9", "x-sum", "10"], ["x-sum: 9", "x-sum: 10"]],
    ["of a field that was judged", ["x-api-version", "2", "x-sum", "9"], ["x-sum: 9"]],
    ["of a field that is injected", ["x-key", "stolen", "x-sum", "9"], ["x-sum: 9"]],
    [
      "of a head",
      [
        "host",
        "b.test",
        "authorization",
        "x",
        "content-type",
        "a/b",
        "expect",
        "100-continue",
        "if-match",
        "*",
        "x-forwarded-for",
        "1",
      ],
      [],
    ],
    [
      "that are not forwarded",
      ["x-http-method-override", "PUT", "proxy-authorization", "x", "x-original-url", "/b"],
      [],
    ],
    [
      "under names that CGI origins read as those",
      ["x_http_method_override", "PUT", "x_key", "mine", "content_type", "x", "if_match", "*", "x_sum", "9"],
      ["x_sum: 9"],
    ],
    ["with a pseudo-field", [":path", "/b", "x-sum", "9"], []],
    ["of connections", ["connection", "close", "x-sum", "9"], []],
    ["with a control character", ["x-sum", "9\n"], []],
    ["too many", Array.from({ length: 101 }, (_, at) => [`x-${at}`, "1"]).flat(), []],
  ];
  for (const [name, raw, expected] of trailers) {
    const passed = http2RequestTrailers(raw, head.value, ["x-key"], limits);
    assert.deepEqual(
      passed.map((field) => `${field.name}: ${field.value}`),
      expected,
      name,
    );
  }
});
