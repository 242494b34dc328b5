import assert from "node:assert/strict";
import { test } from "node:test";
import { toolRunner } from "../../../init-egress-guard/tool.ts";

const run = toolRunner({ PATH: "/usr/bin:/bin" });

test("the text goes to standard input, the environment is what was given, and nothing else", async () => {
  process.env["SLUICE_TEST_LEAK"] = "1";
  const outcome = await run("sh", ["-c", "cat; env | grep -c SLUICE; exit 3"], "text\n");
  delete process.env["SLUICE_TEST_LEAK"];
  assert.deepEqual(outcome, { status: "exited", code: 3, stdout: "text\n0\n", stderr: "" });
});

test("no such program", async () => assert.deepEqual(await run("sluice-no-such-tool", [], ""), { status: "missing" }));

test("a program that reads nothing of a long text has still ended as it did", async () => {
  const outcome = await run("false", [], "x".repeat(1_000_000));
  assert.deepEqual(outcome, { status: "exited", code: 1, stdout: "", stderr: "" });
});

test("a program that was killed has not succeeded", async () => {
  const outcome = await run("sh", ["-c", "kill -9 $$"], "");
  assert.deepEqual(outcome, { status: "exited", code: -1, stdout: "", stderr: "ended by SIGKILL" });
});
