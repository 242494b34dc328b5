import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { assumeRoleRequest, readAssumedRole } from "../../../../router/core/credential/aws-sts.ts";
import { imdsTokenRequest } from "../../../../router/core/credential/azure-imds.ts";
import { azureTokenRequest } from "../../../../router/core/credential/azure-token.ts";
import {
  gcpExchangeRequest,
  gcpImpersonationRequest,
  readGcpExchange,
  readGcpImpersonation,
} from "../../../../router/core/credential/gcp-token.ts";
import { parseStsXml } from "../../../../router/core/credential/sts-xml.ts";
import { readTokenAnswer } from "../../../../router/core/credential/token-answer.ts";
import { ASSERTION, awsSecret, awsSession, stsXml } from "../../../fakes/token-servers.ts";

const TOKEN = "eyJ0eXAiOiJKV1QifQ.payload-_~+/.sig==";
const NOW = epochMillis(Date.parse("2026-11-21T12:00:00Z"));
const good = { access_token: TOKEN, token_type: "Bearer", expires_in: 3599 };

test("INV-MODEL-ISSUED: a token counts only with a type, a life and characters that cannot split a header", () => {
  const unusable = "The answer holds no usable token.";
  const noLife = "The answer does not say how long the token lives.";
  const noObject = "The answer is no JSON object.";
  const rows: readonly (readonly [name: string, body: unknown, expected: string | number, status?: number])[] = [
    ["as RFC 6749 has it", good, 3_599_000],
    ["seconds as a text (IMDS)", { ...good, expires_in: "86399" }, 86_399_000],
    ["a type in lower case", { ...good, token_type: "bearer" }, 3_599_000],
    ["a second", { ...good, expires_in: 1 }, 1_000],
    ["a year is a day", { ...good, expires_in: 31_536_000 }, 86_400_000],
    ["no life", { ...good, expires_in: undefined }, noLife],
    ["none left", { ...good, expires_in: 0 }, noLife],
    ["less than none", { ...good, expires_in: -1 }, noLife],
    ["less than none, as a text", { ...good, expires_in: "-1" }, noLife],
    ["1e99", { ...good, expires_in: 1e99 }, noLife],
    ["1e99 as a text", { ...good, expires_in: "1e99" }, noLife],
    ["NaN as a text", { ...good, expires_in: "NaN" }, noLife],
    ["half a second", { ...good, expires_in: 0.5 }, noLife],
    ["a text with a blank", { ...good, expires_in: " 10" }, noLife],
    ["a list", { ...good, expires_in: [3599] }, noLife],
    ["true", { ...good, expires_in: true }, noLife],
    ["no token", { ...good, access_token: undefined }, unusable],
    ["an empty token", { ...good, access_token: "" }, unusable],
    ["a token with a line end", { ...good, access_token: `${TOKEN}\r\nhost: evil` }, unusable],
    ["a token that ends with a line end", { ...good, access_token: `${TOKEN}\n` }, unusable],
    ["a token with a blank", { ...good, access_token: "abcdefgh ijkl" }, unusable],
    ["a token with NUL", { ...good, access_token: "abcdefgh\u0000" }, unusable],
    ["a token beyond ASCII", { ...good, access_token: "abcdefgh\u0142" }, unusable],
    ["a token of 20,000", { ...good, access_token: "a".repeat(20_000) }, unusable],
    ["a token that is an object", { ...good, access_token: { toString: "x" } }, unusable],
    ["another type", { ...good, token_type: "mac" }, "The token is of an unknown type."],
    ["no type", { ...good, token_type: undefined }, "The token is of an unknown type."],
    ["200 with an error", { ...good, error: "invalid_grant" }, "Status 200 with an error, invalid_grant."],
    ["200 with an unknown error", { ...good, error: TOKEN }, "Status 200 with an error."],
    [
      "an error",
      { error: "invalid_client", error_codes: [700_016] },
      "Status 401, invalid_client (AADSTS700016).",
      401,
    ],
    ["an error that echoes", { error: TOKEN, error_description: ASSERTION, error_codes: [TOKEN] }, "Status 400.", 400],
    ["an error number of 1e99", { error: "invalid_client", error_codes: [1e99] }, "Status 400, invalid_client.", 400],
    ["a token with 500", good, "Status 500.", 500],
    ["a token with 201", good, "Status 201.", 201],
    ["a redirect", "", "Status 302.", 302],
    ["HTML", "<html>Sign in</html>", noObject],
    ["nothing", "", noObject],
    ["a list", "[]", noObject],
    ["null", "null", noObject],
    ["a text", '"abc"', noObject],
    ["half an object", '{"access_token":', noObject],
    ["a hundred thousand brackets", "[".repeat(50_000), noObject],
    ["a megabyte", `{"a":"${"x".repeat(1_000_000)}"}`, "The answer is too large."],
    ["a token in the prototype", `{"__proto__":${JSON.stringify(good)}}`, unusable],
  ];
  for (const [name, body, expected, status = 200] of rows) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const read = readTokenAnswer({ status, body: text });
    if (typeof expected === "number")
      assert.deepEqual(read, { ok: true, value: { token: TOKEN, life: expected } }, name);
    else assert.deepEqual(read, { ok: false, problem: expected }, name);
  }
});

