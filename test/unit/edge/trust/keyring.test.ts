import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadKeyring } from "../../../../router/edge/trust/keyring.ts";
import { signersYaml, temporaryDirectory, testKey } from "./fixture.ts";
import { PrivateSigstore } from "./private-sigstore.ts";

const alice = testKey();
const bob = testKey();
const root = JSON.stringify(new PrivateSigstore().trustedRoot());
const certificates = (pattern: string, more = "") =>
  signersYaml(["alice"])
    .replace("  requirements:", () => {
      const signer = `{ identity: { pattern: '${pattern}' }, issuer: { exact: "https://i" } }`;
      return `    - { id: ci, certificate: ${signer} }\n${more}  trustedRoots: [root.json]\n  requirements:`;
    })
    .replace("signers: [alice]", "signers: [alice, ci]");

const rows: readonly (readonly [name: string, files: Readonly<Record<string, string>>, problems: readonly string[]])[] =
  [
    ["one key", { "signers.yaml": signersYaml(["alice"]), "alice.pub": alice.pem }, []],
    ["a certificate", { "signers.yaml": certificates("^x$"), "alice.pub": alice.pem, "root.json": root }, []],
    ["INV-TRUST-07: an empty directory", {}, ["signers.yaml: file_missing"]],
    ["signers.yaml does not parse", { "signers.yaml": "kind: SignerPolicy\n" }, ["signers.yaml: missing_key"]],
    ["signers.yaml is not UTF-8", { "signers.yaml": "\u00ff" }, ["signers.yaml: not_utf8"]],
    ["the key is missing", { "signers.yaml": signersYaml(["alice"]) }, ["alice.pub: file_missing"]],
    [
      "a key too large",
      { "signers.yaml": signersYaml(["alice"]), "alice.pub": alice.pem + " ".repeat(16 * 1024) },
      ["alice.pub: file_too_large"],
    ],
    [
      "a pattern that cannot be read",
      { "signers.yaml": certificates("^(x$"), "alice.pub": alice.pem, "root.json": root },
      ["signers.yaml: bad_pattern"],
    ],
    [
      "a pattern that backtracks is no problem",
      { "signers.yaml": certificates("^(x+)+$"), "alice.pub": alice.pem, "root.json": root },
      [],
    ],
    [
      "the same key in two files",
      { "signers.yaml": signersYaml(["alice", "bob"]), "alice.pub": alice.pem, "bob.pub": alice.pem },
      ["bob.pub: duplicate_key"],
    ],
    [
      "3.3 an identity without issuer would trust whoever issues",
      {
        "signers.yaml": certificates("^x$").replace(/, issuer: \{[^}]*\}/, ""),
        "alice.pub": alice.pem,
        "root.json": root,
      },
      ["signers.yaml: missing_key"],
    ],
    [
      "all problems at once",
      {
        "signers.yaml": certificates("^ok$", "    - { id: bob, key: { file: bob.pub } }\n"),
        "bob.pub": "x",
        "root.json": "{}",
      },
      ["root.json: bad_trusted_root", "alice.pub: file_missing", "bob.pub: not_a_public_key"],
    ],
  ];

for (const [name, files, problems] of rows) {
  test(name, async (t) => {
    const directory = temporaryDirectory(t);
    for (const [file, content] of Object.entries(files))
      writeFileSync(join(directory, file), content, name.includes("not UTF-8") ? "latin1" : "utf8");
    const result = await loadKeyring(directory);
    const seen = result.ok
      ? []
      : result.problem.map(({ file, code }) => `${file.slice(directory.length + 1)}: ${code}`);
    if (problems.length === 1) assert.equal(seen[0], problems[0]);
    else assert.deepEqual(seen, problems);
    assert.equal(result.ok, problems.length === 0);
  });
}

test("INV-TRUST-07: a directory that does not exist", async () => {
  const result = await loadKeyring("/nonexistent/sluice");
  assert.equal(result.ok ? "" : result.problem[0]?.code, "file_missing");
});

test("a ConfigMap mount: files are links into ..data", async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, "..2026"));
  writeFileSync(join(directory, "..2026/signers.yaml"), signersYaml(["bob"]));
  writeFileSync(join(directory, "..2026/bob.pub"), bob.pem);
  symlinkSync("..2026", join(directory, "..data"));
  for (const file of ["signers.yaml", "bob.pub"]) symlinkSync(`..data/${file}`, join(directory, file));
  assert.ok((await loadKeyring(directory)).ok);
});

test("a pipe, a directory and an endless device in place of a file do not hang the load", async (t) => {
  const directory = temporaryDirectory(t, { "signers.yaml": signersYaml(["pipe", "folder", "zero"]) });
  execFileSync("mkfifo", [join(directory, "pipe.pub")]);
  mkdirSync(join(directory, "folder.pub"));
  symlinkSync("/dev/zero", join(directory, "zero.pub"));
  const result = await loadKeyring(directory);
  assert.deepEqual(result.ok ? [] : result.problem.map(({ code }) => code), Array(3).fill("file_unreadable"));
});
