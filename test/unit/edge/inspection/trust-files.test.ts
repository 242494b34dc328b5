import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTrustFiles } from "../../../../router/edge/inspection/trust-files.ts";

const directory = mkdtempSync(join(tmpdir(), "sluice-trust-files-"));
after(() => rmSync(directory, { recursive: true }));
const CA = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

test("both files, whole, for everyone to read and nobody to write, whatever the umask", async () => {
  const at = join(directory, "new/deep");
  const mask = process.umask(0o077);
  try {
    assert.equal((await writeTrustFiles(at, CA)).ok, true);
  } finally {
    process.umask(mask);
  }
  assert.deepEqual(readdirSync(at).toSorted(), ["bundle.pem", "ca.pem"]);
  assert.equal(readFileSync(join(at, "ca.pem"), "utf8"), CA);
  const bundle = readFileSync(join(at, "bundle.pem"), "utf8");
  assert.ok(bundle.startsWith(CA));
  assert.ok(bundle.split("BEGIN CERTIFICATE").length > 100);
  assert.ok(!/-----[^\n]+-----[^\n]/.test(bundle), "a certificate begins in the line where another ends");
  for (const name of ["ca.pem", "bundle.pem"]) assert.equal(statSync(join(at, name)).mode & 0o777, 0o444);
});

test("what was there is replaced, and nothing is written through a link", async () => {
  const at = join(directory, "old");
  const elsewhere = join(directory, "elsewhere");
  mkdirSync(at);
  writeFileSync(elsewhere, "kept");
  writeFileSync(join(at, "ca.pem"), "old", { mode: 0o400 });
  symlinkSync(elsewhere, join(at, ".ca.pem.next"));
  symlinkSync(elsewhere, join(at, "bundle.pem"));
  assert.equal((await writeTrustFiles(at, CA)).ok, true);
  assert.equal(readFileSync(join(at, "ca.pem"), "utf8"), CA);
  assert.equal(readFileSync(elsewhere, "utf8"), "kept");
  assert.equal(existsSync(join(at, ".ca.pem.next")), false);
});

test("a directory that cannot be one is a problem, in a sentence", async () => {
  const at = join(directory, "file");
  writeFileSync(at, "");
  assert.deepEqual(await writeTrustFiles(at, CA), {
    ok: false,
    problem: `The CA cannot be written to ${at} (EEXIST).`,
  });
});
