import assert from "node:assert/strict";
import { test } from "node:test";
import { portOf } from "../../../../router/core/base/quantity.ts";
import { type Authority, formatAuthority, parseAuthority } from "../../../../router/core/wire/authority.ts";
import { forwardRequest, innerRequest } from "../../../../router/core/wire/forward-request.ts";
import { headOf } from "./head-of.ts";

const tunnels: readonly (readonly [name: string, lines: readonly string[], authority: string])[] = [
  [
    "curl 7.88",
    [
      "CONNECT a.example.com:443 HTTP/1.1",
      "Host: a.example.com:443",
      "User-Agent: curl/7.88.1",
      "Proxy-Connection: Keep-Alive",
    ],
    "a.example.com:443",
  ],
  ["Python's urllib: HTTP/1.0, no Host", ["CONNECT a.example.com:443 HTTP/1.0"], "a.example.com:443"],
  [
    "undici 8: Host without a port",
    ["CONNECT a.example.com:443 HTTP/1.1", "host: a.example.com", "connection: close", "proxy-connection: keep-alive"],
    "a.example.com:443",
  ],
  ["Java 17", ["CONNECT a.example.com:443 HTTP/1.1", "Host: a.example.com:443"], "a.example.com:443"],
  ["curl to IPv6", ["CONNECT [::FFFF:1.2.3.4]:443 HTTP/1.1", "Host: [::FFFF:1.2.3.4]:443"], "[::ffff:1.2.3.4]:443"],
  ["spellings of one host", ["CONNECT A.example.com.:443 HTTP/1.1", "Host: a.EXAMPLE.com:443"], "a.example.com:443"],
  ["spellings of one address", ["CONNECT [::1]:443 HTTP/1.1", "Host: [0:0:0::0:1]"], "[::1]:443"],
  [
    "credentials for the proxy are not looked at",
    ["CONNECT a:1 HTTP/1.1", "Host: a:1", "Proxy-Authorization: Basic eA=="],
    "a:1",
  ],
];

for (const [name, lines, authority] of tunnels) {
  test(`CONNECT: ${name}`, () => {
    const request = forwardRequest(headOf(...lines));
    assert.ok(request.ok && request.value.kind === "tunnel");
    assert.equal(formatAuthority(request.value.authority), authority);
  });
}

const CHARACTERS = "A host name holds ASCII letters, digits, hyphens, underscores and dots only.";
const PORT = "The port is not a decimal number from 1 to 65535.";
const MISMATCH = "The Host field does not name the host and port that the request is for.";
const NO_HOST = "An HTTP/1.1 request has a Host field.";
const TWO_HOSTS = "The request has more than one Host field.";
const CONNECT_CONTENT = "A CONNECT request has neither Content-Length nor Transfer-Encoding.";
const EXPECTED = "This is a proxy: it expects an absolute http URL as the request-target, or CONNECT host:port.";
const USER = "User information before the host is not accepted.";
const LOWER = "The method has lower-case letters.";
const UPGRADE =
  "The only upgrade forwarded is to websocket, by an HTTP/1.1 GET with Connection: upgrade and no content.";

type Refusal = readonly [
  name: string,
  lines: readonly string[],
  reason: "malformed_request" | "host_mismatch",
  detail: string,
];

