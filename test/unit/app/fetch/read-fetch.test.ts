import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bytes, millis } from "../../../../router/core/base/quantity.ts";
import type { Json } from "../../../../router/core/json/json.ts";
import type { FetchSettings } from "../../../../router/app/fetch/fetch-rooms.ts";
import { type FetchAsk, readFetch } from "../../../../router/app/fetch/read-fetch.ts";

const settings: FetchSettings = {
  enabled: true,
  requestBytes: bytes(64),
  answerBytes: bytes(1_024),
  redirects: 5,
  timeout: millis(30_000),
  concurrent: 8,
};
const URL_ = "https://a.example/x";

function read(members: Readonly<Record<string, Json>>): ReturnType<typeof readFetch> {
  return readFetch(new Map(Object.entries({ url: URL_, ...members })), settings);
}

function asked(members: Readonly<Record<string, Json>>): FetchAsk {
  const ask = read(members);
  assert.ok(ask.ok, ask.ok ? "" : ask.problem.message);
  return ask.value;
}

test("what is not said is as much as may be, and what only we say is said", () => {
  const { first, ...bounds } = asked({});
  assert.deepEqual(bounds, { redirects: 5, timeout: 30_000, answerBytes: 1_024 });
  assert.deepEqual([first.method, first.body], ["GET", undefined]);
  assert.deepEqual(
    first.fields.map(({ name, value }) => `${name}: ${value}`),
    ["accept: */*", "user-agent: sluice-fetch", "accept-encoding: identity"],
  );
});

test("the agent's own are kept as they are", () => {
  const { first, redirects, timeout, answerBytes } = asked({
    method: "PATCH",
    headers: { Authorization: "Bearer x", "User-Agent": "me", Accept: "a/b", "X-Two": "" },
    body: "\u00fc\n",
    redirects: 0,
    timeoutMs: 1,
    answerBytes: 0,
  });
  assert.deepEqual([first.method, redirects, timeout, answerBytes], ["PATCH", 0, 1, 0]);
  assert.deepEqual(
    first.fields.map(({ rawName, value }) => `${rawName}: ${value}`),
    ["Authorization: Bearer x", "User-Agent: me", "Accept: a/b", "X-Two: ", "accept-encoding: identity"],
  );
  assert.deepEqual([...(first.body ?? [])], [0xc3, 0xbc, 0x0a]);
});

test("base64 is octets", () => {
  assert.deepEqual([...(asked({ method: "POST", bodyBase64: "AP/+" }).first.body ?? [])], [0, 255, 254]);
  assert.equal(asked({ method: "POST", bodyBase64: "" }).first.body?.length, 0);
});

