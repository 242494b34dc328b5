import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { given, givenAtOnce, provider, REQUEST, settle, world } from "./rooms.ts";

const KEY = "sk-proj-first-key-0001";
const NEXT = "sk-proj-second-key-0002";
const source = { kind: "file", file: "openai" } as const;

test("INV-MODEL-SECRET-FILE: a key is one line of visible ASCII in a plain file within the directory, or there is none", async (t) => {
  const outside = mkdtempSync(join(tmpdir(), "sluice-outside-"));
  t.after(() => rmSync(outside, { recursive: true, force: true }));
  writeFileSync(join(outside, "key"), KEY);
  const unusable = "The secret file openai is of no use: it holds something other than a key.";
  const rows: readonly (readonly [name: string, make: (path: string) => void, expected: string])[] = [
    ["a key", (path) => writeFileSync(path, KEY), KEY],
    ["with a line end", (path) => writeFileSync(path, `${KEY}\n`), KEY],
    ["with a DOS line end", (path) => writeFileSync(path, `${KEY}\r\n`), KEY],
    ["with two line ends", (path) => writeFileSync(path, `${KEY}\n\n`), unusable],
    ["two lines", (path) => writeFileSync(path, `${KEY}\nx: y`), unusable],
    ["a blank before", (path) => writeFileSync(path, ` ${KEY}`), unusable],
    ["a control character", (path) => writeFileSync(path, `${KEY}\u0007`), unusable],
    ["NUL", (path) => writeFileSync(path, `${KEY}\u0000`), unusable],
    ["a byte order mark", (path) => writeFileSync(path, `\ufeff${KEY}`), unusable],
    ["UTF-16", (path) => writeFileSync(path, Buffer.from(KEY, "utf16le")), unusable],
    ["empty", (path) => writeFileSync(path, ""), "The secret file openai is empty."],
    ["a line end alone", (path) => writeFileSync(path, "\n"), "The secret file openai is empty."],
    ["16 KiB", (path) => writeFileSync(path, "a".repeat(16_384)), "a".repeat(16_384)],
    ["more", (path) => writeFileSync(path, "a".repeat(16_385)), "The secret file openai is too large."],
    ["missing", () => undefined, "The secret file openai is missing."],
    ["a directory", (path) => mkdirSync(path), "The secret file openai is no file."],
    ["a FIFO", (path) => void execFileSync("mkfifo", [path]), "The secret file openai is no file."],
    ["a link to nothing", (path) => symlinkSync("nothing", path), "The secret file openai is missing."],
    ["a link to itself", (path) => symlinkSync("openai", path), "The secret file openai is missing."],
    [
      "a link out",
      (path) => symlinkSync(join(outside, "key"), path),
      "The secret file openai leads out of the secrets directory.",
    ],
    [
      "a device",
      (path) => symlinkSync("/dev/zero", path),
      "The secret file openai leads out of the secrets directory.",
    ],
    ["a link within", (path) => (writeFileSync(`${path}2`, KEY), symlinkSync("openai2", path)), KEY],
  ];
  for (const [name, make, expected] of rows) {
    const { credentials, directory } = world(t);
    make(join(directory, "openai"));
    const headers = await credentials.headersFor(provider(source), REQUEST);
    if (headers.ok) assert.deepEqual(headers.value, [["authorization", `Bearer ${expected}`]], name);
    else assert.deepEqual(headers.problem, { code: "secret_unusable", message: expected }, name);
  }
});

test("INV-MODEL-SECRET-FILE: only a plain name is ever opened", async (t) => {
  const { credentials, directory } = world(t);
  mkdirSync(join(directory, "sub"));
  writeFileSync(join(directory, "..key"), KEY);
  writeFileSync(join(directory, "sub", "key"), KEY);
  for (const file of [
    "../openai",
    "sub/key",
    "/etc/hostname",
    "..",
    ".",
    "..data",
    "..key",
    "",
    "a\u0000b",
    "a".repeat(300),
    "sub\\key",
  ]) {
    assert.equal(await given(credentials, provider({ kind: "file", file })), "secret_unusable", file);
  }
});