const refused: readonly Refusal[] = [
  // egress-proxies.md section 2b: what Node's parser lets through as a CONNECT target.
  ["CONNECT without a port", ["CONNECT a HTTP/1.1", "Host: a"], "malformed_request", "The port is missing."],
  ["CONNECT to a:+443", ["CONNECT a:+443 HTTP/1.1", "Host: a:443"], "malformed_request", PORT],
  ["CONNECT to port 65979", ["CONNECT a:65979 HTTP/1.1", "Host: a:443"], "malformed_request", PORT],
  ["CONNECT with user information", ["CONNECT user@a:443 HTTP/1.1", "Host: a:443"], "malformed_request", USER],
  ["CONNECT with two hosts", ["CONNECT a:443@evil:443 HTTP/1.1", "Host: a:443"], "malformed_request", USER],
  [
    "CONNECT to a name in brackets",
    ["CONNECT [evil.test]:443 HTTP/1.1", "Host: [evil.test]:443"],
    "malformed_request",
    "Brackets hold an IPv6 address, without a zone id, and nothing else.",
  ],
  ["CONNECT to %2e", ["CONNECT a%2eb:443 HTTP/1.1", "Host: a.b:443"], "malformed_request", CHARACTERS],
  ["CONNECT to a path", ["CONNECT /path HTTP/1.1", "Host: a"], "malformed_request", CHARACTERS],
  ["CONNECT to a URL", ["CONNECT https://a:443 HTTP/1.1", "Host: a:443"], "malformed_request", PORT],
  ["CONNECT to *", ["CONNECT * HTTP/1.1", "Host: a"], "malformed_request", CHARACTERS],
  [
    "CONNECT to 300 characters",
    [`CONNECT ${"a".repeat(300)}:443 HTTP/1.1`, "Host: a"],
    "malformed_request",
    "The host name is longer than 253 octets.",
  ],
  ["CONNECT without Host", ["CONNECT a:443 HTTP/1.1"], "malformed_request", NO_HOST],
  [
    "CONNECT with Content-Length",
    ["CONNECT a:443 HTTP/1.1", "Host: a:443", "Content-Length: 5"],
    "malformed_request",
    CONNECT_CONTENT,
  ],
  [
    "CONNECT with Content-Length: 0",
    ["CONNECT a:443 HTTP/1.1", "Host: a:443", "Content-Length: 0"],
    "malformed_request",
    CONNECT_CONTENT,
  ],
  [
    "CONNECT with Transfer-Encoding",
    ["CONNECT a:443 HTTP/1.1", "Host: a:443", "Transfer-Encoding: chunked"],
    "malformed_request",
    CONNECT_CONTENT,
  ],
  ["CONNECT with two Hosts", ["CONNECT a:443 HTTP/1.1", "Host: a:443", "Host: a:443"], "malformed_request", TWO_HOSTS],
  ["CONNECT with another Host", ["CONNECT a:443 HTTP/1.1", "Host: b:443"], "host_mismatch", MISMATCH],
  ["CONNECT with another port in Host", ["CONNECT a:443 HTTP/1.1", "Host: a:80"], "host_mismatch", MISMATCH],
  ["CONNECT in HTTP/1.0 with another Host", ["CONNECT a:443 HTTP/1.0", "Host: b:443"], "host_mismatch", MISMATCH],
  ["CONNECT to the apex of Host", ["CONNECT a.b:443 HTTP/1.1", "Host: b:443"], "host_mismatch", MISMATCH],
  [
    "CONNECT to a mapped address, Host unmapped",
    ["CONNECT [::ffff:1.2.3.4]:443 HTTP/1.1", "Host: 1.2.3.4:443"],
    "host_mismatch",
    MISMATCH,
  ],
  [
    "connect in lower case",
    ["connect a:443 HTTP/1.1", "Host: a:443"],
    "malformed_request",
    "The request-target is not an absolute http URL.",
  ],
  // Absolute-form.
  ["no Host", ["GET http://a/ HTTP/1.1"], "malformed_request", NO_HOST],
  ["two Hosts", ["GET http://a/ HTTP/1.1", "Host: a", "Host: b"], "malformed_request", TWO_HOSTS],
  ["the same Host twice", ["GET http://a/ HTTP/1.1", "Host: a", "host: a"], "malformed_request", TWO_HOSTS],
  [
    "a list of Hosts",
    ["GET http://a/ HTTP/1.1", "Host: a,b"],
    "malformed_request",
    `The Host field is malformed. ${CHARACTERS}`,
  ],
  [
    "an empty Host",
    ["GET http://a/ HTTP/1.1", "Host:"],
    "malformed_request",
    "The Host field is malformed. The host name is empty.",
  ],
  [
    "a URL for Host",
    ["GET http://a/ HTTP/1.1", "Host: http://a/"],
    "malformed_request",
    `The Host field is malformed. ${PORT}`,
  ],
  [
    "user information in Host",
    ["GET http://a/ HTTP/1.1", "Host: x@a"],
    "malformed_request",
    `The Host field is malformed. ${USER}`,
  ],
  ["another Host", ["GET http://a/ HTTP/1.1", "Host: b"], "host_mismatch", MISMATCH],
  ["another port in Host", ["GET http://a/ HTTP/1.1", "Host: a:8080"], "host_mismatch", MISMATCH],
  ["a Host without the port", ["GET http://a:8080/ HTTP/1.1", "Host: a"], "host_mismatch", MISMATCH],
  ["another Host in HTTP/1.0", ["GET http://a/ HTTP/1.0", "Host: b"], "host_mismatch", MISMATCH],
  ["user information", ["GET http://user:pass@a/ HTTP/1.1", "Host: a"], "malformed_request", USER],
  [
    "file:",
    ["GET file:///etc/passwd HTTP/1.1", "Host: a"],
    "malformed_request",
    "The request-target is not an absolute http URL.",
  ],
  ["http:///", ["GET http:/// HTTP/1.1", "Host: a"], "malformed_request", "The host name is empty."],
  ["https: and another port in Host", ["GET https://a/ HTTP/1.1", "Host: a:80"], "host_mismatch", MISMATCH],
  ["https: and another Host", ["GET https://a/ HTTP/1.1", "Host: b"], "host_mismatch", MISMATCH],
  ["https: with user information", ["GET https://u@a/ HTTP/1.1", "Host: a"], "malformed_request", USER],
  [
    "https: without slashes",
    ["GET https:a HTTP/1.1", "Host: a"],
    "malformed_request",
    "The request-target is neither a path nor an absolute https URL.",
  ],
  ["origin-form at the proxy door", ["GET / HTTP/1.1", "Host: a"], "malformed_request", EXPECTED],
  ["//host/ at the proxy door", ["GET //host/ HTTP/1.1", "Host: host"], "malformed_request", EXPECTED],
  ["OPTIONS *", ["OPTIONS * HTTP/1.1", "Host: a"], "malformed_request", EXPECTED],
  [
    "a dot segment",
    ["GET http://a/public/%2e%2E/private HTTP/1.1", "Host: a"],
    "malformed_request",
    "The path has a dot segment.",
  ],
  ["get in lower case", ["get http://a/ HTTP/1.1", "Host: a"], "malformed_request", LOWER],
  ["Post in mixed case", ["Post http://a/ HTTP/1.1", "Host: a"], "malformed_request", LOWER],
  // Framing and fields.
  [
    "both framings",
    ["POST http://a/ HTTP/1.1", "Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"],
    "malformed_request",
    "The request has both Content-Length and Transfer-Encoding.",
  ],
  [
    "gzip, chunked",
    ["POST http://a/ HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked"],
    "malformed_request",
    "The Transfer-Encoding is not exactly chunked.",
  ],
  [
    "HTTP/1.0 with Transfer-Encoding",
    ["POST http://a/ HTTP/1.0", "Transfer-Encoding: chunked"],
    "malformed_request",
    "An HTTP/1.0 request has no Transfer-Encoding.",
  ],
  [
    "Connection: host",
    ["GET http://a/ HTTP/1.1", "Host: a", "Connection: host"],
    "malformed_request",
    "The Connection field names a field that is not its to remove.",
  ],
  [
    "Connection: close, authorization",
    ["GET http://a/ HTTP/1.1", "Host: a", "Connection: close, authorization"],
    "malformed_request",
    "The Connection field names a field that is not its to remove.",
  ],
  [
    "Connection: transfer-encoding",
    ["POST http://a/ HTTP/1.1", "Host: a", "Connection: Transfer-Encoding", "Transfer-Encoding: chunked"],
    "malformed_request",
    "The Connection field names Transfer-Encoding.",
  ],
  // Upgrades.
  [
    "websocket or h2c",
    ["GET http://a/ HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: websocket, h2c"],
    "malformed_request",
    UPGRADE,
  ],
  [
    "two Upgrade fields",
    ["GET http://a/ HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: websocket", "Upgrade: h2c"],
    "malformed_request",
    UPGRADE,
  ],
  [
    "websocket by POST",
    ["POST http://a/ HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: websocket"],
    "malformed_request",
    UPGRADE,
  ],
  [
    "websocket without Connection",
    ["GET http://a/ HTTP/1.1", "Host: a", "Upgrade: websocket"],
    "malformed_request",
    UPGRADE,
  ],
  [
    "websocket in HTTP/1.0",
    ["GET http://a/ HTTP/1.0", "Host: a", "Connection: upgrade", "Upgrade: websocket"],
    "malformed_request",
    UPGRADE,
  ],
  [
    "websocket with content",
    ["GET http://a/ HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: websocket", "Content-Length: 5"],
    "malformed_request",
    UPGRADE,
  ],
  [
    "an empty Upgrade",
    ["GET http://a/ HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade:"],
    "malformed_request",
    UPGRADE,
  ],
];

