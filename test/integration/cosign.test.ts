/**
 * Real cosign 3, with keys and without any service: every key, flag and refusal here is one that a user meets.
 * The signing configuration names no services and the trusted root is a file, so cosign asks nobody. Some 10 s.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkSignature } from "../../router/edge/trust/check-signature.ts";
import { loadKeyring } from "../../router/edge/trust/keyring.ts";
import { requirement } from "../require.ts";
import { findTool } from "../tools/find.ts";
import {
  APPROVAL_TYPE,
  type Cleanup,
  digestOf,
  outcome,
  signersYaml,
  temporaryDirectory,
} from "../unit/edge/trust/fixture.ts";

const cosign = findTool("cosign");
const need = requirement("cosign", cosign !== undefined, "node test/tools/build.ts has not built it");

const POLICY = "apiVersion: sluice.dev/v1alpha1\nkind: EgressPolicy\n";
const EMPTY_ROOT = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}';

/** A directory with policies `a.yaml`, `b.yaml`, key pairs, and cosign to use them. */
function workshop(t: Cleanup, keys: readonly string[] = ["alice", "mallory"]) {
  const directory = temporaryDirectory(t, {
    "a.yaml": POLICY,
    "b.yaml": `${POLICY}# b\n`,
    "predicate.json": "{}",
    "root.json": EMPTY_ROOT,
    "signers.yaml": signersYaml(["alice"]),
  });
  const run = (...args: readonly string[]) => {
    // A proxy that refuses: whatever would leave this machine fails at once instead.
    const env = {
      COSIGN_PASSWORD: "secret",
      HOME: directory,
      PATH: "/usr/bin:/bin",
      HTTPS_PROXY: "http://127.0.0.1:9",
      HTTP_PROXY: "http://127.0.0.1:9",
    };
    execFileSync(cosign ?? "", args, { cwd: directory, env, stdio: "pipe", timeout: 60_000 });
  };
  run("signing-config", "create", "--out", "no-services.json");
  for (const key of keys) run("generate-key-pair", "--output-key-prefix", key);
  const common = ["--yes", "--signing-config", "no-services.json", "--trusted-root", "root.json"];
  return {
    directory,
    run,
    sign: (file: string, key = "alice") =>
      run("sign-blob", ...common, "--key", `${key}.key`, "--bundle", `${file}.sigstore.json`, file),
    attest: (file: string, key = "alice", type = APPROVAL_TYPE) =>
      run(
        "attest-blob",
        ...common,
        "--key",
        `${key}.key`,
        "--predicate",
        "predicate.json",
        "--type",
        type,
        "--bundle",
        `${file}.sigstore.json`,
        file,
      ),
    attestStatement: (file: string, statement: object) => {
      writeFileSync(join(directory, "statement.json"), JSON.stringify(statement));
      run(
        "attest-blob",
        ...common,
        "--key",
        "alice.key",
        "--statement",
        "statement.json",
        "--bundle",
        `${file}.sigstore.json`,
      );
    },
    check: async (file: string) => {
      const keyring = await loadKeyring(directory);
      assert.ok(keyring.ok, JSON.stringify(keyring));
      return outcome(await checkSignature(keyring.value, "EgressPolicy", join(directory, file)));
    },
  };
}

const hint = (bundle: string) => /"hint":"([^"]+)"/.exec(bundle)?.[1] ?? "";

test("cosign sign-blob: accepted, and every forgery of it refused", need, async (t) => {
  const { directory, sign, check } = workshop(t);
  sign("a.yaml");
  assert.equal(await check("a.yaml"), "accepted: alice");

  sign("b.yaml");
  copyFileSync(join(directory, "b.yaml.sigstore.json"), join(directory, "swapped"));
  renameSync(join(directory, "a.yaml.sigstore.json"), join(directory, "b.yaml.sigstore.json"));
  assert.equal(await check("b.yaml"), "digest_mismatch", "the bundle of another file");
  renameSync(join(directory, "swapped"), join(directory, "b.yaml.sigstore.json"));
  assert.equal(await check("b.yaml"), "accepted: alice");

  appendFileSync(join(directory, "b.yaml"), "# one more host\n");
  assert.equal(await check("b.yaml"), "digest_mismatch", "the document was changed");
  assert.equal(await check("a.yaml"), "unsigned");

  sign("a.yaml", "mallory");
  assert.equal(await check("a.yaml"), "signer_unknown", "another key");
  const forged = readFileSync(join(directory, "a.yaml.sigstore.json"), "utf8");
  sign("a.yaml");
  const real = readFileSync(join(directory, "a.yaml.sigstore.json"), "utf8");
  writeFileSync(join(directory, "a.yaml.sigstore.json"), forged.replace(hint(forged), hint(real)));
  assert.equal(await check("a.yaml"), "signature_invalid", "another key under alice's hint");
});

test("cosign attest-blob: accepted as approval, and every forgery of it refused", need, async (t) => {
  const { directory, attest, attestStatement, check } = workshop(t);
  attest("a.yaml");
  assert.equal(await check("a.yaml"), "accepted: alice");

  copyFileSync(join(directory, "a.yaml.sigstore.json"), join(directory, "b.yaml.sigstore.json"));
  assert.equal(await check("b.yaml"), "subject_mismatch", "attested for another file");

  attest("b.yaml", "alice", "custom");
  assert.equal(await check("b.yaml"), "predicate_type", "cosign's default type says nothing of approval");
  attest("b.yaml", "mallory");
  assert.equal(await check("b.yaml"), "signer_unknown");

  const sha256 = digestOf(readFileSync(join(directory, "b.yaml")));
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "b.yaml", digest: { sha256 } }],
    predicateType: APPROVAL_TYPE,
    predicate: {},
  };
  attestStatement("b.yaml", statement);
  assert.equal(await check("b.yaml"), "accepted: alice", "Statement v1");
});

test("two cosign signers in one file, as JSON Lines", need, async (t) => {
  const { directory, sign, attest, check } = workshop(t, ["alice", "bob"]);
  writeFileSync(join(directory, "signers.yaml"), signersYaml(["alice", "bob"], ["threshold: 2"]));
  sign("a.yaml", "alice");
  assert.equal(await check("a.yaml"), "threshold_not_met");
  const first = readFileSync(join(directory, "a.yaml.sigstore.json"));
  attest("a.yaml", "bob");
  const second = readFileSync(join(directory, "a.yaml.sigstore.json"));
  writeFileSync(join(directory, "a.yaml.sigstore.json"), Buffer.concat([first, Buffer.from("\n"), second]));
  assert.equal(await check("a.yaml"), "accepted: alice,bob");
});

test("the key matrix: RSA verifies, P-384 and P-521 are refused at load", need, async (t) => {
  const { directory, run, sign, attest, check } = workshop(t, []);
  const make = (command: string, ...args: readonly string[]) => {
    execFileSync("openssl", [command, "-out", join(directory, "imported.pem"), ...args], { stdio: "pipe" });
    run("import-key-pair", "--key", "imported.pem", "--output-key-prefix", "alice", "--yes");
  };
  make("genrsa", "2048");
  sign("a.yaml");
  assert.equal(await check("a.yaml"), "accepted: alice");
  attest("b.yaml");
  assert.equal(await check("b.yaml"), "accepted: alice");
  for (const curve of ["secp384r1", "secp521r1"]) {
    make("ecparam", "-name", curve, "-genkey", "-noout");
    const keyring = await loadKeyring(directory);
    assert.equal(keyring.ok ? "loaded" : keyring.problem[0]?.code, "key_type");
  }
});
