import assert from "node:assert/strict";
import { formatAuthority } from "../../../router/core/wire/authority.ts";
import {
  type ForwardRequest,
  forwardRequest,
  innerRequest,
  secureRequest,
} from "../../../router/core/wire/forward-request.ts";
import { type HeadLimits, readRequestHead, type RequestHead } from "../../../router/core/wire/message-head.ts";
import { type FuzzTarget, inputs, latin1, latin1Octets } from "../fuzz-target.ts";
import type { Random } from "../random.ts";
import { oracleHead } from "./head-oracle.ts";

const WIDE: HeadLimits = { lineBytes: 65_536, fieldCount: 10_000, headBytes: 1_000_000 };
const NARROW: HeadLimits = { lineBytes: 60, fieldCount: 4, headBytes: 160 };

export const MESSAGE_HEAD: FuzzTarget = {
  name: "message-head",
  input: inputs(
    [
      "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nUser-Agent: curl/8.5.0\r\nProxy-Connection: Keep-Alive\r\n\r\n",
      "CONNECT a.example:443 HTTP/1.0\r\n\r\nearly data",
      "GET http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\r\n",
      "POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
      "POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\nHost: a.example\r\nA:\t b \xe9 \r\n\r\n",
    ],
    [
      "\r\n",
      "\n",
      "\r",
      "\r\n\r\n",
      "\r\r\n",
      " ",
      "  ",
      "\t",
      ":",
      " :",
      "\0",
      "\x0b",
      "\x7f",
      "\x80",
      "\r\n ",
      "\r\n\t",
      "GET",
      "CONNECT",
      "POST",
      "PRI * HTTP/2.0",
      "HTTP/1.1",
      "HTTP/1.0",
      " HTTP/1.1\r\n",
      "\x16\x03\x01",
      "a.example:443",
      "Host: a.example\r\n",
      "host:b\r\n",
      "Content-Length: 5\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Transfer-Encoding: gzip, chunked\r\n",
      "Connection: close\r\n",
      "Connection: host\r\n",
      "Upgrade: h2c\r\n",
      "Expect: x\r\n",
      "TE: trailers\r\n",
      "X: y\r\n",
      "A".repeat(40),
    ],
  ),
  examine(input, random) {
    const oracle = oracleHead(latin1(input));
    const wide = assertCutsDoNotMatter(input, WIDE, random);
    assert.equal(wide.state, oracle.state, "the oracle says otherwise");
    if (oracle.state === "complete" && wide.state === "complete") {
      assert.equal(wide.end, oracle.end, "the oracle ends elsewhere");
      assertSerialises(wide.head);
    }
    const narrow = assertCutsDoNotMatter(input, NARROW, random);
    if (narrow.state === "complete") {
      assert.deepEqual(narrow, wide, "limits change the answer");
      assert.ok(narrow.end <= NARROW.headBytes && narrow.head.fields.length <= NARROW.fieldCount, "over the limits");
    }
    return wide.state === "complete";
  },
};

/** Reads the octets at once and in random pieces; returns the one answer. */
function assertCutsDoNotMatter(
  input: Uint8Array,
  limits: HeadLimits,
  random: Random,
): ReturnType<typeof readRequestHead> {
  const whole = readRequestHead(input, input.length, 0, limits);
  let scanned = 0;
  for (let length = 0; length <= input.length; length = Math.min(input.length, length + 1 + random.below(20))) {
    const reading = readRequestHead(input, length, scanned, limits);
    if (reading.state !== "incomplete" || length === input.length) {
      if (reading.state === "incomplete" && whole.state === "incomplete") return whole;
      assert.deepEqual(reading, whole, "cuts change the answer");
      return whole;
    }
    scanned = reading.scanned;
  }
  return whole;
}

/** Written anew from its parsed form, a request is the same request, and nothing of this hop is left in it. */
function assertSerialises(head: RequestHead): void {
  const request = forwardRequest(head);
  if (!request.ok) return;
  const written = serialised(request.value);
  const bytes = latin1Octets(written);
  const again = readRequestHead(bytes, bytes.length, 0, WIDE);
  assert.ok(again.state === "complete" && again.end === bytes.length, "what is written anew is no head");
  assert.deepEqual(forwardRequest(again.head), request, "what is written anew is another request");
  if (request.value.kind === "tunnel") return;
  const { method, path, query, authority, fields } = request.value;
  for (const { name } of fields) {
    assert.ok(
      !/^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|proxy-.*)$/.test(name),
      name,
    );
  }
  const isSecure = request.value.kind === "https";
  const inner = (isSecure ? secureRequest : innerRequest)({ ...again.head, target: path + query }, authority);
  assert.ok(inner.ok, `${method} is refused inside a tunnel`);
  assert.deepEqual(inner.value, { ...request.value, kind: "http" }, "inside a tunnel it is another request");
}

function serialised(request: ForwardRequest): string {
  const authorityText = formatAuthority(request.authority);
  if (request.kind === "tunnel") return `CONNECT ${authorityText} HTTP/1.1\r\nHost: ${authorityText}\r\n\r\n`;
  const lines = [
    `${request.method} ${request.kind}://${authorityText}${request.path}${request.query} HTTP/${request.version}`,
    `Host: ${authorityText}`,
  ];
  if (request.framing.kind === "length") lines.push(`Content-Length: ${request.framing.length}`);
  if (request.framing.kind === "chunked") lines.push("Transfer-Encoding: chunked");
  if (request.expectContinue) lines.push("Expect: 100-continue");
  const options = [
    request.keepAlive ? ["keep-alive"] : ["close"],
    request.upgrade === undefined ? [] : ["upgrade"],
  ].flat();
  if (options.length > 0) lines.push(`Connection: ${options.join(", ")}`);
  if (request.upgrade !== undefined) lines.push(`Upgrade: ${request.upgrade}`);
  for (const field of request.fields) lines.push(`${field.rawName}: ${field.value}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
