import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { policyCheck } from "../../../cli/policy-check.ts";
import { policyTest } from "../../../cli/policy-test.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { parseSignerPolicy } from "../../../router/core/policy/parse-signer-policy.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

async function say(verb: typeof policyCheck, argv: readonly string[]) {
  let out = "";
  const io = {
    stdout: (text: string) => void (out += text),
    stderr: (text: string) => void (out += text),
    cwd: root,
    now: () => epochMillis(Date.UTC(2026, 11, 1)),
  };
  return { exit: await verb(argv, io), out };
}

test("whatever is shipped is good, and nothing of it is worth a warning", async () => {
  const { exit, out } = await say(policyCheck, ["policies/examples", "policies/quickstart"]);
  assert.equal(exit, 0, out);
  assert.doesNotMatch(out, /\(warning\)/);
  for (const name of ["quickstart-models", "coding-agent-models", "local-models"]) {
    assert.match(out, new RegExp(`: InferencePolicy ${name} version 1: good$`, "m"));
  }
});

test("the cases of what is shipped hold", async () => {
  const { exit, out } = await say(policyTest, ["policies/examples", "policies/quickstart"]);
  assert.equal(exit, 0, out);
  assert.match(out, /\n[1-9][0-9]+ passed, 0 failed\n$/);
});

test("the shipped trust says of both policies who signs them", () => {
  const file = new URL("../../../policies/examples/trust/signers.yaml", import.meta.url);
  const parsed = parseSignerPolicy("signers.yaml", readFileSync(file, "utf8"));
  assert.ok(parsed.ok);
  const { requirements } = parsed.value;
  for (const kind of ["EgressPolicy", "InferencePolicy"]) {
    const one = requirements.find(({ documentKind }) => documentKind === kind);
    assert.deepEqual(one, { documentKind: kind, required: true, signers: ["release", "pipeline"], threshold: 2 });
  }
});
