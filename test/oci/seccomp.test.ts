import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SeccompProfile } from "../../seccomp/profile.ts";
import { PARTS, PROFILE_NAMES, type ProfileName, profileOf } from "../../seccomp/profiles.ts";
import { lifted, REFUSALS } from "../../seccomp/refused.ts";
import { ALLOWED_ATTEMPTS } from "./allowed-attempts.ts";
import { requireOci } from "./oci.ts";
import { probe } from "./probe.ts";
import { type Attempt, attempt, REFUSED_ATTEMPTS } from "./refused-attempts.ts";

const FOREIGN = "foreign-abi";
const need = requireOci();

/** What that profile refuses; the calls of a foreign ABI apart, which end whoever makes them. */
function refusedTo(name: ProfileName): readonly Attempt[] {
  const ids = new Set(REFUSALS.filter((refusal) => refusal.profiles.includes(name)).map((refusal) => refusal.id));
  return REFUSED_ATTEMPTS.filter((each) => ids.has(each.of) && !(name === "browser" && each.browsers === true));
}

/** Those attempts that the profile lets pass, or refuses otherwise than it should. */
async function passing(
  name: ProfileName,
  profile: SeccompProfile,
  attempts: readonly Attempt[],
): Promise<readonly string[]> {
  const came = await probe(attempts, profile, name === "router");
  return attempts
    .filter((each) => !each.expected.includes(came.get(each.name) ?? ""))
    .map((each) => `${each.name}: ${came.get(each.name)}, not ${each.expected.join(" or ")}`);
}

describe("INV-SECCOMP-REFUSED: what a profile withholds is refused by it, to root with capabilities too", need, () => {
  test("without a profile nothing of it is refused in that way", async () => {
    const came = await probe(REFUSED_ATTEMPTS, undefined);
    const alike = REFUSED_ATTEMPTS.filter((each) => ["EPERM", "SIGSYS", undefined].includes(came.get(each.name)));
    assert.deepEqual(
      alike.map((each) => `${each.name}: ${came.get(each.name)}`),
      [],
    );
  });

  for (const name of PROFILE_NAMES) {
    test(`sluice-${name}: ${refusedTo(name).length} attempts`, async () => {
      assert.deepEqual(await passing(name, profileOf(PARTS[name]), refusedTo(name)), []);
    });
    test(`sluice-${name}: a system call of another ABI ends the thread`, async () => {
      for (const each of REFUSED_ATTEMPTS.filter((row) => row.of === FOREIGN)) {
        assert.deepEqual(await passing(name, profileOf(PARTS[name]), [each]), []);
      }
    });
  }

  test("sluice-browser: user, PID and network namespaces can be had", async () => {
    const wanted = REFUSED_ATTEMPTS.filter((each) => each.browsers === true);
    const came = await probe(wanted, profileOf(PARTS.browser));
    assert.equal(wanted.length > 0, true);
    for (const each of wanted) assert.equal(came.get(each.name), "0", each.name);
  });
});

describe("every refusal is felt: lifted, an attempt of its own passes", need, () => {
  for (const name of PROFILE_NAMES) {
    for (const refusal of REFUSALS.filter((each) => each.profiles.includes(name))) {
      test(`sluice-${name} without "${refusal.id}"`, async () => {
        const own = refusedTo(name).filter((each) => each.of === refusal.id);
        const through = await passing(name, lifted(profileOf(PARTS[name]), refusal), own);
        assert.notDeepEqual(through, []);
      });
    }
    test(`sluice-${name} with the other ABIs`, async () => {
      const profile = profileOf(PARTS[name]);
      const wide = { ...profile, architectures: [...profile.architectures, "SCMP_ARCH_X86", "SCMP_ARCH_X32"] };
      const attempts = REFUSED_ATTEMPTS.filter((each) => each.of === FOREIGN);
      if (attempts.length > 0) assert.notDeepEqual(await passing(name, wide, attempts), []);
    });
  }
});

describe("what is allowed succeeds, with the profile as without", need, () => {
  test("without a profile", async () => {
    const attempts = ALLOWED_ATTEMPTS.map((row) => row.attempt);
    const came = await probe(attempts, undefined);
    for (const each of attempts) assert.equal(came.get(each.name), "0", each.name);
  });
  for (const name of PROFILE_NAMES) {
    test(`sluice-${name}`, async () => {
      const attempts = ALLOWED_ATTEMPTS.filter((row) => row.profiles.includes(name)).map((row) => row.attempt);
      assert.deepEqual(await passing(name, profileOf(PARTS[name]), attempts), []);
    });
  }
});

test("a runtime that does not know a name leaves it out, and the call is refused", need, async () => {
  const profile = profileOf(PARTS.agent);
  const [first, ...rest] = profile.syscalls;
  assert.notEqual(first, undefined);
  const names = [...(first?.names ?? []), "a_call_of_the_future"].filter(
    (each) => each !== "mkdirat" && each !== "mkdir",
  );
  const mkdirat = attempt("", "mkdirat", "mkdirat", [-100, "/tmp/made", 0o700], ["0"]);
  const future = { ...profile, syscalls: [{ names, action: "SCMP_ACT_ALLOW" as const }, ...rest] };
  assert.deepEqual([...(await probe([mkdirat], future)).values()], ["EPERM"]);
  assert.deepEqual([...(await probe([mkdirat], profile)).values()], ["0"]);
});
