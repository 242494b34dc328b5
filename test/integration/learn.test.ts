import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { SYSTEM_PATH } from "../netns/system.ts";
import { requirement } from "../require.ts";

/** Addresses of the public internet, all of them this machine: nothing else passes in learn mode. */
const NAMESPACE = 'ip link set lo up && ip route add local 93.184.216.0/24 dev lo && exec "$@"';

function inNamespace(...command: readonly string[]) {
  const own = process.getuid?.() === 0 ? ["-n"] : ["-Urn"];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return spawnSync("unshare", [...own, "sh", "-c", NAMESPACE, "sh", ...command], {
    encoding: "utf8",
    env: { ...env, PATH: `${SYSTEM_PATH}:${env["PATH"] ?? ""}` },
  });
}

const netns = requirement(
  "netns",
  inNamespace("true").status === 0,
  "needs unshare, ip, and leave to make a network namespace",
);

test("learn mode, from what passes to what is enforced, in a network of its own", netns, () => {
  const inside = join(import.meta.dirname, "learn-inside.ts");
  const run = inNamespace(process.execPath, "--test", "--test-force-exit", "--test-reporter=tap", inside);
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
  assert.match(run.stdout, /^# fail 0$/m);
  assert.match(run.stdout, /^# pass [1-9]/m);
});