for (const [name, lines, reason, detail] of refused) {
  test(`INV-WIRE-ONE-TARGET: refused, ${name}`, () => {
    assert.deepEqual(forwardRequest(headOf(...lines)), { ok: false, problem: { reason, detail } });
  });
}

test("an expectation other than 100-continue is refused with 417", () => {
  assert.deepEqual(forwardRequest(headOf("GET http://a/ HTTP/1.1", "Host: a", "Expect: 200-ok")), {
    ok: false,
    problem: { reason: "malformed_request", detail: "The only expectation met is 100-continue.", status: 417 },
  });
});

/** What the request is to the rooms behind, with authority and fields as text. */
function summary(request: ReturnType<typeof forwardRequest> | ReturnType<typeof innerRequest>): object {
  assert.ok(request.ok && request.value.kind !== "tunnel", JSON.stringify(request));
  const { authority, fields, ...rest } = request.value;
  return {
    ...rest,
    authority: formatAuthority(authority),
    fields: fields.map(({ rawName, value }) => `${rawName}: ${value}`),
  };
}

const PLAIN = {
  kind: "http",
  method: "GET",
  version: "1.1",
  path: "/",
  query: "",
  framing: { kind: "none" },
  upgrade: undefined,
  keepAlive: true,
  expectContinue: false,
  trace: undefined,
  authority: "a.example:80",
  fields: [],
};

