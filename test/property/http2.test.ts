import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { http2Request, http2RequestTrailers } from "../../router/app/inspection/http2-request.ts";
import { http2AnswerFields, http2ResponseHead } from "../../router/edge/upstream/http2-response.ts";
import { parseAuthority } from "../../router/core/wire/authority.ts";

const limits = { headBytes: 16_384, fieldCount: 100, lineBytes: 8_192 };
const parsed = parseAuthority("origin.test:443", undefined);
if (!parsed.ok) throw new Error(parsed.problem);
const authority = parsed.value;

const names = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(":method", ":scheme", ":authority", ":path") },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ":status",
      ":protocol",
      "host",
      "cookie",
      "te",
      "expect",
      "content-length",
      "connection",
      "upgrade",
      "x-http-method-override",
      "proxy-authorization",
      "transfer-encoding",
      "x-a",
      "authorization",
      "X-A",
      "",
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
);
const values = fc.oneof(
  fc.constantFrom(
    "GET",
    "POST",
    "https",
    "origin.test",
    "other.test",
    "/",
    "/a/../b",
    "trailers",
    "5",
    "100-continue",
    "CONNECT",
  ),
  fc.string({ maxLength: 20, unit: "binary" }),
  fc.string({ maxLength: 20 }),
);
const lines = fc.array(fc.tuple(names, values), { maxLength: 12 }).map((pairs) => pairs.flat());
const likely = fc
  .array(fc.tuple(fc.constantFrom("x-a", "x-b", "cookie", "host", "te", "proxy-x", "x-http-method"), values), {
    maxLength: 5,
  })
  .map((pairs) => pairs.flat());
const wellFormed = fc
  .oneof(lines, likely)
  .map((more) => [":method", "GET", ":scheme", "https", ":authority", "origin.test", ":path", "/"].concat(more));

const NEVER = new Set([
  "host",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "proxy-connection",
  "http2-settings",
  "trailer",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
  "proxy",
]);

function sound(fields: readonly { readonly name: string; readonly value: string }[]): void {
  for (const { name, value } of fields) {
    assert.match(name, /^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
    // What Node writes between the fields of a block must not be in them.
    assert.doesNotMatch(value, /[^\t\u0020-\u007e\u0080-\u00ff]/);
    assert.doesNotMatch(value, /^[ \t]|[ \t]$/);
    assert.equal(NEVER.has(name) || name.startsWith("proxy-"), false, name);
  }
}

test("a request's fields, whatever they are, are refused or sound", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof(lines, wellFormed), (raw) => {
      const request = http2Request(raw, authority, limits);
      if (!request.ok) {
        assert.match(request.problem.detail, /^[ -~]+\.$/);
        return;
      }
      accepted += 1;
      const { http, fields } = request.value;
      sound(fields);
      assert.match(http.method, /^[!#$%&'*+\-.^_`|~0-9A-Z]+$/);
      assert.notEqual(http.method, "CONNECT");
      assert.ok(http.path.startsWith("/"));
      assert.ok(fields.filter(({ name }) => name === "cookie").length <= 1);
      assert.ok(fields.every(({ name, value }) => name !== "te" || value.toLowerCase() === "trailers"));
      // Whatever names a host names this one.
      const named = raw.filter((_, at) => at % 2 === 1 && [":authority", "host"].includes(raw[at - 1] ?? ""));
      assert.ok(
        named.every((text) => /^origin\.test\.?(?::443)?$/i.test(text)),
        named.join(),
      );
    }),
    { numRuns: 3_000, seed: 7 },
  );
  assert.ok(accepted > 200, `${accepted} were accepted`);
});

test("trailers, whatever they are, are sound and of no field of the head", () => {
  fc.assert(
    fc.property(wellFormed, lines, (raw, trailers) => {
      const request = http2Request(raw, authority, limits);
      if (!request.ok) return;
      const passed = http2RequestTrailers(trailers, request.value, ["x-a"], limits);
      sound(passed);
      const taken = new Set(["x-a", ...request.value.fields.map(({ name }) => name)]);
      assert.ok(passed.every(({ name }) => !taken.has(name) && name !== "authorization" && !name.startsWith(":")));
    }),
    { numRuns: 1_500, seed: 7 },
  );
});

test("an answer's fields, whatever they are, are refused or without what only this router says", () => {
  const status = fc.oneof(
    fc.constantFrom("200", "204", "304", "599", "100", "600", "2000", "abc"),
    fc.string({ maxLength: 4 }),
  );
  fc.assert(
    fc.property(status, lines, fc.boolean(), (code, raw, whole) => {
      const head = http2ResponseHead([":status", code, ...raw], whole);
      const trailers = http2AnswerFields(raw);
      for (const fields of [head.ok ? head.value.fields : [], trailers.ok ? trailers.value : []]) {
        for (const { name, value } of fields) {
          assert.doesNotMatch(value, /[\0\r\n]/);
          assert.equal(name.startsWith(":") || name.startsWith("sluice-") || name === "connection", false);
        }
      }
      if (head.ok) assert.ok(head.value.status >= 200 && head.value.status <= 599);
    }),
    { numRuns: 2_000, seed: 7 },
  );
});
