import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { getEventListeners, once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../../router/app/clock.ts";
import { bytes, millis } from "../../router/core/base/quantity.ts";
import type { Field } from "../../router/core/wire/message-head.ts";
import { createDeadlineWatch } from "../../router/edge/upstream/deadline-watch.ts";
import { dial } from "../../router/edge/upstream/dial.ts";
import type { ExchangeEnd, ExchangeOptions, OriginRequest } from "../../router/edge/upstream/exchange.ts";
import { type OriginConnection, originConnection } from "../../router/edge/upstream/origin-connection.ts";
import type { ResponseHead } from "../../router/edge/upstream/response-head.ts";
import { dialPermit } from "../fakes/dial-permit.ts";
import { type FakeOrigin, fakeOrigin } from "../fakes/origin-server.ts";
import { atRest, until } from "../fakes/until.ts";

const watch = createDeadlineWatch(systemClock, millis(10));

async function* chunks(parts: readonly string[], everyMillis = 0): AsyncGenerator<Uint8Array, void> {
  for (const part of parts) {
    if (everyMillis > 0) await pause(everyMillis);
    yield Buffer.from(part, "latin1");
  }
}

function field(line: string): Field {
  const [rawName = "", value = ""] = line.split(": ");
  return { rawName, name: rawName.toLowerCase(), value };
}

function request(more: Partial<OriginRequest> = {}): OriginRequest {
  return {
    method: "GET",
    target: "/path?query",
    host: "origin.test",
    fields: [],
    framing: { kind: "none" },
    body: chunks([]),
    expectContinue: false,
    upgrade: undefined,
    ...more,
  };
}

interface Seen {
  readonly end: ExchangeEnd;
  readonly head: ResponseHead | undefined;
  readonly body: string;
  /** What the sink was told, in order. */
  readonly events: string;
  readonly usable: boolean;
}

interface Options {
  readonly limits?: Partial<ExchangeOptions["limits"]>;
  readonly signal?: AbortSignal;
  readonly onData?: () => Promise<void> | undefined;
}

async function run(connection: OriginConnection, sent: OriginRequest, options: Options = {}): Promise<Seen> {
  let head: ResponseHead | undefined;
  const body: Buffer[] = [];
  const events: string[] = [];
  const signal = options.signal ?? new AbortController().signal;
  const end = await connection.exchange(
    sent,
    {
      proceed: () => events.push("100"),
      head(received) {
        head = received;
        events.push(`${received.status}`);
      },
      data(chunk) {
        body.push(chunk);
        return options.onData?.();
      },
    },
    {
      limits: {
        bytesOut: undefined,
        bytesIn: undefined,
        idle: millis(1_000),
        lifetime: millis(5_000),
        ...options.limits,
      },
      watch,
      signal,
    },
  );
  if (!signal.aborted) assert.equal(getEventListeners(signal, "abort").length, 0, "nobody listens on");
  return {
    end,
    head,
    body: Buffer.concat(body).toString("latin1"),
    events: events.join(" "),
    usable: connection.usable,
  };
}

async function withConnection(
  serve: (socket: Socket) => void,
  use: (connection: OriginConnection, origin: FakeOrigin) => Promise<void>,
): Promise<void> {
  const origin = await fakeOrigin(serve);
  try {
    const link = await dial(dialPermit(origin.port), {
      clock: systemClock,
      timeout: millis(2_000),
      signal: new AbortController().signal,
    });
    assert.ok(link.ok);
    const connection = originConnection(link.value);
    await use(connection, origin);
    connection.close();
  } finally {
    await origin.close();
  }
  assert.equal(watch.size, 0, "nothing is watched any more");
}

type After = "open" | "fin" | "rst";

/** Waits for a request head, then says these parts with pauses between them. */
function scripted(parts: readonly string[], after: After): (socket: Socket) => void {
  return (socket) => {
    socket.once("data", () => {
      void (async () => {
        for (const [index, part] of parts.entries()) {
          if (index > 0) await pause(15);
          socket.write(part, "latin1");
        }
        if (parts.length > 0 && after !== "open") await pause(5);
        if (after === "fin") socket.end();
        if (after === "rst") socket.resetAndDestroy();
      })();
    });
  };
}

const OK = "HTTP/1.1 200 OK\r\n";
const LENGTH_3 = `${OK}Content-Length: 3\r\n\r\nabc`;

interface Row {
  readonly what: string;
  readonly parts: readonly string[];
  readonly after?: After;
  readonly request?: Partial<OriginRequest>;
  readonly cause: ExchangeEnd["cause"];
  /** What the sink was told, then the body. */
  readonly seen?: string;
  readonly usable?: boolean;
}

const good: readonly Row[] = [
  { what: "a length", parts: [LENGTH_3], cause: "completed", seen: "200 abc", usable: true },
  { what: "nothing", parts: [`${OK}Content-Length: 0\r\n\r\n`], cause: "completed", seen: "200 ", usable: true },
  {
    what: "chunks",
    parts: [`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`, "1\r\nc\r\n0\r\n\r\n"],
    cause: "completed",
    seen: "200 abc",
    usable: true,
  },
  {
    what: "chunks with extensions and trailers, which are dropped",
    parts: [`${OK}Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n`],
    cause: "completed",
    seen: "200 abc",
    usable: true,
  },
  { what: "until the end", parts: [`${OK}\r\nabc`], after: "fin", cause: "completed", seen: "200 abc", usable: false },
  {
    what: "octet by octet",
    parts: LENGTH_3.slice(0, 12).split("").concat(LENGTH_3.slice(12)),
    cause: "completed",
    seen: "200 abc",
    usable: true,
  },
  {
    what: "HTTP/1.0",
    parts: ["HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"],
    after: "fin",
    cause: "completed",
    seen: "200 abc",
    usable: false,
  },
  {
    what: "Connection: close",
    parts: [`${OK}Connection: close\r\nContent-Length: 3\r\n\r\nabc`],
    cause: "completed",
    seen: "200 abc",
    usable: false,
  },
  {
    what: "HEAD has no body, whatever its length says",
    parts: [`${OK}Content-Length: 1234\r\n\r\n`],
    request: { method: "HEAD" },
    cause: "completed",
    seen: "200 ",
    usable: true,
  },
  { what: "204", parts: ["HTTP/1.1 204 No Content\r\n\r\n"], cause: "completed", seen: "204 ", usable: true },
  {
    what: "304 has no body, whatever its length says",
    parts: ["HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n"],
    cause: "completed",
    seen: "304 ",
    usable: true,
  },
  {
    what: "a status without a phrase",
    parts: ["HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n"],
    cause: "completed",
    seen: "404 ",
    usable: true,
  },
  {
    what: "103 is dropped",
    parts: ["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", LENGTH_3],
    cause: "completed",
    seen: "200 abc",
    usable: true,
  },
  {
    what: "100 unasked is dropped",
    parts: ["HTTP/1.1 100 Continue\r\n\r\n", LENGTH_3],
    cause: "completed",
    seen: "200 abc",
    usable: true,
  },
];

const bad: readonly Row[] = [
  { what: "an empty answer", parts: [], after: "fin", cause: "upstream_unreachable" },
  { what: "a reset instead of an answer", parts: [], after: "rst", cause: "upstream_unreachable" },
  { what: "a head cut short", parts: ["HTTP/1.1 200 OK\r\nX"], after: "fin", cause: "upstream_unreachable" },
  { what: "HTTP/0.9", parts: ["hello\r\n"], after: "fin", cause: "upstream_invalid" },
  { what: "not HTTP", parts: ["SSH-2.0-OpenSSH\r\n"], cause: "upstream_invalid" },
  { what: "HTTP/2.0", parts: ["HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"], cause: "upstream_invalid" },
  { what: "HTTP/1.2", parts: ["HTTP/1.2 200 OK\r\nContent-Length: 3\r\n\r\nabc"], cause: "upstream_invalid" },
  { what: "status 99", parts: ["HTTP/1.1 099 X\r\nContent-Length: 3\r\n\r\nabc"], cause: "upstream_invalid" },
  { what: "status 600", parts: ["HTTP/1.1 600 X\r\nContent-Length: 3\r\n\r\nabc"], cause: "upstream_invalid" },
  { what: "status 1000", parts: ["HTTP/1.1 1000 X\r\n\r\n"], cause: "upstream_invalid" },
  {
    what: "both lengths",
    parts: [`${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`],
    cause: "upstream_invalid",
  },
  {
    what: "two equal lengths",
    parts: [`${OK}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`],
    cause: "upstream_invalid",
  },
  { what: "a list of lengths", parts: [`${OK}Content-Length: 3, 3\r\n\r\nabc`], cause: "upstream_invalid" },
  { what: "a signed length", parts: [`${OK}Content-Length: +3\r\n\r\nabc`], cause: "upstream_invalid" },
  {
    what: "a length beyond reason",
    parts: [`${OK}Content-Length: 99999999999999999999\r\n\r\nabc`],
    cause: "upstream_invalid",
  },
  {
    what: "a coding besides chunked",
    parts: [`${OK}Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`],
    cause: "upstream_invalid",
  },
  {
    what: "two codings",
    parts: [`${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    cause: "upstream_invalid",
  },
  { what: "identity", parts: [`${OK}Transfer-Encoding: identity\r\n\r\nabc`], after: "fin", cause: "upstream_invalid" },
  {
    what: "chunks in HTTP/1.0",
    parts: ["HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    cause: "upstream_invalid",
  },
  { what: "bare LF", parts: ["HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"], cause: "upstream_invalid" },
  { what: "bare LF in a field", parts: [`${OK}X: y\nContent-Length: 3\r\n\r\nabc`], cause: "upstream_invalid" },
  { what: "bare CR in a field", parts: [`${OK}X: y\rZ: w\r\nContent-Length: 3\r\n\r\nabc`], cause: "upstream_invalid" },
  { what: "a folded field", parts: [`${OK}X: y\r\n z\r\nContent-Length: 3\r\n\r\nabc`], cause: "upstream_invalid" },
  { what: "NUL in a field", parts: [`${OK}X: y\0z\r\nContent-Length: 3\r\n\r\nabc`], cause: "upstream_invalid" },
  { what: "a space before the colon", parts: [`${OK}Content-Length : 3\r\n\r\nabc`], cause: "upstream_invalid" },
  { what: "a head too large", parts: [`${OK}X: ${"a".repeat(40_000)}\r\n\r\n`], cause: "upstream_invalid" },
  { what: "too many fields", parts: [`${OK}${"a: b\r\n".repeat(201)}\r\n`], after: "fin", cause: "upstream_invalid" },
  {
    what: "too many fields for Node",
    parts: [`${OK}${"a: b\r\n".repeat(2_500)}\r\n`],
    after: "fin",
    cause: "upstream_invalid",
  },
  {
    what: "Connection names what is not its own",
    parts: [`${OK}Connection: set-cookie, content-length\r\nContent-Length: 3\r\n\r\nabc`],
    cause: "upstream_invalid",
  },
  {
    what: "101 unasked",
    parts: ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\nxyz"],
    cause: "upstream_invalid",
  },
  {
    what: "101 without Upgrade",
    parts: [`HTTP/1.1 101 Switching Protocols\r\n\r\n${LENGTH_3}`],
    cause: "upstream_invalid",
  },
  {
    what: "interim responses without end",
    parts: ["HTTP/1.1 102 Processing\r\n\r\n".repeat(20), LENGTH_3],
    cause: "upstream_invalid",
  },
  {
    what: "a length that lies: too little comes",
    parts: [`${OK}Content-Length: 10\r\n\r\nabc`],
    after: "fin",
    cause: "upstream_invalid",
    seen: "200 abc",
  },
  {
    what: "a reset within a length",
    parts: [`${OK}Content-Length: 10\r\n\r\nabc`],
    after: "rst",
    cause: "upstream_invalid",
    seen: "200 abc",
  },
  {
    what: "a chunk cut short",
    parts: [`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nabc`],
    after: "fin",
    cause: "upstream_invalid",
    seen: "200 abc",
  },
  {
    what: "no last chunk",
    parts: [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`],
    after: "fin",
    cause: "upstream_invalid",
    seen: "200 abc",
  },
  {
    what: "no end of the last chunk",
    parts: [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n`],
    after: "fin",
    cause: "upstream_invalid",
    seen: "200 abc",
  },
  {
    what: "a chunk size that is no number",
    parts: [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, "zz\r\n"],
    cause: "upstream_invalid",
    seen: "200 abc",
  },
  {
    what: "a reset where only the end ends the body",
    parts: [`${OK}\r\nabc`],
    after: "rst",
    cause: "upstream_invalid",
    seen: "200 abc",
  },
];

for (const row of [...good, ...bad]) {
  const subject = row.cause === "completed" ? "exchange" : "INV-EXCHANGE-WHOLE";
  test(`${subject}: ${row.what}: ${row.cause}`, async () => {
    await withConnection(scripted(row.parts, row.after ?? "open"), async (connection) => {
      const seen = await run(connection, request(row.request));
      const detail = "detail" in seen.end ? seen.end.detail : "";
      assert.equal(seen.end.cause, row.cause, detail);
      assert.equal(seen.head === undefined ? undefined : `${seen.events} ${seen.body}`, row.seen);
      assert.equal(seen.usable, row.usable ?? false);
      assert.equal(seen.end.bytesIn, seen.body.length);
    });
  });
}

test("exchange: the request is written anew, and only from its members", async () => {
  const rows: readonly (readonly [Partial<OriginRequest>, string])[] = [
    [{}, "GET /path?query HTTP/1.1\r\nHost: origin.test\r\nConnection: keep-alive\r\n\r\n"],
    [
      { fields: [field("Accept: a"), field("X-Two: 1"), field("X-Two: \u00e9")] },
      "GET /path?query HTTP/1.1\r\nHost: origin.test\r\nAccept: a\r\nX-Two: 1\r\nX-Two: \u00e9\r\nConnection: keep-alive\r\n\r\n",
    ],
    [
      { method: "POST", framing: { kind: "length", length: 5 }, body: chunks(["he", "llo"]) },
      "POST /path?query HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
    ],
    [
      { method: "PUT", framing: { kind: "chunked" }, body: chunks(["he", "llo"], 5) },
      "PUT /path?query HTTP/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
    [
      { method: "DELETE", framing: { kind: "chunked" }, body: chunks(["x"]) },
      "DELETE /path?query HTTP/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ],
    [
      { method: "POST" },
      "POST /path?query HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
    ],
    [
      { method: "PURGE" },
      "PURGE /path?query HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
    ],
    [{ method: "OPTIONS" }, "OPTIONS /path?query HTTP/1.1\r\nHost: origin.test\r\nConnection: keep-alive\r\n\r\n"],
  ];
  for (const [given, expected] of rows) {
    const heard: Buffer[] = [];
    await withConnection(
      (socket) => {
        socket.on("data", (chunk: Buffer) => {
          heard.push(chunk);
          if (Buffer.concat(heard).length >= expected.length) socket.write(LENGTH_3);
        });
      },
      async (connection) => {
        const seen = await run(connection, request(given));
        assert.equal(Buffer.concat(heard).toString("latin1"), expected);
        assert.equal(seen.end.cause, "completed");
      },
    );
  }
});

test("INV-EXCHANGE-ANEW: a field that frames or routes the request is never taken from its fields", async () => {
  for (const line of ["Host: b", "content-length: 1", "Transfer-Encoding: chunked", "Connection: x", "Upgrade: h2c"]) {
    await withConnection(scripted([LENGTH_3], "open"), async (connection) => {
      await assert.rejects(run(connection, request({ fields: [field(line)] })), /is written from/);
    });
  }
  for (const line of ["X: a\r\nHost: b", "X: a\nb", "X: \0", "X y: a", ": a", "X: \u0100"]) {
    await withConnection(scripted([LENGTH_3], "open"), async (connection) => {
      await assert.rejects(run(connection, request({ fields: [field(line)] })), TypeError);
    });
  }
});

test("exchange: of the response's fields the end-to-end ones go on", async () => {
  const head =
    `${OK}Content-Type: text/plain\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n` +
    "Proxy-Authenticate: Basic\r\nProxy-Status: fake\r\nSluice-Reason: fake\r\nTrailer: X\r\nUpgrade: h2c\r\nContent-Length: 3\r\nX-Latin: \u00e9\r\n\r\nabc";
  await withConnection(scripted([head], "open"), async (connection) => {
    const seen = await run(connection, request());
    assert.equal(seen.end.cause, "completed");
    assert.deepEqual(
      seen.head?.fields.map(({ rawName, value }) => `${rawName}: ${value}`),
      ["Content-Type: text/plain", "Set-Cookie: a=1", "set-cookie: b=2", "X-Latin: \u00e9"],
    );
    assert.equal(seen.head.length, 3);
    assert.equal(seen.head.hasBody, true);
  });
});

test("exchange: a reset after a response that says its own end takes nothing away", async () => {
  const body = "x".repeat(200_000);
  for (const head of [`${OK}Content-Length: ${body.length}\r\n\r\n${body}`, `${OK}\r\n${body}`]) {
    const framed = head.includes("Content-Length");
    await withConnection(
      (socket) => {
        // A request body that the origin never reads: its kernel answers the close with RST.
        socket.pause();
        socket.write(head, () => setTimeout(() => socket.resetAndDestroy(), 20));
      },
      async (connection) => {
        const seen = await run(connection, request(), { onData: () => pause(30) });
        assert.equal(seen.end.cause, framed ? "completed" : "upstream_invalid");
        if (framed) assert.equal(seen.body.length, body.length);
        assert.equal(seen.usable, false);
      },
    );
  }
});

test("exchange: a kept connection carries one exchange after another", async () => {
  await withConnection(
    (socket) => {
      let count = 0;
      socket.on("data", () => {
        count += 1;
        socket.write(`${OK}Content-Length: 1\r\n\r\n${count}`);
      });
    },
    async (connection, origin) => {
      for (let index = 1; index <= 5; index++) {
        const seen = await run(connection, request());
        assert.equal(seen.body, `${index}`);
        assert.equal(seen.usable, true);
      }
      assert.equal(origin.accepted, 1);
    },
  );
});

test("INV-EXCHANGE-OWN-ANSWER: octets after a response end the connection, and answer nobody", async () => {
  const surplus = `${OK}Content-Length: 4\r\n\r\nevil`;
  for (const parts of [[`${LENGTH_3}${surplus}`], [LENGTH_3, surplus]]) {
    await withConnection(scripted(parts, "open"), async (connection, origin) => {
      const seen = await run(connection, request());
      assert.equal(seen.body, "abc");
      await until(() => !connection.usable);
      const second = await run(connection, request());
      assert.equal(second.end.cause, "upstream_unreachable");
      assert.equal(second.head, undefined);
      assert.equal(origin.accepted, 1, "nothing was dialled again");
    });
  }
});

test("exchange: a second one at the same time is a bug of the caller", async () => {
  await withConnection(scripted([], "open"), async (connection) => {
    const first = run(connection, request(), { limits: { idle: millis(50) } });
    assert.equal(connection.usable, false);
    await assert.rejects(run(connection, request()), /one exchange at a time/);
    assert.equal((await first).end.cause, "idle_timeout");
  });
});

test("exchange: an origin that closes its kept connection is noticed", async () => {
  await withConnection(
    (socket) => {
      socket.once("data", () => {
        socket.write(LENGTH_3);
        setTimeout(() => socket.end(), 20);
      });
    },
    async (connection) => {
      assert.equal((await run(connection, request())).usable, true);
      await until(() => !connection.usable);
    },
  );
});

test("exchange: 100 (Continue) is passed on where it is expected, and the body goes after it", async () => {
  const heard: string[] = [];
  await withConnection(
    (socket) => {
      socket.on("data", (chunk: Buffer) => {
        heard.push(chunk.toString());
        if (heard.length === 1) {
          socket.write("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
        }
        if (heard.length === 2) socket.write(LENGTH_3);
      });
    },
    async (connection) => {
      const { promise: proceed, resolve: go } = Promise.withResolvers<void>();
      async function* body(): AsyncGenerator<Uint8Array, void> {
        await proceed;
        yield Buffer.from("hello");
      }
      const sent = request({
        method: "POST",
        framing: { kind: "length", length: 5 },
        expectContinue: true,
        body: body(),
      });
      const events: string[] = [];
      const end = await connection.exchange(
        sent,
        {
          proceed() {
            events.push("100");
            go();
          },
          head: (head) => events.push(`${head.status}`),
          data: () => undefined,
        },
        {
          limits: { bytesOut: undefined, bytesIn: undefined, idle: millis(1_000), lifetime: millis(1_000) },
          watch,
          signal: new AbortController().signal,
        },
      );
      assert.equal(end.cause, "completed");
      assert.deepEqual(events, ["100", "200"]);
      assert.match(heard[0] ?? "", /\r\nExpect: 100-continue\r\n/);
      assert.equal(heard[1], "hello");
      assert.equal(connection.usable, true);
    },
  );
});

test("exchange: an early answer completes, and the connection is not used again", async () => {
  await withConnection(
    scripted(["HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"], "open"),
    async (connection) => {
      const endless = (async function* () {
        for (;;) {
          await pause(5);
          yield Buffer.alloc(1_000);
        }
      })();
      const seen = await run(connection, request({ method: "POST", framing: { kind: "chunked" }, body: endless }));
      assert.equal(seen.end.cause, "completed");
      assert.equal(`${seen.events} ${seen.body}`, "413 big");
      assert.equal(seen.usable, false);
    },
  );
});

test("exchange: a head does not wait for its content, and content that is there goes out with it", async () => {
  for (const framing of [{ kind: "chunked" }, { kind: "length", length: 4 }] as const) {
    const reads: string[] = [];
    const serve = (socket: Socket): void => {
      socket.on("data", (octets: Buffer) => {
        reads.push(octets.toString("latin1"));
        if (octets.includes("four")) socket.write(LENGTH_3);
      });
    };
    await withConnection(serve, async (connection) => {
      const { promise: more, resolve: say } = Promise.withResolvers<void>();
      const body = (async function* () {
        await more;
        yield Buffer.from("four");
      })();
      const seen = run(connection, request({ method: "POST", framing, body }));
      await until(() => reads.length === 1, "the head alone");
      assert.match(reads[0] ?? "", /^POST \/path\?query HTTP\/1\.1\r\n[^]*\r\n\r\n$/);
      say();
      assert.deepEqual([(await seen).end.cause, (await seen).end.bytesOut], ["completed", 4]);
      reads.length = 0;
      assert.equal(
        (await run(connection, request({ method: "POST", framing, body: chunks(["four"]) }))).end.cause,
        "completed",
      );
      assert.ok(reads[0]?.startsWith("POST ") && reads[0].includes("four"));
    });
  }
});

test("exchange: a body that breaks breaks the origin's side too", async () => {
  class Broken extends Error {}
  const error = new Broken();
  for (const framing of [{ kind: "chunked" }, { kind: "length", length: 100 }] as const) {
    const { promise: heard, resolve } = Promise.withResolvers<string>();
    await withConnection(
      (socket) => void socket.resume().on("error", (failure) => resolve("code" in failure ? String(failure.code) : "")),
      async (connection) => {
        const body = (async function* () {
          yield Buffer.from("part");
          await pause(10);
          throw error;
        })();
        const seen = await run(connection, request({ method: "POST", framing, body }));
        assert.ok(seen.end.cause === "request_broken" && seen.end.error === error);
        assert.equal(await heard, "ECONNRESET");
      },
    );
  }
  await withConnection(scripted([], "open"), async (connection) => {
    const short = request({ method: "POST", framing: { kind: "length", length: 10 }, body: chunks(["short"]) });
    assert.equal((await run(connection, short)).end.cause, "request_broken");
  });
});

/** Octets of a request's head that count: path and query here. */
const HEAD = "/path?query".length;

test("exchange: limits and the signal", async () => {
  const rows: readonly (readonly [string, Partial<OriginRequest>, Options, ExchangeEnd["cause"], number, number])[] = [
    ["exactly what may come in", {}, { limits: { bytesIn: bytes(3) } }, "completed", 0, 3],
    ["one octet more", {}, { limits: { bytesIn: bytes(2) } }, "byte_limit", 0, 0],
    [
      "exactly what may go out",
      { method: "POST", framing: { kind: "length", length: 4 }, body: chunks(["four"]) },
      { limits: { bytesOut: bytes(HEAD + 4) } },
      "completed",
      4,
      3,
    ],
    [
      "more than may go out",
      { method: "POST", framing: { kind: "chunked" }, body: chunks(["four", "more"], 5) },
      { limits: { bytesOut: bytes(HEAD + 7) } },
      "byte_limit",
      4,
      0,
    ],
    ["a head that is all that may go out", {}, { limits: { bytesOut: bytes(HEAD) } }, "completed", 0, 3],
    ["a target that is more", { target: "/path?queries" }, { limits: { bytesOut: bytes(HEAD) } }, "byte_limit", 0, 0],
    [
      "fields that are more",
      { fields: [field("X: 1")] },
      { limits: { bytesOut: bytes(HEAD + 1) } },
      "byte_limit",
      0,
      0,
    ],
    ["given up before", {}, { signal: AbortSignal.abort() }, "aborted", 0, 0],
  ];
  for (const [what, given, options, cause, out, into] of rows) {
    const serve = (socket: Socket): void => {
      let text = "";
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (/GET|four/.test(text) && !/chunked/.test(text)) socket.write(LENGTH_3);
      });
    };
    await withConnection(serve, async (connection) => {
      const seen = await run(connection, request(given), options);
      assert.equal(seen.end.cause, cause, what);
      assert.deepEqual([seen.end.bytesOut, seen.end.bytesIn], [out, into], what);
    });
  }
  await withConnection(scripted([`${OK}Content-Length: 10\r\n\r\nabc`], "open"), async (connection, origin) => {
    const abort = new AbortController();
    const seen = await run(connection, request(), {
      signal: abort.signal,
      onData: () => void setTimeout(() => abort.abort(), 10),
    });
    assert.equal(seen.end.cause, "aborted");
    assert.equal(seen.body, "abc");
    await until(() => origin.open.size === 0);
  });
  await withConnection(scripted([`${OK}Content-Length: 10\r\n\r\nabc`], "open"), async (connection) => {
    assert.equal((await run(connection, request(), { limits: { idle: millis(40) } })).end.cause, "idle_timeout");
  });
  await withConnection(
    (socket) => {
      socket.write(`${OK}\r\n`);
      const timer = setInterval(() => socket.write("."), 5);
      socket.on("close", () => clearInterval(timer));
    },
    async (connection) => {
      const seen = await run(connection, request(), { limits: { lifetime: millis(400) } });
      assert.equal(seen.end.cause, "lifetime_limit");
      assert.ok(seen.body.length > 3);
    },
  );
});

test("exchange: a slow agent stops the origin, a slow origin the body", async () => {
  let written = 0;
  await withConnection(
    (socket) => {
      socket.once("data", () => {
        socket.write(`${OK}\r\n`);
        const more = (): void => {
          while (!socket.destroyed) {
            written += 65_536;
            if (!socket.write(Buffer.alloc(65_536))) break;
          }
        };
        socket.on("drain", more);
        more();
      });
    },
    async (connection) => {
      const abort = new AbortController();
      const never = new Promise<void>((resolve) => abort.signal.addEventListener("abort", () => resolve()));
      const running = run(connection, request(), { onData: () => never, signal: abort.signal });
      await atRest(() => written);
      abort.abort();
      assert.ok((await running).body.length <= 256 * 1024);
    },
  );
  let taken = 0;
  await withConnection(
    (socket) => socket.pause(),
    async (connection) => {
      const endless = (async function* () {
        for (;;) {
          taken += 65_536;
          yield Buffer.alloc(65_536);
        }
      })();
      const abort = new AbortController();
      const sent = request({ method: "POST", framing: { kind: "chunked" }, body: endless });
      const running = run(connection, sent, { signal: abort.signal });
      await atRest(() => taken);
      abort.abort();
      assert.equal((await running).end.cause, "aborted");
    },
  );
});

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const switching = (fields: string): string => `HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`;
const upgraded = `Sluice-Reason: fake\r\nContent-Length: 5\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\nSec-WebSocket-Protocol: chat\r\n`;

const webSockets: readonly (readonly [string, string, ExchangeEnd["cause"]])[] = [
  ["the right answer", switching(upgraded), "upgraded"],
  ["refused by the origin", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "completed"],
  [
    "a wrong accept",
    switching(upgraded.replace(ACCEPT, createHash("sha1").update("x").digest("base64"))),
    "upstream_invalid",
  ],
  ["no accept", switching(upgraded.replace(/Sec-WebSocket-Accept.*\r\n/, "")), "upstream_invalid"],
  ["two accepts", switching(`${upgraded}Sec-WebSocket-Accept: ${ACCEPT}\r\n`), "upstream_invalid"],
  ["another protocol", switching(upgraded.replace("Upgrade: WebSocket", "Upgrade: h2c")), "upstream_invalid"],
  ["two protocols", switching(upgraded.replace("WebSocket\r", "websocket, h2c\r")), "upstream_invalid"],
  [
    "no Connection: upgrade",
    switching(upgraded.replace("Connection: Upgrade", "Connection: close")),
    "upstream_invalid",
  ],
  ["no Upgrade", switching(upgraded.replace("Upgrade: WebSocket\r\n", "")), "upstream_invalid"],
  ["another status", `HTTP/1.1 200 OK\r\n${upgraded}\r\nhello`, "completed"],
];

for (const [what, answer, cause] of webSockets) {
  test(`WebSocket: ${what}: ${cause}`, async () => {
    const heard: string[] = [];
    await withConnection(
      (socket) => {
        socket.on("data", (chunk: Buffer) => {
          heard.push(chunk.toString());
          if (heard.length === 1) socket.write(`${answer}${cause === "upgraded" ? "first frame" : ""}`);
        });
      },
      async (connection) => {
        const sent = request({
          upgrade: "websocket",
          fields: [field("Sec-WebSocket-Version: 13"), field(`Sec-WebSocket-Key: ${KEY}`)],
        });
        const { end, events } = await run(connection, sent);
        assert.match(heard[0] ?? "", /\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/);
        assert.equal(end.cause, cause);
        if (end.cause !== "upgraded") return;
        assert.equal(events, "");
        assert.deepEqual(
          end.fields.map(({ rawName, value }) => `${rawName}: ${value}`),
          [`Sec-WebSocket-Accept: ${ACCEPT}`, "Sec-WebSocket-Protocol: chat"],
        );
        const { socket } = end.origin;
        const first = once(socket, "data") as Promise<[Buffer]>;
        socket.resume();
        assert.equal((await first)[0].toString(), "first frame");
        socket.write("second frame");
        await until(() => heard.length > 1);
        assert.equal(heard[1], "second frame");
        assert.equal(connection.usable, false);
        connection.close();
        assert.equal(socket.destroyed, false, "it is the tunnel's");
        socket.destroy();
      },
    );
  });
}
