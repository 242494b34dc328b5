import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../../../router/core/base/result.ts";
import { parseIpAddress } from "../../../../router/core/wire/ip-address.ts";
import { type FeedAnswer, type FeedRequest, getFeed } from "../../../../router/edge/upstream/get-feed.ts";
import type { Resolution } from "../../../../router/edge/upstream/resolver.ts";
import { type FeedHandler, feedServer, type FeedServer, feedText } from "../../../fakes/feed-server.ts";
import { testCa } from "../../../fakes/origins.ts";

const DEADLINES = { head: millis(300), silence: millis(300), total: millis(600) };
const loopback = parseIpAddress("127.0.0.1");

async function toLoopback(): Promise<Resolution> {
  return loopback === undefined ? fail({ reason: "dns_failure", detail: "" }) : ok([loopback]);
}

let server: FeedServer;
before(async () => {
  server = await feedServer(feedText(""));
});
after(() => server[Symbol.asyncDispose]());

async function get(
  changes: Partial<FeedRequest> = {},
  take?: (chunk: Uint8Array) => Promise<string | undefined>,
): Promise<{ readonly answer: Result<FeedAnswer, string>; readonly text: string }> {
  let text = "";
  const asked: FeedRequest = {
    endpoint: server.url(),
    ca: testCa().certificatePem,
    resolve: toLoopback,
    deadlines: DEADLINES,
    maximumBytes: 1_000,
    etag: undefined,
    ...changes,
  };
  const answer = await getFeed(
    asked,
    take ??
      (async (chunk) => {
        text += Buffer.from(chunk).toString("latin1");
        return undefined;
      }),
    new AbortController().signal,
  );
  return { answer, text };
}

