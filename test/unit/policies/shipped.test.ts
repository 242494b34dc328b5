import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { policyCheck } from "../../../cli/policy-check.ts";
import { policyExplain } from "../../../cli/policy-explain.ts";
import { policyTest } from "../../../cli/policy-test.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { parseSignerPolicy } from "../../../router/core/policy/parse-signer-policy.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

const SHIPPED = ["policies/examples", "policies/quickstart", "policies/governance"];

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
  const { exit, out } = await say(policyCheck, SHIPPED);
  assert.equal(exit, 0, out);
  assert.doesNotMatch(out, /\(warning\)/);
  for (const name of ["quickstart-models", "coding-agent-models", "local-models"]) {
    assert.match(out, new RegExp(`: InferencePolicy ${name} version 1: good$`, "m"));
  }
  for (const name of ["locked-down", "coding-agent", "research-agent", "sre-agent"]) {
    assert.match(out, new RegExp(`: GovernancePolicy ${name} version 1: good$`, "m"));
  }
});

test("the cases of what is shipped hold", async () => {
  const { exit, out } = await say(policyTest, SHIPPED);
  assert.equal(exit, 0, out);
  assert.match(out, /\n[1-9][0-9]+ passed, 0 failed\n$/);
});

/** What every shipped policy refuses, whatever else it is for. */
const NEVER: readonly (readonly string[])[] = [
  ["exec", "/bin/sh", "-c", "rm -rf /"],
  ["exec", "/usr/bin/env", "bash"],
  ["exec", "/usr/bin/sudo", "-i"],
  ["tool", "function/run_shell", '{"command":"ls"}'],
  ["tool", "function/anything_new"],
  ["tool", "nowhere/anything", "{}"],
  ["spawn", "anything"],
  ["mesh.send", "stranger", "topic"],
  ["admin", "set-policy"],
  ['{"kind":"exec"}'],
  ['{"kind":"tool"}'],
  ['{"kind":"mesh.send"}'],
  ['{"kind":"admin"}'],
];
for (const name of ["locked-down", "coding-agent", "research-agent", "sre-agent"]) {
  test(`${name}: what nobody allowed is not allowed`, async () => {
    for (const words of NEVER) {
      const { exit, out } = await say(policyExplain, ["--policy", `policies/governance/${name}`, ...words]);
      assert.equal(exit, 1, `${words.join(" ")}: ${out}`);
    }
  });
}

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
