import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { execFileSync } from "node:child_process";
import { installProfiles } from "../../../../controller/seccomp/install-profiles.ts";
import { localhostProfile, PROFILE_NAMES, profileText, setHash } from "../../../../seccomp/profiles.ts";

let root = "";
const path = (name = localhostProfile("agent")): string => join(root, name);
const install = async (tag = "t") => installProfiles(root, Date.now(), tag);
const all = PROFILE_NAMES.map((name) => localhostProfile(name));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-seccomp-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function stands(): void {
  for (const name of PROFILE_NAMES) {
    assert.equal(readFileSync(path(localhostProfile(name)), "utf8"), profileText(name));
    assert.equal(statSync(path(localhostProfile(name))).mode & 0o7777, 0o644);
  }
}

describe("profiles on a node", () => {
  test("all are written at once, and a second time none", async () => {
    assert.deepEqual(await install(), { ok: true, value: { hash: setHash(), written: all } });
    stands();
    const before = statSync(path()).ino;
    assert.deepEqual(await install(), { ok: true, value: { hash: setHash(), written: [] } });
    assert.equal(statSync(path()).ino, before);
    assert.deepEqual(readdirSync(join(root, "sluice")).toSorted(), all.map((name) => name.slice(7)).toSorted());
  });

  const damages: readonly (readonly [string, (file: string) => void])[] = [
    ["gone", (file) => rmSync(file)],
    ["empty", (file) => writeFileSync(file, "")],
    ["cut", (file) => writeFileSync(file, profileText("agent").slice(0, 100))],
    ["another text of the same length", (file) => writeFileSync(file, profileText("agent").replace("ERRNO", "ALLOW"))],
    ["writable by everybody", (file) => chmodSync(file, 0o666)],
    [
      "a link to the text",
      (file) => {
        writeFileSync(join(root, "elsewhere"), profileText("agent"));
        rmSync(file);
        symlinkSync(join(root, "elsewhere"), file);
      },
    ],
    [
      "a link to nothing",
      (file) => {
        rmSync(file);
        symlinkSync("/nowhere/at/all", file);
      },
    ],
    [
      "a pipe",
      (file) => {
        rmSync(file);
        execFileSync("mkfifo", [file]);
      },
    ],
  ];
  for (const [name, damage] of damages) {
    test(`what is ${name} is put right, by replacing it`, async () => {
      await install();
      damage(path());
      const done = await install();
      assert.deepEqual(done, { ok: true, value: { hash: setHash(), written: [localhostProfile("agent")] } });
      stands();
    });
  }

  test("the kubelet can read them, whatever the umask is", async () => {
    const before = process.umask(0o077);
    try {
      assert.equal((await install()).ok, true);
    } finally {
      process.umask(before);
    }
    stands();
  });

  test("a link is replaced, not written through", async () => {
    await install();
    const victim = join(root, "victim");
    writeFileSync(victim, "kept");
    rmSync(path());
    symlinkSync(victim, path());
    await install();
    assert.equal(readFileSync(victim, "utf8"), "kept");
  });

  test("INV-SECCOMP-KEPT: profiles of other releases stay, and so does what is not ours", async () => {
    mkdirSync(join(root, "sluice"));
    const others = [
      "sluice-agent-000000000000.json",
      "x.json",
      "sluice-agent-1.json.unfinished.json",
      "other.unfinished",
    ];
    for (const name of others) {
      writeFileSync(join(root, "sluice", name), "{}");
      utimesSync(join(root, "sluice", name), 0, 0);
    }
    await install();
    for (const name of others) assert.equal(readFileSync(join(root, "sluice", name), "utf8"), "{}", name);
  });

  test("unfinished files go when nobody writes them any more", async () => {
    mkdirSync(join(root, "sluice"));
    const [old, young] = ["sluice-agent-1.json.a.unfinished", "sluice-agent-1.json.b.unfinished"];
    for (const name of [old, young]) writeFileSync(join(root, "sluice", name), "{");
    utimesSync(join(root, "sluice", old), 0, 0);
    await install();
    const left = readdirSync(join(root, "sluice"));
    assert.equal(left.includes(old), false);
    assert.equal(left.includes(young), true);
  });

  test("twenty at once leave whole files and nothing else", async () => {
    const done = await Promise.all(Array.from({ length: 20 }, async (_, index) => install(`t${index}`)));
    assert.equal(
      done.every((each) => each.ok),
      true,
    );
    stands();
    assert.equal(readdirSync(join(root, "sluice")).length, all.length);
  });

  const refusals: readonly (readonly [string, () => void, RegExp])[] = [
    ["a root that is not there", () => rmSync(root, { recursive: true }), /ENOENT/],
    ["a file where the directory should be", () => writeFileSync(join(root, "sluice"), ""), /not a directory/],
    ["a link where the directory should be", () => symlinkSync(tmpdir(), join(root, "sluice")), /not a directory/],
    ["a directory where a file should be", () => mkdirSync(path(), { recursive: true }), /EISDIR|ENOTEMPTY|EEXIST/],
  ];
  for (const [name, arrange, message] of refusals) {
    test(`${name}: a problem, and nothing unfinished is left`, async () => {
      arrange();
      const done = await install();
      assert.equal(done.ok, false);
      assert.match(done.ok ? "" : done.problem, message);
      if (name.includes("a file should be")) {
        assert.deepEqual(readdirSync(join(root, "sluice")), [localhostProfile("agent").slice(7)]);
      }
    });
  }
});