const WHOLE: FeedAnswer = { kind: "whole", etag: undefined };
/** `ORIGIN` stands for the server's. */
const rows: readonly (readonly [
  name: string,
  handler: FeedHandler,
  changes: Partial<FeedRequest>,
  expected: FeedAnswer | string,
  text: string,
])[] = [
  ["a whole answer", feedText("a.example\n"), {}, WHOLE, "a.example\n"],
  ["an ETag", feedText("x", { etag: '"v1"' }), {}, { kind: "whole", etag: '"v1"' }, "x"],
  ["a weak ETag", feedText("x", { etag: 'W/"v1"' }), {}, { kind: "whole", etag: 'W/"v1"' }, "x"],
  ["an ETag that is none", feedText("x", { etag: "v1" }), {}, WHOLE, "x"],
  ["an ETag that is too long", feedText("x", { etag: `"${"v".repeat(300)}"` }), {}, WHOLE, "x"],
  ["in chunks", (_, r) => r.write("a", () => r.end("b")), {}, WHOLE, "ab"],
  ["304 to an ETag", (_, r) => r.writeHead(304).end(), { etag: '"v1"' }, { kind: "unchanged" }, ""],
  ["304 unasked", (_, r) => r.writeHead(304).end(), {}, "ORIGIN: status 304; redirects are not followed.", ""],
  [
    "a redirect",
    (_, r) => r.writeHead(302, { location: "https://other.test/" }).end(),
    {},
    "ORIGIN: status 302; redirects are not followed.",
    "",
  ],
  ["an error", (_, r) => r.writeHead(503).end("later"), {}, "ORIGIN: status 503.", ""],
  ["no content", (_, r) => r.writeHead(204).end(), {}, "ORIGIN: status 204.", ""],
  ["a part", (_, r) => r.writeHead(206, { "content-length": "1" }).end("x"), {}, "ORIGIN: status 206.", ""],
  ["gzip", feedText("x", { "content-encoding": "gzip" }), {}, "ORIGIN: the answer has a content coding.", ""],
  ["a length that is too much", feedText("x".repeat(1_001)), {}, "ORIGIN: more than 1000 octets.", ""],
  ["just as much as may be", feedText("x".repeat(1_000)), {}, WHOLE, "x".repeat(1_000)],
  [
    "cut before its length",
    (_, r) => {
      r.writeHead(200, { "content-length": "10" });
      r.write("a.exa", () => r.destroy());
    },
    {},
    "ORIGIN: ECONNRESET.",
    "a.exa",
  ],
  [
    "cut within chunks",
    (_, r) => {
      r.write("a.exa", () => r.destroy());
    },
    {},
    "ORIGIN: ECONNRESET.",
    "a.exa",
  ],
  ["no answer", () => undefined, {}, "ORIGIN: no answer within 300 ms.", ""],
  ["silence within the body", (_, r) => void r.write("a"), {}, "ORIGIN: no octet within 300 ms.", "a"],
  ["not HTTP", (request) => void request.socket.end("SSH-2.0-x\r\n\r\n"), {}, "ORIGIN: HPE_INVALID_CONSTANT.", ""],
  [
    "a head that is too large",
    (_, r) => r.writeHead(200, { x: "y".repeat(20_000) }).end(),
    {},
    "ORIGIN: HPE_HEADER_OVERFLOW.",
    "",
  ],
  [
    "an upgrade unasked",
    (request) =>
      void request.socket.end("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    {},
    "ORIGIN: the request failed.",
    "",
  ],
  [
    "both framings",
    (request) =>
      void request.socket.end("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    {},
    "ORIGIN: HPE_INVALID_TRANSFER_ENCODING.",
    "",
  ],
  [
    "to the end of the connection",
    (request) => void request.socket.end("HTTP/1.1 200 OK\r\n\r\na.example\n"),
    {},
    "ORIGIN: the answer does not say where it ends.",
    "",
  ],
  ["another CA", feedText("x"), { ca: undefined }, "ORIGIN: UNABLE_TO_VERIFY_LEAF_SIGNATURE.", ""],
  ["a CA that is none", feedText("x"), { ca: "no certificate" }, "The certificates for ORIGIN cannot be read.", ""],
  ["an empty CA", feedText("x"), { ca: "" }, "The certificates for ORIGIN cannot be read.", ""],
  [
    "a name without addresses",
    feedText("x"),
    { resolve: async () => fail({ reason: "dns_failure", detail: "" }) },
    "ORIGIN: ENOTFOUND.",
    "",
  ],
];

for (const [name, handler, changes, expected, text] of rows) {
  test(`getFeed: ${name}`, async () => {
    server.answer(handler);
    const got = await get(changes);
    const shown = got.answer.ok
      ? got.answer.value
      : got.answer.problem.replace(`https://feeds.test:${server.port}`, "ORIGIN");
    assert.deepEqual({ answer: shown, text: got.text }, { answer: expected, text });
  });
}

test("getFeed ends what drips without end, and what never ends", async () => {
  server.answer((_, response) => {
    const timer = setInterval(() => response.write("x"), 50);
    response.on("close", () => clearInterval(timer));
  });
  const drip = await get();
  assert.ok(!drip.answer.ok && drip.answer.problem.endsWith("not whole within 600 ms."));
  server.answer((_, response) => {
    const more = (): void => {
      while (response.write("a.example\n".repeat(100)) && !response.destroyed);
    };
    response.on("drain", more);
    more();
  });
  const endless = await get();
  assert.ok(!endless.answer.ok && endless.answer.problem.endsWith("more than 1000 octets."));
});

test("getFeed tells its path to nobody, asks for no coding and sends an ETag only where it has one", async () => {
  server.answer(feedText("x"));
  const endpoint = server.url("/list.txt?token=secret");
  await get({ endpoint, etag: '"v1"' });
  const head = server.requests.at(-1);
  assert.equal(head?.url, "/list.txt?token=secret");
  const { host, "if-none-match": etag, "accept-encoding": coding, authorization, cookie } = head.headers;
  assert.deepEqual(
    [host, etag, coding, authorization, cookie],
    [`feeds.test:${server.port}`, '"v1"', "identity", undefined, undefined],
  );
  await get({ endpoint });
  assert.equal(server.requests.at(-1)?.headers["if-none-match"], undefined);
  server.answer((_, response) => response.writeHead(500).end("secret"));
  const failed = await get({ endpoint });
  assert.ok(!failed.answer.ok && !failed.answer.problem.includes("secret"));
});

test("getFeed ends with its taker's sentence, and with its signal", async () => {
  server.answer(feedText("x"));
  assert.deepEqual((await get({}, async () => "enough")).answer, fail("enough"));
  const stopped = await getFeed(
    {
      endpoint: server.url(),
      ca: testCa().certificatePem,
      resolve: toLoopback,
      deadlines: DEADLINES,
      maximumBytes: 9,
      etag: undefined,
    },
    async () => undefined,
    AbortSignal.abort(),
  );
  assert.ok(!stopped.ok && stopped.problem.endsWith("given up."));
});

test("getFeed checks certificates whatever the environment says, and speaks http where it is told to", async (t) => {
  server.answer(feedText("x"));
  const given = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  t.after(() => {
    if (given === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = given;
  });
  assert.ok(!(await get({ ca: undefined })).answer.ok);
  await using plain = await feedServer(feedText("plain"), "http");
  assert.equal((await get({ endpoint: plain.url() })).text, "plain");
});
