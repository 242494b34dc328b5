import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import {
  contentName,
  localhostProfile,
  PARTS,
  PROFILE_NAMES,
  type ProfileName,
  profileHash,
  profileName,
  profileOf,
  profileText,
  setHash,
} from "../../seccomp/profiles.ts";
import { REFUSALS } from "../../seccomp/refused.ts";
import { operatorDocument, operatorProfile } from "../../seccomp/spo.ts";

const DIRECTORY = join(import.meta.dirname, "../../seccomp");
const read = (name: string): string => readFileSync(join(DIRECTORY, name), "utf8");

/** Allowed whatever the arguments are. */
function free(name: ProfileName): ReadonlySet<string> {
  return new Set(
    profileOf(PARTS[name])
      .syscalls.filter((rule) => rule.args === undefined && rule.action === "SCMP_ACT_ALLOW")
      .flatMap((rule) => rule.names),
  );
}

describe("the files are what the sources make", () => {
  for (const name of PROFILE_NAMES) {
    test(`sluice-${name}.json`, () => {
      assert.equal(read(`sluice-${name}.json`), profileText(name), "run: node seccomp/generate.ts");
      assert.deepEqual(JSON.parse(profileText(name)), JSON.parse(JSON.stringify(profileOf(PARTS[name]))));
    });
    test(`spo/sluice-${name}.yaml: the same profile`, () => {
      assert.equal(read(`spo/sluice-${name}.yaml`), operatorDocument(name), "run: node seccomp/generate.ts");
      const { defaultErrnoRet, ...profile } = profileOf(PARTS[name]);
      assert.equal(defaultErrnoRet, 1, "EPERM is what the operator's profiles have where none is said");
      const object = parse(operatorDocument(name)) as Record<string, unknown>;
      assert.deepEqual(object["spec"], JSON.parse(JSON.stringify(profile)));
      assert.equal(object["apiVersion"], "security-profiles-operator.x-k8s.io/v1");
      assert.equal((object["metadata"] as { name: string }).name, contentName(name));
      assert.equal(operatorProfile(name), `operator/${contentName(name)}.json`);
    });
    test(`sluice-${name}: names by content`, () => {
      assert.match(localhostProfile(name), new RegExp(`^sluice/sluice-${name}-[0-9a-f]{12}\\.json$`));
      assert.equal(localhostProfile(name).includes(profileHash(name)), true);
    });
  }
  test("no other file is there", () => {
    const generated = readdirSync(DIRECTORY).filter((file) => file.startsWith("sluice-"));
    assert.deepEqual(generated, PROFILE_NAMES.map((name) => `sluice-${name}.json`).toSorted());
    assert.equal(
      new Set([...PROFILE_NAMES.map((name) => profileHash(name)), setHash()]).size,
      PROFILE_NAMES.length + 1,
    );
  });
  test("names of profiles", () => {
    assert.deepEqual(
      ["agent", "sluice-router", "sluice-", "Agent", "__proto__", "agent.json"].map((text) => profileName(text)),
      ["agent", "router", undefined, undefined, undefined, undefined],
    );
  });
});

describe("what runtimes must not read otherwise than it is meant", () => {
  const keys = ["defaultAction", "defaultErrnoRet", "architectures", "syscalls"];
  for (const name of PROFILE_NAMES) {
    test(`sluice-${name}`, () => {
      const profile = profileOf(PARTS[name]);
      assert.deepEqual(Object.keys(profile), keys);
      assert.deepEqual(profile.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]);
      for (const rule of profile.syscalls) {
        for (const key of Object.keys(rule))
          assert.equal(["names", "action", "errnoRet", "args"].includes(key), true, key);
        const places = (rule.args ?? []).map((each) => each.index);
        assert.equal(new Set(places).size, places.length, "two tests of one argument are read as either");
        if (rule.args !== undefined) assert.notEqual(rule.args.length, 0);
      }
      const names = profile.syscalls.flatMap((rule) => (rule.args === undefined ? rule.names : []));
      assert.equal(new Set(names).size, names.length, "a name stands once");
      for (const rule of profile.syscalls) {
        if (rule.args === undefined) continue;
        for (const each of rule.names) assert.equal(names.includes(each), false, `${each}: also without conditions`);
      }
    });
  }
});

describe("INV-SECCOMP-SUBSET: nothing that RuntimeDefault refuses is allowed", () => {
  const vector = join(import.meta.dirname, "../vectors/seccomp-runtime-default/names.json");
  const runtimeDefault = new Set(JSON.parse(readFileSync(vector, "utf8")) as string[]);
  const withheld = (name: ProfileName): ReadonlySet<string> =>
    new Set(
      REFUSALS.filter((each) => each.profiles.includes(name)).flatMap((each) =>
        each.lift.flatMap((rule) => rule.names),
      ),
    );

  test("to agents", () => {
    assert.deepEqual(
      [...free("agent")].filter((name) => !runtimeDefault.has(name)),
      [],
    );
  });
  test("to browsers nothing but namespaces beyond that", () => {
    assert.deepEqual(
      [...free("browser")].filter((name) => !free("agent").has(name)),
      ["chroot"],
    );
    const named = new Set(profileOf(PARTS.browser).syscalls.flatMap((rule) => rule.names));
    const agent = new Set(profileOf(PARTS.agent).syscalls.flatMap((rule) => rule.names));
    assert.deepEqual([...named].filter((name) => !agent.has(name)).toSorted(), ["chroot", "unshare"]);
  });
  test("to the router nothing that agents have not", () => {
    assert.deepEqual(
      [...free("router")].filter((name) => !free("agent").has(name)),
      [],
    );
  });
  test("what agents do not get of it is a refusal with a reason, or no call of a 64-bit ABI", () => {
    // Of i386, arm, x32, riscv64 and s390x, or never implemented.
    const foreign =
      /32$|64$|^(_llseek|_newselect|epoll_(ctl|wait)_old|[gs]et_thread_area|ipc|mmap2|recv|send|riscv_hwprobe|sigprocmask|sigreturn|socketcall|ugetrlimit|waitpid)$/;
    const conditional = new Set(profileOf(PARTS.agent).syscalls.flatMap((rule) => rule.names));
    const gone = [...runtimeDefault].filter((name) => !conditional.has(name) && !withheld("agent").has(name));
    assert.deepEqual(
      gone.filter((name) => !foreign.test(name)),
      [],
    );
  });
  for (const name of PROFILE_NAMES) {
    test(`what is said to be refused by sluice-${name} is not allowed by it`, () => {
      assert.deepEqual(
        [...free(name)].filter((each) => withheld(name).has(each)),
        [],
      );
    });
  }
});

describe("README.md", () => {
  const readme = read("README.md");
  test("names every group and every refusal", () => {
    const said = [...PROFILE_NAMES.flatMap((name) => [...PARTS[name].allowed, ...PARTS[name].ruled]), ...REFUSALS];
    for (const { id, reason } of said)
      assert.equal(readme.includes(`| \`${id}\` | ${reason} |`), true, `${id}: ${reason}`);
  });
  test("its figures are those of the profiles", () => {
    for (const name of PROFILE_NAMES) {
      const total = new Set(
        profileOf(PARTS[name])
          .syscalls.filter((rule) => rule.action === "SCMP_ACT_ALLOW")
          .flatMap((rule) => rule.names),
      ).size;
      const row = new RegExp(`\\| \`sluice-${name}\` \\| ${total} \\| ${free(name).size} \\|`);
      assert.match(readme, row, `${name}: ${total} and ${free(name).size}`);
    }
  });
});