const http: readonly (readonly [name: string, lines: readonly string[], request: object])[] = [
  ["the least", ["GET http://a.example/ HTTP/1.1", "Host: a.example"], PLAIN],
  ["spellings of one host", ["GET HTTP://A.Example.:80 HTTP/1.1", "Host: a.example:80"], PLAIN],
  ["HTTP/1.0 without Host", ["GET http://a.example/ HTTP/1.0"], { ...PLAIN, version: "1.0", keepAlive: false }],
  [
    "HTTP/1.0 with keep-alive",
    ["GET http://a.example/ HTTP/1.0", "Connection: Keep-Alive"],
    { ...PLAIN, version: "1.0" },
  ],
  [
    "Connection: close",
    ["GET http://a.example/ HTTP/1.1", "Host: a.example", "Connection: keep-alive, CLOSE"],
    { ...PLAIN, keepAlive: false },
  ],
  [
    "Proxy-Connection says nothing (RFC 9112 appendix C.2.2)",
    ["GET http://a.example/ HTTP/1.1", "Host: a.example", "Proxy-Connection: close"],
    PLAIN,
  ],
  [
    "what restates method and target, or sets a CGI origin's proxy, is not forwarded",
    [
      "GET http://a.example/ HTTP/1.1",
      "Host: a.example",
      "X-HTTP-Method-Override: DELETE",
      "X-HTTP-Method: PUT",
      "x-method-override: PATCH",
      "X-Original-URL: /admin",
      "X_HTTP_METHOD_OVERRIDE: DELETE",
      "X-HTTP_Method-Override: DELETE",
      "X-Original_URL: /admin",
      "Transfer_Encoding: chunked",
      "Content_Length: 0",
      "X-Rewrite-URL: /admin",
      "Proxy: http://evil.example",
      "X-Kept: 1",
    ],
    { ...PLAIN, fields: ["X-Kept: 1"] },
  ],
  [
    "curl posts",
    [
      "POST http://a.example:8080/x?y=z HTTP/1.1",
      "Host: a.example:8080",
      "User-Agent: curl/7.88.1",
      "Accept: */*",
      "Proxy-Connection: Keep-Alive",
      "Content-Length: 2000000",
      "Content-Type: application/json",
      "Expect: 100-continue",
      "Proxy-Authorization: Basic c2VjcmV0",
    ],
    {
      ...PLAIN,
      method: "POST",
      path: "/x",
      query: "?y=z",
      framing: { kind: "length", length: 2_000_000 },
      expectContinue: true,
      authority: "a.example:8080",
      fields: ["User-Agent: curl/7.88.1", "Accept: */*", "Content-Type: application/json"],
    },
  ],
  [
    "chunked",
    ["PUT http://a.example/ HTTP/1.1", "Host: a.example", "Transfer-Encoding: chunked", "X: y"],
    { ...PLAIN, method: "PUT", framing: { kind: "chunked" }, fields: ["X: y"] },
  ],
  [
    "Java 17: GET with Content-Length: 0",
    ["GET http://a.example/ HTTP/1.1", "Content-Length: 0", "Host: a.example"],
    { ...PLAIN, framing: { kind: "length", length: 0 } },
  ],
  [
    "Expect in HTTP/1.0 is ignored",
    ["POST http://a.example/ HTTP/1.0", "Content-Length: 1", "Expect: 100-continue"],
    { ...PLAIN, version: "1.0", method: "POST", keepAlive: false, framing: { kind: "length", length: 1 } },
  ],
  [
    "Expect without content is ignored",
    ["GET http://a.example/ HTTP/1.1", "Host: a.example", "Expect: 100-Continue"],
    PLAIN,
  ],
  [
    "websocket",
    [
      "GET http://a.example/chat HTTP/1.1",
      "Host: a.example",
      "Upgrade: WebSocket",
      "Connection: keep-alive, Upgrade",
      "Sec-WebSocket-Key: x",
    ],
    { ...PLAIN, path: "/chat", upgrade: "websocket", fields: ["Sec-WebSocket-Key: x"] },
  ],
  [
    "h2c is ignored, as a server may: Java 17, curl --http2",
    [
      "POST http://a.example/ HTTP/1.1",
      "Host: a.example",
      "Connection: Upgrade, HTTP2-Settings",
      "Content-Length: 3",
      "Upgrade: H2C",
      "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
      "X: y",
    ],
    { ...PLAIN, method: "POST", framing: { kind: "length", length: 3 }, fields: ["X: y"] },
  ],
  [
    "axios: https in full",
    ["POST HTTPS://a.example/x?y HTTP/1.1", "Host: a.example", "Content-Length: 3"],
    {
      ...PLAIN,
      kind: "https",
      method: "POST",
      path: "/x",
      query: "?y",
      framing: { kind: "length", length: 3 },
      authority: "a.example:443",
    },
  ],
  [
    "https on another port",
    ["GET https://a.example:8443/ HTTP/1.1", "Host: a.example:8443"],
    { ...PLAIN, kind: "https", authority: "a.example:8443" },
  ],
  [
    "Connection: upgrade without Upgrade is nothing",
    ["GET http://a.example/ HTTP/1.1", "Host: a.example", "Connection: upgrade"],
    PLAIN,
  ],
];

