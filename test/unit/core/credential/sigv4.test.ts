import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { awsKeys, parseAwsKeys } from "../../../../router/core/credential/aws-keys.ts";
import { canonicalRequest, type SignablePart } from "../../../../router/core/credential/sigv4-canonical.ts";
import {
  authorization,
  signedHeadersOf,
  type SigningHashes,
  signingKey,
} from "../../../../router/core/credential/sigv4.ts";

const vectors = new URL("../../../vectors/sigv4/", import.meta.url);
const read = (name: string) => JSON.parse(readFileSync(new URL(name, vectors), "utf8"));
const sha256 = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");
const hashes: SigningHashes = {
  sha256,
  hmac: (key, text) => createHmac("sha256", key).update(text, "utf8").digest(),
};

test("the requests of the AWS Signature Version 4 Test Suite are signed as it says", () => {
  const suite = read("vectors.json");
  assert.equal(suite.tests.length, 16);
  const scope = { day: "20150830", region: suite.region, service: suite.service };
  const key = signingKey(hashes, suite.secretAccessKey, scope);
  for (const { body, creq, creqSha256, headers, method, name, path, query, signature } of suite.tests) {
    const request: SignablePart = {
      method,
      path,
      query,
      headers: headers.map(([header, value]: [string, string]) => [header.toLowerCase(), value]),
      bodySha256: sha256(body),
    };
    const canonical = canonicalRequest(request);
    assert.ok(canonical.ok, name);
    assert.equal(canonical.value.text, creq, name);
    if (creqSha256 !== undefined) assert.equal(sha256(canonical.value.text), creqSha256, name);
    const signed = authorization(hashes, request, "20150830T123600Z", suite.accessKeyId, scope, key);
    assert.ok(signed.ok, name);
    assert.equal(
      signed.value,
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ` +
        `SignedHeaders=${canonical.value.signedHeaders}, Signature=${signature}`,
      name,
    );
  }
});

test("requests to Bedrock are signed as another implementation signs them: path segments escaped once more", () => {
  const example = read("bedrock.json");
  assert.equal(example.requests.length, 3);
  for (const { authorization: expected, body, canonical, date, host, name, path, query, token } of example.requests) {
    const scope = { day: date.slice(0, 8), region: example.region, service: "bedrock" };
    const keys = awsKeys(example.accessKeyId, example.secretAccessKey, token === "" ? undefined : token);
    assert.ok(keys.ok);
    const request: SignablePart = {
      method: "POST",
      path,
      query,
      headers: [
        ["host", host],
        ["content-type", "application/json"],
      ],
      bodySha256: sha256(body),
    };
    const key = signingKey(hashes, example.secretAccessKey, scope);
    const signed = signedHeadersOf(hashes, request, date, keys.value, scope, key);
    assert.ok(signed.ok, name);
    assert.deepEqual(
      signed.value,
      [
        ["x-amz-content-sha256", sha256(body)],
        ["x-amz-date", date],
        ...(token === "" ? [] : [["x-amz-security-token", token]]),
        ["authorization", expected],
      ],
      name,
    );
    const again = canonicalRequest({ ...request, headers: [...request.headers, ...signed.value.slice(0, -1)] });
    assert.ok(again.ok && again.value.text === canonical, name);
  }
});

test("a request that cannot be signed without doubt is refused with its reason", () => {
  const good: SignablePart = {
    method: "POST",
    path: "/model/m/converse",
    query: "",
    headers: [["host", "bedrock-runtime.us-east-1.amazonaws.com"]],
    bodySha256: sha256(""),
  };
  assert.ok(canonicalRequest(good).ok);
  const path = "The path cannot be signed.";
  const query = "The query cannot be signed.";
  const headers = "The headers cannot be signed.";
  const rows: readonly (readonly [name: string, change: Partial<SignablePart>, problem: string])[] = [
    ["a path up", { path: "/model/../x" }, path],
    ["a path that stays", { path: "/./x" }, path],
    ["two slashes", { path: "/model//x" }, path],
    ["no slash", { path: "model" }, path],
    ["no path", { path: "" }, path],
    ["half a surrogate pair in the path", { path: "/\ud800" }, path],
    ["a path of 20,000", { path: `/${"a".repeat(20_000)}` }, path],
    ["a plus in the query", { query: "a=1+1" }, query],
    ["half an escape in the query", { query: "a=%4" }, query],
    ["an escape that is no UTF-8", { query: "a=%ff" }, query],
    ["a parameter without a name", { query: "=1" }, query],
    ["an empty parameter", { query: "a=1&&b=2" }, query],
    ["a thousand parameters", { query: "a&".repeat(1_000) }, query],
    ["no host", { headers: [] }, headers],
    ["two hosts", { headers: [...good.headers, ...good.headers] }, headers],
    ["an upper-case name", { headers: [...good.headers, ["X-a", "1"]] }, headers],
    ["an empty name", { headers: [...good.headers, ["", "1"]] }, headers],
    ["a line end in a value", { headers: [...good.headers, ["x-a", "1\nhost:evil"]] }, headers],
    ["an octet beyond ASCII in a value", { headers: [...good.headers, ["x-a", "\u00e9"]] }, headers],
    [
      "a hundred headers",
      { headers: [...good.headers, ...Array.from({ length: 100 }, () => ["x-a", "1"] as const)] },
      headers,
    ],
    ["a method in lower case", { method: "post" }, "The method cannot be signed."],
    ["a method with a line end", { method: "POST\n" }, "The method cannot be signed."],
    ["no digest", { bodySha256: "UNSIGNED-PAYLOAD" }, "The body's digest is none."],
    ["a digest in upper case", { bodySha256: sha256("").toUpperCase() }, "The body's digest is none."],
  ];
  for (const [name, change, problem] of rows) {
    assert.deepEqual(canonicalRequest({ ...good, ...change }), { ok: false, problem }, name);
  }
  const keys = awsKeys("AKIDEXAMPLEEXAMPLE", "s".repeat(40), undefined);
  assert.ok(keys.ok);
  const scope = { day: "20260101", region: "us-east-1", service: "bedrock" };
  for (const name of ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"]) {
    const signed = { ...good, headers: [...good.headers, [name, "x"] as const] };
    assert.deepEqual(signedHeadersOf(hashes, signed, "20260101T000000Z", keys.value, scope, new Uint8Array(32)), {
      ok: false,
      problem: "The request is signed already.",
    });
  }
});

test("a file of AWS keys is taken as a whole or not at all", () => {
  const id = "AKIAIOSFODNN7EXAMPLE";
  const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  const token = "IQoJb3JpZ2luX2VjE//==abc";
  const form = "Needed are an access key id, a secret access key and perhaps a session token, a line each.";
  const rows: readonly (readonly [text: string, expected: unknown])[] = [
    [`${id}\n${secret}`, { accessKeyId: id, secretAccessKey: secret, sessionToken: undefined }],
    [`${id}\r\n${secret}\r\n${token}`, { accessKeyId: id, secretAccessKey: secret, sessionToken: token }],
    [id, form],
    [`${id}\n${secret}\n${token}\nmore`, form],
    ["", form],
    [`${id}\n${secret}\n`, "The session token is none."],
    [`${secret}\n${id}`, "The access key id is none."],
    [`aws_access_key_id=${id}\n${secret}`, "The access key id is none."],
    [`${id}\n${secret}\u0000`, "The secret access key is none."],
    [`${id}\n${secret}\n${token}\u00e9`, "The session token is none."],
    [`${id}\n${"s".repeat(200)}`, "The secret access key is none."],
    [`${id}\n${secret}\n${"t".repeat(9_000)}`, "The session token is none."],
  ];
  for (const [text, expected] of rows) {
    const parsed = parseAwsKeys(text);
    const wanted = typeof expected === "string" ? { ok: false, problem: expected } : { ok: true, value: expected };
    assert.deepEqual(parsed, wanted, JSON.stringify(text.slice(0, 60)));
  }
});
