import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { millis } from "../../router/core/base/quantity.ts";
import { endLine, modelClient, received } from "../fakes/model-call.ts";
import { fakeOrigin } from "../fakes/origin-server.ts";
import { until } from "../fakes/until.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const BROKEN = "upstream_invalid (sent, answered): The response is not whole, well-formed HTTP/1.1";

interface Row {
  readonly name: string;
  readonly answer: string;
  /** What the origin does 10 ms after its answer. */
  readonly leaves?: "fin" | "rst";
  /** The beginning of the end. */
  readonly end: string;
  /** Default none. */
  readonly body?: string;
  /** The connection is kept. */
  readonly kept?: boolean;
}

const rows: readonly Row[] = [
  { name: "whole", answer: `${OK}Content-Length: 2\r\n\r\nok`, end: "completed", body: "ok", kept: true },
  {
    name: "identity",
    answer: `${OK}Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nok`,
    end: "completed",
    body: "ok",
    kept: true,
  },
  {
    name: "chunks with extensions and trailers",
    answer: `${OK}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n`,
    end: "completed",
    body: "ok",
    kept: true,
  },
  {
    name: "103 before it",
    answer: `HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
    end: "completed",
    body: "ok",
    kept: true,
  },
  {
    name: "fields that JavaScript has a meaning for",
    answer: `${OK}__proto__: x\r\nconstructor: y\r\nContent-Length: 2\r\n\r\nok`,
    end: "completed",
    body: "ok",
    kept: true,
  },
  {
    name: "HTTP/1.0 to the end of the connection",
    answer: "HTTP/1.0 200 OK\r\n\r\nabc",
    leaves: "fin",
    end: "completed",
    body: "abc",
  },
  {
    name: "HTTP/1.0, and RST",
    answer: "HTTP/1.0 200 OK\r\n\r\nabc",
    leaves: "rst",
    end: `${BROKEN} (ECONNRESET)`,
    body: "abc",
  },
  {
    name: "HTTP/1.1 to the end of the connection",
    answer: `${OK}\r\nabc`,
    leaves: "fin",
    end: "completed",
    body: "abc",
  },
  {
    name: "HTTP/1.1 to the end, and RST",
    answer: `${OK}\r\nabc`,
    leaves: "rst",
    end: `${BROKEN} (ECONNRESET)`,
    body: "abc",
  },
  {
    name: "shorter than said, FIN",
    answer: `${OK}Content-Length: 10\r\n\r\nabc`,
    leaves: "fin",
    end: BROKEN,
    body: "abc",
  },
  {
    name: "shorter than said, close and FIN",
    answer: `${OK}Connection: close\r\nContent-Length: 10\r\n\r\nabc`,
    leaves: "fin",
    end: BROKEN,
    body: "abc",
  },
  {
    name: "shorter than said, close and RST",
    answer: `${OK}Connection: close\r\nContent-Length: 10\r\n\r\nabc`,
    leaves: "rst",
    end: BROKEN,
    body: "abc",
  },
  {
    name: "without the last chunk, FIN",
    answer: `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n`,
    leaves: "fin",
    end: BROKEN,
    body: "abcde",
  },
  {
    name: "without the last chunk, close and FIN",
    answer: `${OK}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n`,
    leaves: "fin",
    end: BROKEN,
    body: "abcde",
  },
  {
    name: "without the last chunk, close and RST",
    answer: `${OK}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n`,
    leaves: "rst",
    end: BROKEN,
    body: "abcde",
  },
  { name: "a chunk size that is none", answer: `${OK}Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n`, end: BROKEN },
  {
    name: "a chunk size beyond all numbers",
    answer: `${OK}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok\r\n`,
    end: BROKEN,
  },
  { name: "chunks without CR", answer: `${OK}Transfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n`, end: BROKEN },
  {
    name: "101 unasked",
    answer: "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    end: "upstream_invalid (sent, answered): The origin switched",
  },
  {
    name: "101 unasked, without Upgrade",
    answer: "HTTP/1.1 101 X\r\n\r\n",
    end: "upstream_invalid (sent, answered): The origin switched",
  },
  {
    name: "interim responses without end",
    answer: "HTTP/1.1 103 Early\r\n\r\n".repeat(20) + `${OK}Content-Length: 2\r\n\r\nok`,
    end: "upstream_invalid (sent, answered): The origin sends interim",
  },
  { name: "a field of 40 KB", answer: `${OK}X: ${"a".repeat(40_000)}\r\nContent-Length: 0\r\n\r\n`, end: BROKEN },
  {
    name: "201 fields",
    answer: `${OK}${"a:b\r\n".repeat(200)}Content-Length: 0\r\n\r\n`,
    end: "upstream_invalid (sent, answered): The response has too many fields.",
  },
  {
    name: "trailers of 40 KB",
    answer: `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: ${"y".repeat(40_000)}\r\n\r\n`,
    end: BROKEN,
    body: "ok",
  },
  { name: "a control character", answer: `${OK}X: a\u0001b\r\nContent-Length: 0\r\n\r\n`, end: BROKEN },
  { name: "NUL", answer: `${OK}X: a\u0000b\r\nContent-Length: 0\r\n\r\n`, end: BROKEN },
  { name: "CR alone", answer: `${OK}X: a\rb\r\nContent-Length: 0\r\n\r\n`, end: BROKEN },
  { name: "LF alone", answer: `${OK}X: a\nContent-Length: 0\r\n\r\n`, end: BROKEN },
  { name: "a folded field", answer: `${OK}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`, end: BROKEN },
  { name: "a blank before the colon", answer: `${OK}X : a\r\nContent-Length: 0\r\n\r\n`, end: BROKEN },
  { name: "an empty name", answer: `${OK}: a\r\nContent-Length: 0\r\n\r\n`, end: BROKEN },
  { name: "two lengths that agree", answer: `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`, end: BROKEN },
  { name: "two lengths that do not", answer: `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`, end: BROKEN },
  { name: "a list of lengths", answer: `${OK}Content-Length: 2, 2\r\n\r\nok`, end: BROKEN },
  { name: "a length with a sign", answer: `${OK}Content-Length: +2\r\n\r\nok`, end: BROKEN },
  { name: "a length beyond all numbers", answer: `${OK}Content-Length: 99999999999999999999\r\n\r\nok`, end: BROKEN },
  {
    name: "a length and chunks",
    answer: `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    end: BROKEN,
  },
  {
    name: "a transfer coding besides",
    answer: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    end: "upstream_invalid (sent, answered): The Transfer-Encoding",
  },
  {
    name: "chunked twice",
    answer: `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    end: "upstream_invalid (sent, answered): The Transfer-Encoding",
  },
  {
    name: "gzip unasked",
    answer: `${OK}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok`,
    end: "upstream_invalid (sent, answered): The body has a Content-Encoding",
  },
  {
    name: "identity and br",
    answer: `${OK}Content-Encoding: identity\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok`,
    end: "upstream_invalid (sent, answered): The body has a Content-Encoding",
  },
  {
    name: "Connection that takes away a field meant for all",
    answer: `${OK}Connection: content-type\r\nContent-Length: 2\r\n\r\nok`,
    end: "upstream_invalid (sent, answered): The Connection field",
  },
  { name: "SSH", answer: "SSH-2.0-OpenSSH\r\n", end: BROKEN },
  { name: "HTTP/2 frames", answer: "\u0000\u0000\u0012\u0004\u0000\u0000\u0000\u0000\u0000", end: BROKEN },
  { name: "HTTP/1.2", answer: "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok", end: BROKEN },
  {
    name: "status 600",
    answer: "HTTP/1.1 600 X\r\nContent-Length: 2\r\n\r\nok",
    end: "upstream_invalid (sent, answered): The status",
  },
  {
    name: "status 099",
    answer: "HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\nok",
    end: "upstream_invalid (sent, answered)",
  },
  { name: "status 20", answer: "HTTP/1.1 20 X\r\nContent-Length: 2\r\n\r\nok", end: BROKEN },
  {
    name: "a second answer behind it",
    answer: `${OK}Content-Length: 2\r\n\r\nok${OK}Content-Length: 3\r\n\r\nbad`,
    end: "completed",
    body: "ok",
  },
  { name: "more than was said", answer: `${OK}Content-Length: 2\r\n\r\nokEXTRA`, end: "completed", body: "ok" },
  { name: "204 with a body", answer: "HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok", end: "completed" },
  {
    name: "FIN instead",
    answer: "",
    leaves: "fin",
    end: "upstream_unreachable (sent): The connection broke before an answer",
  },
  {
    name: "RST instead",
    answer: "",
    leaves: "rst",
    end: "upstream_unreachable (sent): The connection broke before an answer (ECONNRESET)",
  },
  { name: "half a head", answer: `${OK}Content-`, leaves: "fin", end: BROKEN },
];

for (const { name, answer, leaves, end, body = "", kept = false } of rows) {
  test(`an answer: ${name}`, async () => {
    const origin = await fakeOrigin((socket) => {
      socket.once("data", () => {
        socket.write(Buffer.from(answer, "latin1"));
        if (leaves !== undefined) setTimeout(() => leave(socket, leaves), 10);
      });
    });
    const client = modelClient(origin.port);
    try {
      const got = received(client, undefined, { firstByte: millis(1_000), idle: millis(1_000) });
      const line = endLine(await got.ended);
      assert.ok(line.startsWith(end), line);
      assert.equal(got.text(), body);
      assert.equal(got.ends, 1);
      await pause(5);
      if (!kept) await until(() => client.connections === 0, "its connection is closed");
      assert.equal(client.connections, kept ? 1 : 0, "connections kept");
    } finally {
      client.destroy();
      await origin.close();
    }
  });
}

function leave(socket: Socket, how: "fin" | "rst"): void {
  if (how === "fin") socket.end();
  else socket.resetAndDestroy();
}

test("INV-MODEL-FIELDS: an answer's hop-by-hop fields, its framing and fields that only the router says go no further", async () => {
  const origin = await fakeOrigin((socket) => {
    socket.once("data", () => {
      socket.write(
        `${OK}Keep-Alive: timeout=5\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nSluice-Reason: forged\r\nX-Request-Id: r\r\n` +
          "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nProxy-Status: x\r\nContent-Length: 2\r\n\r\nok",
      );
    });
  });
  const client = modelClient(origin.port);
  try {
    const got = received(client);
    assert.equal(endLine(await got.ended), "completed");
    assert.deepEqual(
      got.fields.map(({ rawName, value }) => `${rawName}: ${value}`),
      ["X-Request-Id: r", "Set-Cookie: a=1", "Set-Cookie: b=2"],
    );
    assert.equal(got.status, 200);
    assert.equal(got.length, 2);
  } finally {
    client.destroy();
    await origin.close();
  }
});