for (const [name, lines, request] of http) {
  test(`absolute-form: ${name}`, () => {
    assert.deepEqual(summary(forwardRequest(headOf(...lines))), request);
  });
}

function authorityOf(text: string): Authority {
  const authority = parseAuthority(text, portOf(80));
  assert.ok(authority.ok);
  return authority.value;
}

const inner: readonly (readonly [name: string, tunnel: string, lines: readonly string[], request: object])[] = [
  ["origin-form", "a.example:80", ["GET / HTTP/1.1", "Host: a.example"], PLAIN],
  [
    "another port",
    "a.example:8080",
    ["GET /?q HTTP/1.1", "Host: A.example:8080"],
    { ...PLAIN, query: "?q", authority: "a.example:8080" },
  ],
  [
    "absolute-form of the tunnel's own authority",
    "a.example:80",
    ["GET http://a.example/ HTTP/1.1", "Host: a.example"],
    PLAIN,
  ],
  ["HTTP/1.0 without Host", "a.example:80", ["GET / HTTP/1.0"], { ...PLAIN, version: "1.0", keepAlive: false }],
];

for (const [name, tunnel, lines, request] of inner) {
  test(`inside a tunnel: ${name}`, () => {
    assert.deepEqual(summary(innerRequest(headOf(...lines), authorityOf(tunnel))), request);
  });
}

const innerRefused: readonly (readonly [...Refusal, tunnel: string])[] = [
  ["another Host", ["GET / HTTP/1.1", "Host: b.example"], "host_mismatch", MISMATCH, "a.example:80"],
  ["no port in Host", ["GET / HTTP/1.1", "Host: a.example"], "host_mismatch", MISMATCH, "a.example:8080"],
  [
    "another authority",
    ["GET http://b.example/ HTTP/1.1", "Host: a.example"],
    "host_mismatch",
    "The request-target is not of the host and port of the tunnel.",
    "a.example:80",
  ],
  [
    "another authority and its Host",
    ["GET http://b.example/ HTTP/1.1", "Host: b.example"],
    "host_mismatch",
    "The request-target is not of the host and port of the tunnel.",
    "a.example:80",
  ],
  ["no Host", ["GET / HTTP/1.1"], "malformed_request", NO_HOST, "a.example:80"],
  [
    "another CONNECT",
    ["CONNECT b.example:443 HTTP/1.1", "Host: b.example:443"],
    "malformed_request",
    "A tunnel does not carry another CONNECT.",
    "a.example:80",
  ],
  [
    "OPTIONS *",
    ["OPTIONS * HTTP/1.1", "Host: a.example"],
    "malformed_request",
    "The request-target is not an absolute http URL.",
    "a.example:80",
  ],
  [
    "a dot segment",
    ["GET /a/../b HTTP/1.1", "Host: a.example"],
    "malformed_request",
    "The path has a dot segment.",
    "a.example:80",
  ],
];

for (const [name, lines, reason, detail, tunnel] of innerRefused) {
  test(`INV-WIRE-ONE-TARGET: refused inside a tunnel, ${name}`, () => {
    assert.deepEqual(innerRequest(headOf(...lines), authorityOf(tunnel)), { ok: false, problem: { reason, detail } });
  });
}
