import assert from "node:assert/strict";
import { formatAuthority } from "../../../router/core/wire/authority.ts";
import { forwardRequest, transparentRequest } from "../../../router/core/wire/forward-request.ts";
import { readRequestHead } from "../../../router/core/wire/message-head.ts";
import { formatHost } from "../../../router/core/wire/host.ts";
import { type FuzzTarget, inputs } from "../fuzz-target.ts";
import { HOST_PIECES, HOSTS } from "./host-pieces.ts";

const LIMITS = { lineBytes: 8_192, fieldCount: 100, headBytes: 16_384 };

/** Redirected port 80 takes exactly what the proxy's port takes of the same request in absolute form, and as the same. */
export const TRANSPARENT_REQUEST: FuzzTarget = {
  name: "transparent-request",
  input: inputs(
    [
      ...HOSTS.map((host) => `GET /a?b HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\n\r\n`),
      ...HOSTS.map((host) => `GET http://${host}/a HTTP/1.1\r\nHost: ${host}:80\r\n\r\n`),
      "POST / HTTP/1.0\r\nHost: a.example\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
      "GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
    [
      ...HOST_PIECES,
      "\r\n",
      "Host: a.example\r\n",
      "host: b.example\r\n",
      " HTTP/1.0\r\n",
      "CONNECT",
      "OPTIONS *",
      "http://a.example",
      "https://",
      "/",
      "/../",
      "//b.example/",
      ":80",
      ":8080",
      "Transfer-Encoding: chunked\r\n",
      "Connection: host\r\n",
    ],
  ),
  examine(input) {
    const reading = readRequestHead(input, input.length, 0, LIMITS);
    if (reading.state !== "complete") return false;
    const { head } = reading;
    const request = transparentRequest(head);
    if (!request.ok) {
      assert.match(request.problem.reason, /^(?:malformed_request|host_mismatch)$/);
      if (!head.target.startsWith("/") || head.method === "CONNECT") return false;
      // In origin-form there is nothing but the Host field to disagree with; where it names port 80, the rest is to blame.
      const [host, ...more] = head.fields.filter(({ name }) => name === "host");
      if (host === undefined || more.length > 0) return false;
      const absolute = forwardRequest({ ...head, target: `http://${host.value}${head.target}` });
      const elsewhere = absolute.ok && absolute.value.authority.port !== 80;
      assert.ok(!absolute.ok || elsewhere, "the proxy's port takes it");
      return false;
    }
    const { authority, path, query } = request.value;
    assert.equal(authority.port, 80);
    const target = `http://${formatHost(authority.host)}${path}${query}`;
    assert.deepEqual(forwardRequest({ ...head, target }), request, "the proxy's port reads it otherwise");
    assert.deepEqual(
      forwardRequest({ ...head, target: `http://${formatAuthority(authority)}${path}${query}` }),
      request,
    );
    return true;
  },
};
