import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { createFetch } from "../../router/app/fetch/create-fetch.ts";
import { fetchAnswer } from "../../router/app/fetch/fetch-answer.ts";
import { fieldOf } from "../../router/app/fetch/fetch-fields.ts";
import type { FetchRooms, FetchSettings } from "../../router/app/fetch/fetch-rooms.ts";
import { readFetch } from "../../router/app/fetch/read-fetch.ts";
import { bytes, millis } from "../../router/core/base/quantity.ts";
import { REASONS } from "../../router/core/base/reason.ts";
import type { Json } from "../../router/core/document/shape.ts";
import { parseFetchUrl } from "../../router/core/wire/fetch-url.ts";
import { refusalResponse } from "../../router/edge/listeners/refusal.ts";
import { satisfiesSchema } from "./policies/satisfies-schema.ts";

/** The file that clients are written by says what the router does, no more and no less. */
type Map_ = { readonly [name: string]: Json };

const file = parse(readFileSync("openapi/fetch.yaml", "utf8")) as Json;

function at(value: Json | undefined, ...names: readonly string[]): Json {
  let found = value;
  for (const name of names) found = isMap(found) ? found[name] : undefined;
  assert.ok(found !== undefined, `nothing at ${names.join("/")}`);
  return found;
}

function map(value: Json): Map_ {
  assert.ok(isMap(value));
  return value;
}

function isMap(value: Json | undefined): value is Map_ {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same without references. */
function whole(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => whole(item));
  if (!isMap(value)) return value;
  const reference = value["$ref"];
  if (typeof reference === "string") return whole(at(file, ...reference.slice(2).split("/")));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, whole(inner)]));
}

const settings: FetchSettings = {
  enabled: true,
  requestBytes: bytes(1_024),
  answerBytes: bytes(Number.MAX_SAFE_INTEGER),
  redirects: Number.MAX_SAFE_INTEGER,
  timeout: millis(Number.MAX_SAFE_INTEGER),
  concurrent: 8,
};
const question = map(whole(at(file, "components", "schemas", "Question")));
const properties = map(at(question, "properties"));
const URL_ = "https://a.example/x";

test("openapi, fetch: its path is the router's", () => {
  const fetch = createFetch({ settings } as FetchRooms);
  assert.deepEqual(
    Object.keys(map(at(file, "paths"))).map((path) => fetch.serves(path)),
    [true],
  );
  assert.deepEqual(Object.keys(map(at(file, "paths", "/egress/v1/fetch"))), ["post"]);
});

/** Values at and beyond each bound, and of every other type. */
const VALUES: readonly Json[] = [null, true, false, 0, 1, -1, 1.5, 2 ** 53 - 1, [], ["a"], {}, { a: "b" }, { a: 1 }];
const LONG: readonly Json[] = [{ a: "x".repeat(8_192) }, { a: "x".repeat(8_193) }];
const TEXTS = [
  "",
  "x",
  "GET",
  "get",
  "POST",
  "A".repeat(32),
  "A".repeat(33),
  "M-SEARCH",
  "A B",
  "AAAA",
  "AP8=",
  "AAAA\n",
  "-_-_",
];
const URLS =
  "http://a.example HTTPS://a.example/?x ftp://a.example/ //a.example/ http://u@a.example/ http://a.example/#x";
const LONGEST = [8_175, 8_176].map((length) => `http://a.example/${"x".repeat(length)}`);
const CANDIDATES: readonly Json[] = [...VALUES, ...LONG, ...TEXTS, ...URLS.split(" "), ...LONGEST];

describe("openapi, fetch: a member has the bounds that are read", () => {
  for (const [name, property] of Object.entries(properties)) {
    test(name, () => {
      for (const value of CANDIDATES) {
        // What of these no pattern says: octets that padding does not end, and what is no text of HTTP.
        if ((name === "bodyBase64" && ["x", "GET", "get", "A".repeat(33)].includes(value as string)) || name === "body")
          continue;
        const others = { url: URL_, ...(name === "bodyBase64" ? { method: "POST" } : {}) };
        const members = new Map(Object.entries({ ...others, [name]: value }));
        const read = readFetch(members, settings);
        const shown = JSON.stringify(value).slice(0, 40);
        assert.equal(read.ok, satisfiesSchema(property, value), `${shown}: ${read.ok ? "read" : read.problem.message}`);
      }
    });
  }

  test("and there are no others", () => {
    const names = ["url", "method", "headers", "body", "bodyBase64", "redirects", "timeoutMs", "answerBytes"];
    assert.deepEqual(Object.keys(properties).toSorted(), names.toSorted());
  });
});

const post = map(whole(at(file, "paths", "/egress/v1/fetch", "post")));
const asked = at(post, "requestBody", "content", "application/json");
for (const [name, example] of Object.entries(map(at(asked, "examples")))) {
  const refused = name.startsWith("refused-");
  test(`openapi, fetch: the example ${name} is ${refused ? "refused" : "accepted"}`, () => {
    const value = map(at(example, "value"));
    assert.equal(satisfiesSchema(at(asked, "schema"), value), !refused);
    const known = Object.keys(value).every((member) => Object.hasOwn(properties, member));
    assert.equal(known && readFetch(new Map(Object.entries(value)), settings).ok, !refused);
  });
}

describe("openapi, fetch: answers", () => {
  const answers = map(at(post, "responses"));
  for (const [status, response] of Object.entries(answers)) {
    const described = at(response, "content", "application/json");
    for (const [name, example] of Object.entries(map(at(described, "examples")))) {
      test(`the example ${name} of ${status} is one`, () =>
        assert.ok(satisfiesSchema(at(described, "schema"), at(example, "value"))));
    }
  }

  test("what is answered is described", () => {
    const url = parseFetchUrl(URL_);
    assert.ok(url.ok);
    const schema = at(answers["200"], "content", "application/json", "schema");
    const passed = [{ status: 301, url: url.value, request: "r-1" }];
    for (const content of ["text", "\0"]) {
      const fields = [fieldOf("a", "b"), fieldOf("a", "c")];
      const answer = fetchAnswer({ status: 200, fields, content: [Buffer.from(content)] }, url.value, passed);
      assert.ok(satisfiesSchema(schema, JSON.parse(Buffer.concat([...answer.pieces()]).toString()) as Json));
    }
  });

  test("each reason is described, with its status", () => {
    const schema = at(answers["403"], "content", "application/json", "schema");
    assert.deepEqual(whole(at(file, "components", "schemas", "Reason", "enum")), Object.keys(REASONS));
    for (const reason of Object.keys(REASONS) as (keyof typeof REASONS)[]) {
      const text = refusalResponse({ reason, request: "r-1", rule: undefined, policy: undefined }, false);
      assert.ok(satisfiesSchema(schema, JSON.parse(text.split("\r\n\r\n")[1] ?? "") as Json), reason);
      // 421 is of doors that have a Host or an SNI.
      const { status } = REASONS[reason];
      assert.ok(status === 421 || Object.hasOwn(answers, String(status)), `${status} of ${reason}`);
    }
  });
});
