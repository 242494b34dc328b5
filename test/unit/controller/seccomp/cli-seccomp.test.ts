import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { LabelNode } from "../../../../controller/seccomp/keep-installed.ts";
import { seccomp } from "../../../../cli/seccomp.ts";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { ok } from "../../../../router/core/base/result.ts";
import { localhostProfile, PROFILE_NAMES, profileText, setHash } from "../../../../seccomp/profiles.ts";

async function ran(args: readonly string[], label?: LabelNode) {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: tmpdir(),
    now: () => epochMillis(Date.now()),
  };
  return { code: await seccomp(args, io, label), stdout, stderr };
}

describe("sluice seccomp", () => {
  for (const name of PROFILE_NAMES) {
    test(`print ${name}, by both names`, async () => {
      const said = { code: 0, stdout: profileText(name), stderr: "" };
      assert.deepEqual(await ran(["print", name]), said);
      assert.deepEqual(await ran(["print", `sluice-${name}`]), said);
    });
  }

  test("names", async () => {
    const { stdout } = await ran(["names"]);
    assert.equal(stdout, PROFILE_NAMES.map((name) => `${name}\t${localhostProfile(name)}\n`).join(""));
    const json = JSON.parse((await ran(["names", "--json"])).stdout) as unknown;
    const profiles = Object.fromEntries(PROFILE_NAMES.map((name) => [name, localhostProfile(name)]));
    assert.deepEqual(json, { hash: setHash(), profiles });
  });

  for (const args of [
    [],
    ["remove"],
    ["print"],
    ["print", "nothing"],
    ["print", "__proto__"],
    ["print", "agent", "router"],
    ["names", "x"],
    ["names", "--root", "/"],
    ["install"],
    ["install", "--root", ""],
    ["install", "--root", "/tmp", "--interval", "1"],
    ["install", "--root", "/tmp", "--interval", "10ms"],
    ["install", "--root", "/tmp", "--interval", ""],
    ["install", "--root", "/tmp", "--json"],
  ]) {
    test(`usage: ${args.join(" ")}`, async () => {
      const { code, stdout, stderr } = await ran(args);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /^sluice seccomp: .+\nusage: /);
    });
  }

  test("install --once labels the node when all is in place", async () => {
    const root = mkdtempSync(join(tmpdir(), "sluice-seccomp-"));
    const labels: (string | undefined)[] = [];
    const label: LabelNode = async (value) => (labels.push(value), ok(undefined));
    const { code, stdout } = await ran(["install", "--root", root, "--once"], label);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      event: "in-place",
      hash: setHash(),
      written: PROFILE_NAMES.map((name) => localhostProfile(name)),
    });
    assert.equal(readFileSync(join(root, localhostProfile("router")), "utf8"), profileText("router"));
    rmSync(root, { recursive: true });
    const failed = await ran(["install", "--root", root, "--once"], label);
    assert.deepEqual([failed.code, failed.stdout, labels], [69, "", [setHash(), undefined]]);
    assert.match(failed.stderr, /ENOENT/);
  });

  test("install --once: a label that cannot be set is a failure", async () => {
    const root = mkdtempSync(join(tmpdir(), "sluice-seccomp-"));
    const { code, stderr } = await ran(["install", "--root", root, "--once"], async () => ({
      ok: false,
      problem: "forbidden",
    }));
    assert.deepEqual([code, stderr], [69, "sluice seccomp: the node is not labelled: forbidden\n"]);
    rmSync(root, { recursive: true });
  });
});