test("a key at hand is given at once, and the very same headers while it stays the same", async (t) => {
  const { clock, credentials, directory, events } = world(t);
  writeFileSync(join(directory, "openai"), KEY);
  const from = provider(source);
  assert.equal(givenAtOnce(credentials, from), "(waits)");
  await settle();
  const first = await credentials.headersFor(from, REQUEST);
  for (let time = 0; time < 20; time += 1) {
    clock.pass(600);
    assert.equal(credentials.headersFor(from, REQUEST), first, "the same object, and no promise");
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(events, [{ kind: "ready", source: "file openai", renewIn: undefined }]);
});

test("INV-MODEL-ROTATE: a rotated file counts within two seconds, and the old key is still looked for in answers", async (t) => {
  const { clock, credentials, directory } = world(t);
  // As the kubelet does it: name -> ..data -> a directory of this version, swapped by a rename.
  const publish = (version: string, key: string): void => {
    mkdirSync(join(directory, version));
    writeFileSync(join(directory, version, "openai"), key);
    symlinkSync(version, join(directory, "..data_tmp"));
    renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
  };
  publish("..2026_1", KEY);
  symlinkSync("..data/openai", join(directory, "openai"));
  const from = provider(source);
  assert.equal(await given(credentials, from), `Bearer ${KEY}`);
  const texts = (): string[] => credentials.secrets(from).map((secret) => Buffer.from(secret).toString());
  assert.deepEqual(texts(), [KEY]);
  const kept = credentials.leakRules(from);
  assert.equal(credentials.leakRules(from), kept, "the same rules while nothing changes");

  publish("..2026_2", NEXT);
  rmSync(join(directory, "..2026_1"), { recursive: true });
  clock.pass(999);
  assert.equal(givenAtOnce(credentials, from), `Bearer ${KEY}`);
  clock.pass(1_001);
  assert.equal(await given(credentials, from), `Bearer ${NEXT}`);
  assert.deepEqual(texts().toSorted(), [KEY, NEXT]);
  clock.pass(599_000);
  assert.deepEqual(texts().toSorted(), [KEY, NEXT]);
  clock.pass(2_000);
  assert.deepEqual(texts(), [NEXT]);

  // Under load nobody waits: the look goes on behind the calls.
  assert.equal(await given(credentials, from), `Bearer ${NEXT}`);
  publish("..2026_3", KEY);
  clock.pass(1_500);
  assert.equal(givenAtOnce(credentials, from), `Bearer ${NEXT}`);
  for (let wait = 0; wait < 200 && givenAtOnce(credentials, from) !== `Bearer ${KEY}`; wait += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(givenAtOnce(credentials, from), `Bearer ${KEY}`);
});

test("a file changed in place with size and time as before counts too", async (t) => {
  const { clock, credentials, directory } = world(t);
  const path = join(directory, "openai");
  writeFileSync(path, KEY);
  utimesSync(path, 1_000, 1_000);
  const from = provider(source);
  assert.equal(await given(credentials, from), `Bearer ${KEY}`);
  writeFileSync(path, KEY.toUpperCase());
  utimesSync(path, 1_000, 1_000);
  clock.pass(2_000);
  assert.equal(await given(credentials, from), `Bearer ${KEY.toUpperCase()}`);
});

test("INV-MODEL-REVOKE: a file that goes or goes bad takes its key away, and one that comes back gives it again", async (t) => {
  const { clock, credentials, directory, events } = world(t);
  const path = join(directory, "openai");
  writeFileSync(path, KEY);
  const from = provider(source);
  assert.equal(await given(credentials, from), `Bearer ${KEY}`);
  rmSync(path);
  clock.pass(2_000);
  assert.equal(await given(credentials, from), "secret_unusable");
  assert.equal(givenAtOnce(credentials, from), "secret_unusable", "and nobody waits for the next look");
  assert.equal(credentials.secrets(from).length, 1, "it is still looked for");
  clock.pass(1_000);
  assert.equal(await given(credentials, from), "secret_unusable");
  writeFileSync(path, NEXT);
  clock.pass(1_000);
  assert.equal(await given(credentials, from), `Bearer ${NEXT}`);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["ready", "failed", "ready"],
  );
});

test("a refused key makes the next call look at the file, without waiting for the second", async (t) => {
  const { credentials, directory } = world(t);
  writeFileSync(join(directory, "openai"), KEY);
  const from = provider(source);
  assert.equal(await given(credentials, from), `Bearer ${KEY}`);
  writeFileSync(join(directory, "openai"), NEXT);
  assert.equal(givenAtOnce(credentials, from), `Bearer ${KEY}`);
  credentials.rejected(from);
  assert.equal(await given(credentials, from), `Bearer ${NEXT}`);
});

test("a provider without a credential gets no header, and nothing is looked for in its answers", async (t) => {
  const { credentials } = world(t);
  const from = provider({ kind: "none" });
  assert.deepEqual(credentials.headersFor(from, REQUEST), { ok: true, value: [] });
  assert.deepEqual(credentials.secrets(from), []);
  credentials.rejected(from);
});

test("each API gets the file's key in its own header", async (t) => {
  const { credentials, directory } = world(t);
  writeFileSync(join(directory, "openai"), KEY);
  for (const [api, name, value] of [
    ["azure", "api-key", KEY],
    ["anthropic", "x-api-key", KEY],
    ["gemini", "x-goog-api-key", KEY],
    ["bedrock", "authorization", `Bearer ${KEY}`],
  ] as const) {
    const headers = await credentials.headersFor(provider(source, api), REQUEST);
    assert.deepEqual(headers, { ok: true, value: [[name, value]] });
  }
});

test("keys of AWS sign each request, with the file's session token along", async (t) => {
  const { clock, credentials, directory } = world(t);
  const path = join(directory, "aws");
  writeFileSync(path, `AKIAIOSFODNN7EXAMPLE\n${"s".repeat(40)}\nIQoJb3JpZ2luX2VjE//==\n`);
  const from = provider({ kind: "awsFile", file: "aws", region: "eu-west-1" }, "bedrock");
  const headers = await credentials.headersFor(from, REQUEST);
  assert.ok(headers.ok);
  assert.deepEqual(
    headers.value.map(([name]) => name),
    ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "authorization"],
  );
  assert.equal(headers.value[1]?.[1], "20261121T120000Z");
  const scope = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-west-1/bedrock/aws4_request, ";
  assert.ok(headers.value[3]?.[1].startsWith(`${scope}SignedHeaders=content-type;host;x-amz-content-sha256;`));
  assert.equal(credentials.secrets(from).length, 2);
  clock.pass(1);
  assert.deepEqual(credentials.headersFor(from, REQUEST), headers, "within the second the same");
  clock.wall += 86_400_000;
  const next = credentials.headersFor(from, REQUEST);
  assert.ok(
    !(next instanceof Promise) && next.ok && next.value[3]?.[1].includes("/20261122/eu-west-1/"),
    "the next day's key",
  );
  assert.deepEqual(await credentials.headersFor(from, { ...REQUEST, path: "/a/../b" }), {
    ok: false,
    problem: { code: "unsignable", message: "The path cannot be signed." },
  });
  writeFileSync(path, `AKIAIOSFODNN7EXAMPLE\n${"z".repeat(40)}\nIQoJb3JpZ2luX2VjE//==\n`);
  credentials.rejected(from);
  const rotated = await credentials.headersFor(from, REQUEST);
  assert.ok(rotated.ok && rotated.value[3]?.[1] !== next.value[3]?.[1], "another secret, another signature");
  writeFileSync(path, "AKIAIOSFODNN7EXAMPLE\n");
  credentials.rejected(from);
  const broken = await credentials.headersFor(from, REQUEST);
  assert.ok(!broken.ok && broken.problem.message.startsWith("The secret file aws is of no use: Needed are"));
});
