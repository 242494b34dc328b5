import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fieldOf } from "../../../../router/app/fetch/fetch-fields.ts";
import { nextStep } from "../../../../router/app/fetch/next-step.ts";
import type { FetchStep } from "../../../../router/app/fetch/read-fetch.ts";
import { formatFetchUrl, parseFetchUrl } from "../../../../router/core/wire/fetch-url.ts";

const FIELDS = [
  fieldOf("authorization", "Bearer a"),
  fieldOf("cookie", "a=b"),
  fieldOf("x-api-key", "k"),
  fieldOf("private-token", "t"),
  fieldOf("content-type", "text/plain"),
  fieldOf("accept", "*/*"),
  fieldOf("user-agent", "me"),
  fieldOf("accept-encoding", "identity"),
];

function step(method: string, url = "https://a.example/x"): FetchStep {
  const parsed = parseFetchUrl(url);
  assert.ok(parsed.ok);
  const hasBody = method !== "GET" && method !== "HEAD";
  return { url: parsed.value, method, fields: FIELDS, body: hasBody ? Buffer.from("body") : undefined };
}

function next(from: FetchStep, status: number, ...locations: readonly string[]): ReturnType<typeof nextStep> {
  return nextStep(from, { status, fields: locations.map((location) => fieldOf("location", location)) });
}

const rewritten: readonly (readonly [status: number, method: string, becomes: string])[] = [
  [301, "GET", "GET"],
  [301, "HEAD", "HEAD"],
  [301, "POST", "GET"],
  [301, "PUT", "PUT"],
  [302, "POST", "GET"],
  [302, "DELETE", "DELETE"],
  [303, "GET", "GET"],
  [303, "HEAD", "HEAD"],
  [303, "POST", "GET"],
  [303, "PUT", "GET"],
  [303, "DELETE", "GET"],
  [307, "POST", "POST"],
  [308, "POST", "POST"],
  [308, "PUT", "PUT"],
];

describe("the method behind a redirect", () => {
  for (const [status, method, becomes] of rewritten) {
    test(`${status} of ${method} is ${becomes}`, () => {
      const followed = next(step(method), status, "/y");
      assert.ok(followed.ok && followed.value !== undefined);
      const { value } = followed;
      assert.equal(value.method, becomes);
      assert.equal(formatFetchUrl(value.url), "https://a.example/y");
      const keeps = becomes === method && method !== "GET" && method !== "HEAD";
      assert.equal(value.body === undefined, !keeps, "a body goes only where the method does");
      const isRewritten = becomes !== method;
      assert.equal(
        value.fields.some(({ name }) => name === "content-type"),
        !isRewritten,
      );
    });
  }
});

describe("what goes to another origin", () => {
  const others = ["https://b.example/x", "https://a.example:8443/x", "https://sub.a.example/x", "//b.example"];
  for (const location of others) {
    test(`${location}: nothing that could be a credential`, () => {
      const followed = next(step("POST"), 308, location);
      assert.ok(followed.ok);
      assert.deepEqual(
        followed.value?.fields.map(({ name }) => name),
        ["content-type", "accept", "user-agent", "accept-encoding"],
      );
    });
  }

  test("nor when it leads back", () => {
    const away = next(step("GET"), 302, "https://b.example/");
    assert.ok(away.ok && away.value !== undefined);
    const back = next(away.value, 302, "https://a.example/x");
    assert.ok(back.ok);
    assert.ok(back.value?.fields.every(({ name }) => name !== "authorization" && name !== "cookie"));
  });

  test("all of it goes to the same origin, however that is written", () => {
    for (const location of ["/y", "https://A.EXAMPLE:443/y", "//a.example./y"]) {
      const followed = next(step("GET"), 302, location);
      assert.deepEqual(followed.ok ? followed.value?.fields : undefined, FIELDS);
    }
  });
});

describe("what is not followed", () => {
  const refused: readonly (readonly [what: string, from: string, locations: readonly string[], problem: RegExp])[] = [
    ["https to http", "https://a.example/", ["http://a.example/"], /from https to http/],
    ["https to http elsewhere", "https://a.example/", ["http://b.example:443/"], /from https to http/],
    ["two places", "https://a.example/", ["/x", "/y"], /more than one/],
    ["the same place twice", "https://a.example/", ["/x", "/x"], /more than one/],
    ["a file", "http://a.example/", ["file:///etc/passwd"], /http or https/],
    ["data", "http://a.example/", ["data:text/plain,x"], /absolute URL/],
    ["user information", "http://a.example/", ["http://a@b.example/"], /User information/],
    ["an address in another spelling", "http://a.example/", ["http://0x7f.1/"], /number/],
  ];
  for (const [what, from, locations, problem] of refused) {
    test(what, () => {
      const followed = next(step("GET", from), 302, ...locations);
      assert.match(followed.ok ? "followed" : followed.problem, problem);
    });
  }

  test("an answer without a Location, or of another status, is the answer", () => {
    assert.deepEqual(next(step("GET"), 302), { ok: true, value: undefined });
    for (const status of [200, 201, 204, 300, 304, 305, 306, 309, 400, 500]) {
      assert.deepEqual(next(step("GET"), status, "https://b.example/"), { ok: true, value: undefined }, String(status));
    }
  });

  test("http may lead to https", () => {
    const followed = next(step("GET", "http://a.example/"), 301, "https://a.example/");
    assert.equal(
      followed.ok && followed.value !== undefined ? formatFetchUrl(followed.value.url) : "",
      "https://a.example/",
    );
  });
});
