import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { secretText } from "../../../../router/edge/kubernetes/secret-text.ts";
import { apiFor, clientOf, PATH } from "./watch-fixture.ts";

function fileFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-secret-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, "secret");
}

/** A clock that stands. */
const STANDING = { now: () => epochMillis(0), monotonic: () => millis(0) };

const moments: readonly (readonly [name: string, moment: (file: string) => void])[] = [
  ["empty", (file) => writeFileSync(file, "")],
  ["nothing but a line's end", (file) => writeFileSync(file, " \n")],
  ["gone", (file) => rmSync(file, { force: true })],
  ["far too long", (file) => writeFileSync(file, "x".repeat(300_000))],
];
for (const [name, moment] of moments) {
  test(`a secret whose file is ${name} for a moment: what it was stands, and what it becomes is seen at once`, async (t) => {
    const file = fileFor(t);
    const secret = secretText({ file }, STANDING);
    moment(file);
    const first = await secret.read();
    assert.ok(!first.ok);
    assert.ok(first.problem.startsWith(file));
    writeFileSync(file, "one");
    assert.deepEqual(await secret.read(), { ok: true, value: "one" }, "it was not held");
    secret.forget();
    moment(file);
    assert.deepEqual(await secret.read(), { ok: true, value: "one" }, "the one before may still count");
    writeFileSync(file, "two");
    assert.deepEqual(await secret.read(), { ok: true, value: "two" });
  });
}

const parts: readonly (readonly [name: string, part: string])[] = [
  ["empty", ""],
  ["of two lines", "a\nb"],
  ["not of ASCII", "tökén"],
];
for (const [name, part] of parts) {
  test(`a token that is ${name} when it is first read is read again with the next request`, async (t) => {
    const file = fileFor(t);
    const api = await apiFor(t, { tokens: ["good"] });
    const client = clientOf(t, { url: api.url, credential: { kind: "token", token: { file } } });
    writeFileSync(file, part);
    const refused = await client.request("GET", PATH);
    assert.equal(refused.ok ? "" : refused.problem.code, "credential");
    assert.equal(api.requests.length, 0);
    writeFileSync(file, "good\n");
    const answer = await client.request("GET", PATH);
    assert.equal(answer.ok && answer.value.status, 200);
  });
}

test("a CA that is not wholly written yet trusts nobody, and is read again; an empty one is no trust in everybody", async (t) => {
  const file = fileFor(t);
  const api = await apiFor(t, { tls: true });
  assert.ok(api.ca);
  const client = clientOf(t, { url: api.url, ca: { file } });
  const code = async (): Promise<unknown> => {
    const answer = await client.request("GET", PATH, { retry: false });
    return answer.ok ? answer.value.status : answer.problem.code;
  };
  writeFileSync(file, "");
  assert.equal(await code(), "credential");
  writeFileSync(file, api.ca.slice(0, 200));
  assert.equal(await code(), "unreachable");
  writeFileSync(file, api.ca);
  assert.equal(await code(), 200);
});
