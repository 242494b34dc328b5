import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connectionOptions,
  dashed,
  endToEndFields,
  fieldValues,
  judgedValues,
} from "../../../../router/core/wire/fields.ts";
import { cpuMillis } from "./cpu-time.ts";
import { headOf } from "./head-of.ts";

test("fieldValues: every line of the name in order, never joined", () => {
  const head = headOf("GET / HTTP/1.1", "Host: a", "X: 1", "host: b", "x:2, 3");
  assert.deepEqual(fieldValues(head, "host"), ["a", "b"]);
  assert.deepEqual(fieldValues(head, "x"), ["1", "2, 3"]);
  assert.deepEqual(fieldValues(head, "y"), []);
});

test("judgedValues: a field that CGI origins read under the same name counts beside it, and alone for nothing", () => {
  const head = headOf("GET / HTTP/1.1", "X-Tenant: a", "X_Tenant: b", "x-other_name: c", "X-Mine: d", "X-Plain: e");
  assert.deepEqual(judgedValues(head, "x-tenant"), ["a", "b"]);
  assert.deepEqual(judgedValues(head, "x-other-name"), []);
  assert.deepEqual(judgedValues(head, "x-other_name"), ["c"]);
  assert.deepEqual(judgedValues(head, "x-mine"), ["d"]);
  assert.deepEqual(["x_api_key", "x-api-key", "_"].map(dashed), ["x-api-key", "x-api-key", "-"]);
});

const removal: readonly (readonly [name: string, fields: readonly string[], left: readonly string[]])[] = [
  ["nothing to remove", ["Host: a", "Accept: b", "Cookie: c"], ["Host", "Accept", "Cookie"]],
  [
    "fields of this hop",
    [
      "Connection: close",
      "Keep-Alive: timeout=5",
      "TE: trailers",
      "Trailer: X",
      "Transfer-Encoding: chunked",
      "Upgrade: websocket",
      "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
      "Host: a",
    ],
    ["Host"],
  ],
  [
    "fields for the proxy, credentials among them",
    [
      "Proxy-Authorization: Basic eA==",
      "Proxy-Authenticate: Basic",
      "Proxy-Connection: keep-alive",
      "proxy-x: y",
      "X-Proxy: z",
    ],
    ["X-Proxy"],
  ],
  ["nominated fields", ["Connection: X-Hop, x-other", "x-hop: 1", "X-OTHER: 2", "X-Stays: 3"], ["X-Stays"]],
  // Of this hop, and so removed from a response; a request with it is refused by forwardRequest.
  [
    "Transfer-Encoding, which is of this hop",
    ["Connection: Transfer-Encoding", "Transfer-Encoding: chunked", "A: 1"],
    ["A"],
  ],
  [
    "nominated over two lines, with empty elements",
    ["Connection: , X-A ,", "Connection:\tx-b", "X-A: 1", "X-B: 2", "X-C: 3"],
    ["X-C"],
  ],
  [
    "the same as CGI origins read names",
    [
      "Connection: x-hop",
      "Transfer_Encoding: chunked",
      "keep_alive: 1",
      "Proxy_Authorization: x",
      "X_Hop: 1",
      "X_Y: 2",
    ],
    ["X_Y"],
  ],
  ["the order and the spelling stay", ["b: 1", "A: 2", "B: 3"], ["b", "A", "B"]],
];

for (const [name, fields, left] of removal) {
  test(`endToEndFields: ${name}`, () => {
    const result = endToEndFields(headOf("GET / HTTP/1.1", ...fields));
    assert.ok(result.ok);
    assert.deepEqual(
      result.value.map(({ rawName }) => rawName),
      left,
    );
  });
}

test("connectionOptions: lower-cased, from all lines", () => {
  const options = connectionOptions(headOf("GET / HTTP/1.1", "Connection: Keep-Alive, UPGRADE", "Connection: X"));
  assert.ok(options.ok);
  assert.deepEqual([...options.value], ["keep-alive", "upgrade", "x"]);
});

const NOT_ITS = "The Connection field names a field that is not its to remove.";
const NO_LIST = "The Connection field is not a list of tokens.";

const refused: readonly (readonly [value: string, problem: string])[] = [
  ...[
    "host",
    "Host",
    "content-length",
    "authorization",
    "Cookie",
    "X-Api-Key",
    "content-type",
    "x-forwarded-for",
    "if-none-match",
    "range",
    "expect",
    "sec-websocket-key",
    "via",
    "origin",
    "sluice-request-id",
    "close, authorization",
    "keep-alive,\tHOST",
  ].map((value) => [value, NOT_ITS] as const),
  ["close; x", NO_LIST],
  ["a b", NO_LIST],
  ['"close"', NO_LIST],
  ["close\u00a0", NO_LIST],
  ["x:y", NO_LIST],
];

for (const [value, problem] of refused) {
  test(`INV-WIRE-HOP-BY-HOP: Connection: ${JSON.stringify(value)} is refused, not obeyed`, () => {
    const head = headOf("GET / HTTP/1.1", `Connection: ${value}`);
    assert.deepEqual(connectionOptions(head), { ok: false, problem });
    assert.deepEqual(endToEndFields(head), { ok: false, problem });
  });
}

test("a long Connection field is read in linear time", () => {
  for (const value of [`a${" ".repeat(500_000)}b`, ",".repeat(500_000), "x,".repeat(250_000)]) {
    const fields = [{ name: "connection", value, rawName: "Connection" }];
    assert.ok(cpuMillis(() => connectionOptions({ fields })) < 1_000, value.slice(0, 10));
  }
});
