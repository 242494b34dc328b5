/**
 * What the router signs of itself, judged by cosign 3's own verifier, with a key and without any service: the command
 * here is the one that README gives. Whatever `sluice attest --verify` refuses of a signature, cosign must refuse too.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { attest } from "../../cli/attest.ts";
import { RUN_PREDICATE_TYPE } from "../../router/core/attest/run-facts.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { publicKeyPem } from "../../router/edge/audit/dsse-key.ts";
import { requirement } from "../require.ts";
import { findTool } from "../tools/find.ts";
import { bundleOf, POLICY, statementOf, testRouter } from "../unit/core/attest/attest-fixture.ts";

const router = testRouter();
const mallory = testRouter("b2".repeat(32));
const facts = router.facts();
const statement = new TextDecoder().decode(statementOf(facts));

/** Another document under the same signature. */
const resigned = bundleOf(statement.replace('"proved":true', '"proved":false'), router.sign, {
  signatures: JSON.parse(router.bundle()).dsseEnvelope.signatures,
});
/** The note's signature over the note's text, in an envelope. */
const noteText = facts.audit.checkpoint.split("\n\n")[0] ?? "";
const asNote = bundleOf(`${noteText}\n`, router.sign, {
  payloadType: "text/plain",
  signatures: [{ sig: Buffer.from(router.signer.sign(`${noteText}\n`).signature).toString("base64") }],
});

interface Row {
  readonly name: string;
  readonly bundle: string;
  readonly key?: string;
  readonly blob?: string;
  readonly accepted: boolean;
  /** Of `sluice attest --verify`; cosign looks at less. */
  readonly exit: number;
}

const rows: readonly Row[] = [
  { name: "a policy that is in force", bundle: router.bundle(), accepted: true, exit: 0 },
  { name: "a policy that is not", bundle: router.bundle(), blob: "other.yaml", accepted: false, exit: 1 },
  { name: "another router's key", bundle: router.bundle(), key: "mallory.pem", accepted: false, exit: 1 },
  { name: "another router's statement", bundle: mallory.bundle(), accepted: false, exit: 1 },
  { name: "a changed statement", bundle: resigned, accepted: false, exit: 1 },
  { name: "a checkpoint in an envelope", bundle: asNote, accepted: false, exit: 1 },
  { name: "unsigned", bundle: bundleOf(statement, router.sign, { signatures: [] }), accepted: false, exit: 1 },
  {
    name: "another type of statement by the same key",
    bundle: bundleOf(statement.replace("/run/v1", "/policy/v1"), router.sign),
    accepted: false,
    exit: 1,
  },
  {
    name: "no policy by SHA-256",
    bundle: bundleOf(statement.replaceAll('"sha256":', '"sha1":'), router.sign),
    accepted: false,
    exit: 1,
  },
];

const cosign = findTool("cosign");
const need = requirement("cosign", cosign !== undefined, "node test/tools/build.ts has not built it");

test("cosign verify-blob-attestation and sluice attest --verify agree", need, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-attest-cosign-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const put = (name: string, content: string) => writeFileSync(join(directory, name), content);
  put("policy.yaml", POLICY);
  put("other.yaml", `${POLICY}# one more host\n`);
  put("router.pem", publicKeyPem(router.signer.key.publicKey));
  put("mallory.pem", publicKeyPem(mallory.signer.key.publicKey));
  // A proxy that refuses: whatever would leave this machine fails at once instead.
  const proxy = "http://127.0.0.1:9";
  const env = { HOME: directory, PATH: "/usr/bin:/bin", HTTPS_PROXY: proxy, HTTP_PROXY: proxy };
  for (const { name, bundle, key = "router.pem", blob = "policy.yaml", accepted, exit } of rows) {
    put("run.sigstore.json", bundle);
    const command = [
      "verify-blob-attestation",
      "--key",
      key,
      "--bundle",
      "run.sigstore.json",
      "--type",
      RUN_PREDICATE_TYPE,
    ];
    const judged = spawnSync(cosign ?? "", [...command, "--insecure-ignore-tlog", blob], {
      cwd: directory,
      env,
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(judged.status, accepted ? 0 : 1, `cosign, ${name}: ${judged.stderr}`);
    let said = "";
    const io = {
      stdout: (text: string) => void (said += text),
      stderr: (text: string) => void (said += text),
      cwd: directory,
      now: () => epochMillis(0),
    };
    const ours = await attest(["--verify", "run.sigstore.json", "--key", key, "--policy", blob], io);
    assert.equal(ours, exit, `sluice, ${name}: ${said}`);
  }
});