test("an exchanged Google token is an access token, and an impersonated one ends at its instant", () => {
  const exchanged = { ...good, issued_token_type: "urn:ietf:params:oauth:token-type:access_token" };
  const read = (value: unknown) => readGcpExchange({ status: 200, body: JSON.stringify(value) });
  assert.deepEqual(read(exchanged), { ok: true, value: { token: TOKEN, life: 3_599_000 } });
  for (const type of [undefined, "urn:ietf:params:oauth:token-type:id_token", 1]) {
    assert.deepEqual(read({ ...exchanged, issued_token_type: type }), {
      ok: false,
      problem: "The token is of an unknown type.",
    });
  }
  const noLife = "The answer does not say how long the token lives.";
  const rows: readonly (readonly [expireTime: unknown, expected: number | string])[] = [
    ["2026-11-21T13:00:00Z", 3_600_000],
    ["2026-11-21T12:00:00.5Z", 500],
    ["2036-11-21T13:00:00Z", 86_400_000],
    ["2026-11-21T12:00:00Z", noLife],
    ["2025-11-21T12:00:00Z", noLife],
    ["2026-11-21T13:00:00+00:00", noLife],
    ["tomorrow", noLife],
    [1_795_000_000, noLife],
    [undefined, noLife],
  ];
  for (const [expireTime, expected] of rows) {
    const answer = { status: 200, body: JSON.stringify({ accessToken: TOKEN, expireTime }) };
    const wanted =
      typeof expected === "number"
        ? { ok: true, value: { token: TOKEN, life: expected } }
        : { ok: false, problem: expected };
    assert.deepEqual(readGcpImpersonation(answer, NOW), wanted, String(expireTime));
  }
  const split = {
    status: 200,
    body: JSON.stringify({ accessToken: "abcdefgh\r\n", expireTime: "2026-11-21T13:00:00Z" }),
  };
  assert.deepEqual(readGcpImpersonation(split, NOW), { ok: false, problem: "The answer holds no usable token." });
});

