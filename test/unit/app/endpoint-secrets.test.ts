import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { secretSource } from "../../../router/app/endpoint-secrets.ts";
import { scratchDirectory } from "../edge/audit/log-fixture.ts";
import { Timeline } from "./export-fixture.ts";

const NONE = { ca: undefined, token: undefined, headers: undefined, signingKey: undefined };

test("INV-EXPORT-SECRET: a secret file is taken as a whole or not at all, and its problem tells nothing of it", async (t) => {
  const path = join(scratchDirectory(t), "secret");
  const bad = "does not hold a token.";
  const lines = 'does not hold lines of the form "Name: value".';
  const rows: readonly (readonly [
    kind: "token" | "headers" | "signingKey",
    content: string | Buffer,
    expected: unknown,
  ])[] = [
    ["token", "abc.DEF-_~+/==", { authorization: "Bearer abc.DEF-_~+/==" }],
    ["token", "abc\n", { authorization: "Bearer abc" }],
    ["token", "abc\r\n", { authorization: "Bearer abc" }],
    ["token", "", bad],
    ["token", "\n", bad],
    ["token", "abc\n\n", bad],
    ["token", "abc\nHost: evil", bad],
    ["token", "a b", bad],
    ["token", "caf\u00e9", bad],
    ["token", Buffer.from([0x61, 0x00, 0x62]), bad],
    ["token", "a".repeat(16_385), bad],
    ["token", "a".repeat(70_000), "cannot be read (too_large)."],
    ["headers", "X-Scope-OrgID: tenant 1\r\n\nDD-API-KEY:k\n", { "x-scope-orgid": "tenant 1", "dd-api-key": "k" }],
    ["headers", "", {}],
    ["headers", "Host: evil", lines],
    ["headers", "Content-Length: 0", lines],
    ["headers", "transfer-encoding: chunked", lines],
    ["headers", "Sluice-Signature: sha256=00", lines],
    ["headers", "a: b\nA: c", lines],
    ["headers", "no colon", lines],
    ["headers", ": v", lines],
    ["headers", "a b: v", lines],
    ["headers", "a:", lines],
    ["headers", "a: \u0001", lines],
    ["headers", "a: b\rc: d", lines],
    ["headers", "__proto__: x", lines],
    ["headers", Array.from({ length: 17 }, (_, index) => `h${index}: v`).join("\n"), lines],
    ["signingKey", Buffer.from([0, 1, 255, 0x0a]), Buffer.from([0, 1, 255])],
    ["signingKey", "", "is empty."],
    ["signingKey", "\n", "is empty."],
  ];
  for (const [kind, content, expected] of rows) {
    writeFileSync(path, content);
    const read = await secretSource({ ...NONE, [kind]: path }, new Timeline().clock).read();
    const what = `${kind} ${JSON.stringify(String(content).slice(0, 40))}`;
    if (typeof expected === "string") assert.deepEqual(read, { ok: false, problem: `${path} ${expected}` }, what);
    else {
      assert.ok(read.ok, what);
      if (kind === "signingKey") assert.deepEqual(read.value.signingKey, expected, what);
      else assert.deepEqual(Object.entries(read.value.headers), Object.entries(expected as object), what);
    }
  }
});

test("a secret that is missing, or is no file, is a problem and does not hold anything up", async (t) => {
  const directory = scratchDirectory(t);
  const fifo = join(directory, "fifo");
  execFileSync("mkfifo", [fifo]);
  for (const [path, kind] of [
    [join(directory, "none"), "moved"],
    [directory, "not_a_file"],
    [fifo, "not_a_file"],
  ] as const) {
    for (const name of ["ca", "token", "headers", "signingKey"] as const) {
      const read = await secretSource({ ...NONE, [name]: path }, new Timeline().clock).read();
      assert.deepEqual(read, { ok: false, problem: `${path} cannot be read (${kind}).` });
    }
  }
});

test("a secret is read again after a second, and at once where the last was refused", async (t) => {
  const path = join(scratchDirectory(t), "token");
  const time = new Timeline();
  const source = secretSource({ ...NONE, token: path }, time.clock);
  const read = async (): Promise<unknown> => {
    const secrets = await source.read();
    return secrets.ok ? secrets.value.headers["authorization"] : secrets.problem;
  };
  writeFileSync(path, "one");
  assert.equal(await read(), "Bearer one");
  writeFileSync(path, "two");
  assert.equal(await read(), "Bearer one");
  await time.pass(1_000);
  assert.equal(await read(), "Bearer two");
  writeFileSync(path, "three");
  source.forget();
  assert.equal(await read(), "Bearer three");
  rmSync(path);
  await time.pass(1_000);
  assert.equal(await read(), `${path} cannot be read (moved).`);
});
