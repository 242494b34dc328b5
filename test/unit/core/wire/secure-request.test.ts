import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAuthority } from "../../../../router/core/wire/authority.ts";
import { secureRequest } from "../../../../router/core/wire/forward-request.ts";
import { readRequestHead } from "../../../../router/core/wire/message-head.ts";

const LIMITS = { lineBytes: 1_000, fieldCount: 20, headBytes: 4_000 };

/** The path that a request inside TLS to `authority` asks for, or why it is refused. */
function asked(line: string, host: string, authority = "a.example:443"): string {
  const octets = Buffer.from(`${line} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "latin1");
  const read = readRequestHead(octets, octets.length, 0, LIMITS);
  const tunnel = parseAuthority(authority, undefined);
  assert.ok(read.state === "complete" && tunnel.ok);
  const request = secureRequest(read.head, tunnel.value);
  return request.ok ? `${request.value.path}${request.value.query}` : request.problem.reason;
}

const rows: readonly (readonly [line: string, host: string, expected: string, authority?: string])[] = [
  ["GET /x?y", "a.example", "/x?y"],
  ["GET /x", "a.example:443", "/x"],
  ["GET /x", "A.Example", "/x"],
  ["GET https://a.example/x?y", "a.example", "/x?y"],
  ["GET https://a.example:443", "a.example", "/"],
  ["GET HTTPS://a.example/x", "a.example", "/x"],
  ["GET /x", "a.example:80", "host_mismatch"],
  ["GET /x", "a.example", "host_mismatch", "a.example:8443"],
  ["GET /x", "a.example:8443", "/x", "a.example:8443"],
  ["GET https://a.example/x", "a.example:8443", "host_mismatch", "a.example:8443"],
  ["GET https://a.example:8443/x", "a.example:8443", "/x", "a.example:8443"],
  ["GET https://b.example/x", "a.example", "host_mismatch"],
  ["GET https://a.example/x", "b.example", "host_mismatch"],
  ["GET http://a.example/x", "a.example", "malformed_request"],
  ["GET http://a.example:443/x", "a.example", "malformed_request"],
  ["GET wss://a.example/x", "a.example", "malformed_request"],
  ["GET https:/a.example/x", "a.example", "malformed_request"],
  ["GET https://u@a.example/x", "a.example", "malformed_request"],
  ["GET *", "a.example", "malformed_request"],
  ["CONNECT a.example:443", "a.example:443", "malformed_request"],
];
for (const [line, host, expected, authority] of rows) {
  test(`inside TLS to ${authority ?? "a.example:443"}: ${line}, Host ${host}`, () => {
    assert.equal(asked(line, host, authority), expected);
  });
}