const malformed: readonly (readonly [what: string, members: Readonly<Record<string, Json>>, problem: RegExp])[] = [
  ["no URL", { url: null }, /url is a text/],
  ["a list of URLs", { url: [URL_] }, /url is a text/],
  ["a fragment", { url: `${URL_}#x` }, /fragment/],
  ["a small method", { method: "get" }, /method/],
  ["a method with a blank", { method: "GET /x" }, /method/],
  ["no method", { method: "" }, /method/],
  ["null as method", { method: null }, /method/],
  ["CONNECT", { method: "CONNECT" }, /method/],
  ["TRACE", { method: "TRACE" }, /method/],
  ["a long method", { method: "A".repeat(33) }, /method/],
  ["headers in a list", { headers: [["a", "b"]] }, /headers is an object/],
  ["headers of null", { headers: null }, /headers is an object/],
  ["a number as a header", { headers: { a: 1 } }, /value of a header/],
  ["a list as a header", { headers: { a: ["b"] } }, /value of a header/],
  ["a line end in a header", { headers: { a: "b\r\nc: d" } }, /value of a header/],
  ["a header that is not ASCII", { headers: { a: "\u00fc" } }, /value of a header/],
  ["a blank behind a header", { headers: { a: "b " } }, /value of a header/],
  ["a line end in a name", { headers: { "a\r\nb": "c" } }, /token/],
  ["a colon in a name", { headers: { "a:": "c" } }, /token/],
  ["a name of nothing", { headers: { "": "c" } }, /token/],
  ["a name twice", { headers: { a: "b", A: "c" } }, /twice/],
  ["many headers", { headers: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`a${at}`, ""])) }, /at most/],
  ["a long header", { headers: { a: "x".repeat(8_193) } }, /value of a header/],
  [
    "long headers",
    { headers: Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`a${at}`, "x".repeat(8_000)])) },
    /at most/,
  ],
  ["two bodies", { method: "POST", body: "", bodyBase64: "" }, /either/],
  ["a GET with a body", { body: "x" }, /no body/],
  ["a HEAD with an empty body", { method: "HEAD", body: "" }, /no body/],
  ["a body of JSON", { method: "POST", body: { a: 1 } }, /body is a text/],
  ["a body of null", { method: "POST", body: null }, /body is a text/],
  ["half a surrogate pair", { method: "POST", body: "\ud800" }, /body is a text/],
  ["base64 without padding", { method: "POST", bodyBase64: "AA" }, /base64/],
  ["base64 with bits thrown away", { method: "POST", bodyBase64: "AB==" }, /base64/],
  ["base64 with a line end", { method: "POST", bodyBase64: "AAAA\n" }, /base64/],
  ["base64 for URLs", { method: "POST", bodyBase64: "-_-_" }, /base64/],
  ["a number as base64", { method: "POST", bodyBase64: 1 }, /base64/],
  ["more redirects than may be", { redirects: 6 }, /redirects is a whole number from 0 to 5/],
  ["half a redirect", { redirects: 0.5 }, /redirects/],
  ["fewer than none", { redirects: -1 }, /redirects/],
  ["redirects as text", { redirects: "1" }, /redirects/],
  ["no time", { timeoutMs: 0 }, /timeoutMs/],
  ["more time than may be", { timeoutMs: 30_001 }, /timeoutMs/],
  ["an answer longer than may be", { answerBytes: 1_025 }, /answerBytes/],
  ["an answer below nothing", { answerBytes: -1 }, /answerBytes/],
];

describe("a fetch that is malformed", () => {
  for (const [what, members, problem] of malformed) {
    test(what, () => {
      const ask = read(members);
      assert.ok(!ask.ok);
      assert.equal(ask.problem.reason, "malformed_request");
      assert.match(ask.problem.message, problem);
    });
  }

  const names = [
    ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer", "Upgrade", "Expect"],
    ["Proxy-Authorization", "Proxy-Connection", "Proxy", "HTTP2-Settings", "Accept-Encoding", "Via", "Forwarded"],
    [
      "Sec-Fetch-Site",
      "sec-websocket-key",
      "Sluice-Request-Id",
      "X-HTTP-Method-Override",
      "X_Original-URL",
      "transfer_encoding",
    ],
  ].flat();
  for (const name of names) {
    test(`the header ${name}`, () => {
      const ask = read({ headers: { [name]: "x" } });
      assert.ok(!ask.ok);
      assert.match(ask.problem.message, /not the agent's/);
    });
  }
});

test("a body that is too long is so by its octets", () => {
  for (const body of ["x".repeat(65), "\u00fc".repeat(33)]) {
    const ask = read({ method: "POST", body });
    assert.equal(ask.ok ? "" : ask.problem.reason, "request_too_large");
  }
  assert.equal(asked({ method: "POST", body: "\u00fc".repeat(32) }).first.body?.length, 64);
  const long = read({ method: "POST", bodyBase64: Buffer.alloc(65).toString("base64") });
  assert.equal(long.ok ? "" : long.problem.reason, "request_too_large");
});

test("a megabyte of base64 is read in linear time, whatever is wrong with it", () => {
  const began = performance.now();
  for (const text of ["A".repeat(4_000_001), `${"A".repeat(4_000_000)}!`, "=".repeat(4_000_000)]) {
    assert.equal(read({ method: "POST", bodyBase64: text }).ok, false);
  }
  assert.ok(performance.now() - began < 1_000);
});