test("an assumed role has three keys and an instant, in XML of the one form that AWS writes", () => {
  const id = "ASIAIOSFODNN7EXAMPLE";
  const body = stsXml(id, awsSecret(1), awsSession(1), "2026-11-21T12:30:00Z");
  const keys = { accessKeyId: id, secretAccessKey: awsSecret(1), sessionToken: awsSession(1) };
  const read = (text: string, status = 200) => readAssumedRole({ status, body: text }, NOW);
  assert.deepEqual(read(body), { ok: true, value: { keys, life: 1_800_000 } });
  assert.deepEqual(read(`<?xml version="1.0"?>\n${body}`), { ok: true, value: { keys, life: 1_800_000 } });
  const behind = stsXml(id, awsSecret(1), awsSession(1), "2026-11-22T12:30:00Z");
  assert.deepEqual(read(behind), { ok: true, value: { keys, life: 3_600_000 } }, "no longer than was asked for");
  const form = "The XML is not of a known form.";
  const malformed = "The XML is not well-formed.";
  const noLife = "The answer does not say how long the keys live.";
  const error = (code: string) =>
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code></Error></ErrorResponse>`;
  const rows: readonly (readonly [name: string, text: string, problem: string, status?: number])[] = [
    ["passed", stsXml(id, awsSecret(1), awsSession(1), "2026-11-21T11:59:59Z"), noLife],
    ["no instant", stsXml(id, awsSecret(1), awsSession(1), "soon"), noLife],
    ["a key with a line end", stsXml(id, `${awsSecret(1)}\n`, awsSession(1), "x"), "The secret access key is none."],
    ["an entity in a key", stsXml(id, "abcdefghijklmnop&#10;", awsSession(1), "x"), "The secret access key is none."],
    ["no session token", body.replace(/<SessionToken>.*<\/SessionToken>/, ""), "The session token is none."],
    [
      "an empty session token",
      body.replace(/<SessionToken>.*<\/SessionToken>/, "<SessionToken/>"),
      "The session token is none.",
    ],
    ["elsewhere in the tree", body.replaceAll("Credentials>", "Others>"), "The access key id is none."],
    [
      "keys twice",
      body.replace("<Expiration>", `<AccessKeyId>${id}</AccessKeyId><Expiration>`),
      "The XML says a thing twice.",
    ],
    [
      "two sets of keys",
      body.replace("</Credentials>", "</Credentials><Credentials><a>b</a></Credentials>"),
      "The XML says a thing twice.",
    ],
    ["a document type", `<!DOCTYPE x [<!ENTITY a "b">]>${body}`, form],
    ["a comment", body.replace("<Credentials>", "<Credentials><!-- -->"), form],
    ["CDATA", body.replace(id, `<![CDATA[${id}]]>`), form],
    ["text between elements", body.replace("<Credentials>", "<Credentials>x"), form],
    ["a second root", `${body}<a>b</a>`, form],
    ["text after the root", `${body}x`, malformed],
    ["crossed elements", "<a><b></a></b>", malformed],
    ["an element that is not closed", "<a><b>", malformed],
    ["half a tag", "<a", malformed],
    ["a closing tag alone", "</a>", malformed],
    ["nine deep", `${"<a>".repeat(9)}x${"</a>".repeat(9)}`, form],
    ["ten thousand deep", "<a>".repeat(10_000), form],
    ["five thousand children", `<a>${Array.from({ length: 5_000 }, (_, at) => `<b${at}/>`).join("")}</a>`, form],
    ["HTML", "<!doctype html><html><body>Sign in</body></html>", form],
    ["nothing", "", malformed],
    ["JSON", JSON.stringify(good), malformed],
    ["only a declaration", "<?xml version", malformed],
    ["a megabyte", " ".repeat(1_000_000), "The answer is too large."],
    ["an error", error("ExpiredTokenException"), "Status 400, ExpiredTokenException.", 400],
    ["an error that echoes", error(ASSERTION), "Status 403.", 403],
    ["keys with 403", body, "Status 403.", 403],
    ["HTML with 502", "<html>", "Status 502.", 502],
  ];
  for (const [name, text, problem, status] of rows) {
    assert.deepEqual(read(text, status), { ok: false, problem }, name);
  }
});

test("XML is read in time that grows with its length only", () => {
  const started = performance.now();
  for (const text of [
    "<".repeat(65_000),
    "<a ".repeat(20_000),
    "<a>&".repeat(16_000),
    `<a>${" ".repeat(60_000)}`,
    ">".repeat(65_000),
  ]) {
    assert.equal(parseStsXml(text).ok, false);
  }
  assert.ok(performance.now() - started < 200);
});

test("what a policy or a pod says stays within its field of the request", () => {
  const nasty = "a&b=c/../?#%\r\n \u00e9";
  const escapedNasty = encodeURIComponent(nasty);
  const azure = azureTokenRequest("/base", { tenant: nasty, client: nasty, scope: nasty, assertion: nasty });
  assert.equal(azure.path, `/base/${escapedNasty}/oauth2/v2.0/token`);
  assert.equal(new URLSearchParams(azure.body).get("client_id"), nasty);
  assert.equal([...new URLSearchParams(azure.body)].length, 5);
  const aws = assumeRoleRequest("", nasty, "s", nasty);
  assert.equal([...new URLSearchParams(aws.body)].length, 6);
  assert.equal(aws.path, "/");
  const imds = imdsTokenRequest(nasty, undefined);
  assert.equal(imds.query, `api-version=2018-02-01&resource=${escapedNasty}`);
  assert.deepEqual(
    imds.headers.find(([name]) => name === "metadata"),
    ["metadata", "true"],
  );
  assert.equal([...new URLSearchParams(gcpExchangeRequest("", nasty, nasty).body)].length, 6);
  assert.equal(
    gcpImpersonationRequest("", nasty, TOKEN).path,
    `/v1/projects/-/serviceAccounts/${escapedNasty}:generateAccessToken`,
  );
});
