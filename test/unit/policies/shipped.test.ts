import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { policyCheck } from "../../../cli/policy-check.ts";
import { policyTest } from "../../../cli/policy-test.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";

for (const [name, verb] of [
  ["check", policyCheck],
  ["test", policyTest],
] as const) {
  test(`sluice policy ${name} finds nothing wrong with the policies that we ship`, async () => {
    let said = "";
    const exit = await verb(["policies"], {
      stdout: (text) => void (said += text),
      stderr: (text) => void (said += text),
      cwd: fileURLToPath(new URL("../../..", import.meta.url)),
      now: () => epochMillis(Date.UTC(2027, 0, 1)),
    });
    assert.equal(exit, 0, said);
    assert.doesNotMatch(said, /warning/);
  });
}
