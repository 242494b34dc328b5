import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAuthority } from "../../../../router/core/wire/authority.ts";
import { transparentRequest } from "../../../../router/core/wire/forward-request.ts";
import { headOf } from "./head-of.ts";

const asked: readonly (readonly [name: string, lines: readonly string[], target: string])[] = [
  ["curl", ["GET /a?b HTTP/1.1", "Host: a.example", "User-Agent: curl/7.88.1"], "a.example:80 /a?b"],
  ["port 80", ["GET / HTTP/1.1", "Host: a.example:80"], "a.example:80 /"],
  ["another spelling", ["GET / HTTP/1.1", "Host: A.Example."], "a.example:80 /"],
  ["an address", ["GET / HTTP/1.1", "Host: 10.1.2.3"], "10.1.2.3:80 /"],
  ["IPv6", ["GET / HTTP/1.1", "Host: [::FFFF:1.2.3.4]:80"], "[::ffff:1.2.3.4]:80 /"],
  ["HTTP/1.0 with Host: wget", ["GET / HTTP/1.0", "Host: a.example"], "a.example:80 /"],
  ["absolute form", ["GET http://a.example/x HTTP/1.1", "Host: A.example:80"], "a.example:80 /x"],
  ["absolute form without a path", ["GET http://a.example HTTP/1.1", "Host: a.example"], "a.example:80 /"],
];

for (const [name, lines, target] of asked) {
  test(`port 80: ${name}`, () => {
    const request = transparentRequest(headOf(...lines));
    assert.ok(request.ok, JSON.stringify(request));
    const { authority, path, query } = request.value;
    assert.equal(`${formatAuthority(authority)} ${path}${query}`, target);
  });
}

const NOT_80 = "The Host field does not name port 80.";
const DIFFER = "The request-target and the Host field name different hosts.";
const NO_HOST_AT_ALL = "Without a Host field nobody can tell which host it is for.";
const CONNECT = "Port 80 leads to origins, not to a proxy.";

const refused: readonly (readonly [name: string, lines: readonly string[], reason: string, detail: string])[] = [
  ["no Host in 1.1", ["GET / HTTP/1.1"], "malformed_request", "An HTTP/1.1 request has a Host field."],
  ["no Host in 1.0", ["GET / HTTP/1.0"], "malformed_request", NO_HOST_AT_ALL],
  ["no Host in 1.0, absolute form", ["GET http://a.example/ HTTP/1.0"], "malformed_request", NO_HOST_AT_ALL],
  [
    "two Hosts",
    ["GET / HTTP/1.1", "Host: a", "Host: b"],
    "malformed_request",
    "The request has more than one Host field.",
  ],
  [
    "the same Host twice",
    ["GET / HTTP/1.1", "Host: a", "Host: a"],
    "malformed_request",
    "The request has more than one Host field.",
  ],
  [
    "an empty Host",
    ["GET / HTTP/1.1", "Host:"],
    "malformed_request",
    "The Host field is malformed. The host name is empty.",
  ],
  [
    "two hosts in one field",
    ["GET / HTTP/1.1", "Host: a, b"],
    "malformed_request",
    "The Host field is malformed. A host name holds ASCII letters, digits, hyphens, underscores and dots only.",
  ],
  [
    "a user in Host",
    ["GET / HTTP/1.1", "Host: a@b"],
    "malformed_request",
    "The Host field is malformed. User information before the host is not accepted.",
  ],
  [
    "a decimal address",
    ["GET / HTTP/1.1", "Host: 2130706433"],
    "malformed_request",
    "The Host field is malformed. The host name ends in a number.",
  ],
  [
    "an empty port",
    ["GET / HTTP/1.1", "Host: a:"],
    "malformed_request",
    "The Host field is malformed. The port is not a decimal number from 1 to 65535.",
  ],
  ["port 8080", ["GET / HTTP/1.1", "Host: a.example:8080"], "host_mismatch", NOT_80],
  ["port 443", ["GET / HTTP/1.1", "Host: a.example:443"], "host_mismatch", NOT_80],
  ["absolute form of another host", ["GET http://b.example/ HTTP/1.1", "Host: a.example"], "host_mismatch", DIFFER],
  [
    "absolute form of another port",
    ["GET http://a.example:8080/ HTTP/1.1", "Host: a.example"],
    "host_mismatch",
    DIFFER,
  ],
  [
    "absolute form and Host of port 8080",
    ["GET http://a.example:8080/ HTTP/1.1", "Host: a.example:8080"],
    "host_mismatch",
    NOT_80,
  ],
  [
    "https",
    ["GET https://a.example/ HTTP/1.1", "Host: a.example"],
    "malformed_request",
    "An https URL is not of this connection, whose requests go on in clear.",
  ],
  ["CONNECT", ["CONNECT a.example:80 HTTP/1.1", "Host: a.example:80"], "malformed_request", CONNECT],
  ["CONNECT with a path", ["CONNECT / HTTP/1.1", "Host: a.example"], "malformed_request", CONNECT],
  [
    "OPTIONS *",
    ["OPTIONS * HTTP/1.1", "Host: a.example"],
    "malformed_request",
    "The request-target is not an absolute http URL.",
  ],
  ["a dot segment", ["GET /a/../b HTTP/1.1", "Host: a.example"], "malformed_request", "The path has a dot segment."],
  [
    "authority form",
    ["GET a.example:80 HTTP/1.1", "Host: a.example"],
    "malformed_request",
    "The request-target is not an absolute http URL.",
  ],
];

for (const [name, lines, reason, detail] of refused) {
  test(`INV-WIRE-ONE-TARGET: port 80 refused, ${name}`, () => {
    assert.deepEqual(transparentRequest(headOf(...lines)), { ok: false, problem: { reason, detail } });
  });
}
