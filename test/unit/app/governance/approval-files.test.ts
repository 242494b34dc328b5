import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Log } from "../../../../router/edge/log/log.ts";
import { ApprovalFiles } from "../../../../router/app/governance/approval-files.ts";
import { approvalText } from "./approvals-fixture.ts";

interface Watched extends AsyncDisposable {
  readonly directory: string;
  readonly files: ApprovalFiles;
  names(): readonly string[];
  becomes(expected: readonly string[], code?: string): Promise<void>;
}

async function watched(prepare: (directory: string) => void): Promise<Watched> {
  const root = mkdtempSync(join(tmpdir(), "sluice-approvals-"));
  const directory = join(root, "approvals");
  prepare(directory);
  let names: readonly string[] = [];
  const files = new ApprovalFiles({
    directory,
    identity: { namespace: "test", agent: "agent-1", pod: "pod-1" },
    log: { event: () => undefined } as unknown as Log,
    apply: (approvals) => void (names = approvals.map(({ name }) => name)),
  });
  await files.watch();
  return {
    directory,
    files,
    names: () => names,
    async becomes(expected, code) {
      const deadline = performance.now() + 5_000;
      const isSo = (): boolean =>
        JSON.stringify(names) === JSON.stringify(expected) &&
        (code === undefined ? files.problems.length === 0 : files.problems.some((problem) => problem.code === code));
      while (!isSo() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.ok(isSo(), JSON.stringify([names, files.problems]));
    },
    async [Symbol.asyncDispose]() {
      await files.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

const write = (directory: string, file: string, text = approvalText({ name: file.split(".")[0] ?? "" })): void =>
  writeFileSync(join(directory, file), text);

test("no directory is in order, and one that comes later is found", async () => {
  await using world = await watched(() => undefined);
  assert.deepEqual([world.names(), world.files.problems], [[], []]);
  mkdirSync(world.directory);
  write(world.directory, "one.yaml");
  await world.becomes(["one"]);
  rmSync(world.directory, { recursive: true });
  await world.becomes([]);
});

const targets: readonly (readonly [target: string, expected: boolean])[] = [
  ["{ namespace: test, agent: agent-1, pod: pod-1 }", true],
  ["{}", true],
  ["{ pod: pod-2 }", false],
  ["{ namespace: other, pod: pod-1 }", false],
  ["{ agent: agent-2 }", false],
];
for (const [target, expected] of targets) {
  test(`an approval for ${target} is ${expected ? "ours" : "not ours"}`, async () => {
    await using world = await watched((directory) => {
      mkdirSync(directory);
      write(directory, "one.yaml", approvalText({ target }));
    });
    assert.deepEqual(world.names(), expected ? ["one"] : []);
  });
}

test("a file that is half written, of another kind or no text grants nothing, and keeps no other from it", async () => {
  await using world = await watched((directory) => {
    mkdirSync(directory);
    write(directory, "good.yaml");
    write(directory, "half.yaml", approvalText({ name: "half" }).slice(0, 150));
    write(directory, "other.yaml", "apiVersion: sluice.dev/v1alpha1\nkind: EgressPolicy\n");
    writeFileSync(join(directory, "octets.yaml"), Buffer.of(0xff, 0xfe, 0x00));
    write(directory, "README.md", "# not one");
  });
  assert.deepEqual(world.names(), ["good"]);
  assert.ok(world.files.problems.some(({ code }) => code === "not_utf8"));
  assert.ok(world.files.problems.some(({ code }) => code === "wrong_kind"));
  write(world.directory, "half.yaml");
  for (const file of ["other.yaml", "octets.yaml"]) unlinkSync(join(world.directory, file));
  await world.becomes(["good", "half"]);
  write(world.directory, "good.yaml", approvalText({ name: "good" }).slice(0, 200));
  await world.becomes(["half"], "unbounded");
});

test("two files of one name: neither counts", async () => {
  await using world = await watched((directory) => {
    mkdirSync(directory);
    write(directory, "a.yaml", approvalText({ name: "same" }));
    write(directory, "b.yaml", approvalText({ name: "same", revoked: true }));
    write(directory, "c.yaml");
  });
  assert.deepEqual(world.names(), ["c"]);
  assert.deepEqual(
    world.files.problems.map(({ code }) => code),
    ["approval_twice"],
  );
});

const blocks: readonly (readonly [name: string, code: string, block: (directory: string) => void])[] = [
  [
    "10,000 files",
    "too_many_files",
    (directory) => {
      for (let index = 0; index < 10_000; index += 1) writeFileSync(join(directory, `f${index}.yaml`), "");
    },
  ],
  [
    "a file that is too large",
    "file_too_large",
    (directory) => writeFileSync(join(directory, "x.yaml"), "#".repeat(70_000)),
  ],
  ["a link that leads nowhere", "source_unstable", (directory) => symlinkSync("nowhere", join(directory, "x.yaml"))],
  ["a directory for a file", "not_a_regular_file", (directory) => mkdirSync(join(directory, "x.yaml"))],
];
for (const [name, code, block] of blocks) {
  test(`INV-GOV-GRANT-END: ${name}: what might be revoked in it is not known, and nothing is granted`, async () => {
    await using world = await watched((directory) => {
      mkdirSync(directory);
      write(directory, "one.yaml");
    });
    assert.deepEqual(world.names(), ["one"]);
    const away = `${world.directory}.away`;
    renameSync(world.directory, away);
    mkdirSync(world.directory);
    write(world.directory, "one.yaml");
    block(world.directory);
    await world.becomes([], code);
    rmSync(world.directory, { recursive: true });
    renameSync(away, world.directory);
    await world.becomes(["one"]);
  });
}
