/** The chart's copies of what seccomp/ makes. `SLUICE_UPDATE_CHART=1 node test/unit/chart/seccomp-files.test.ts` writes them anew. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { localhostProfile, PROFILE_NAMES, type ProfileName, setHash } from "../../../seccomp/profiles.ts";
import { operatorDocument, operatorProfile } from "../../../seccomp/spo.ts";

const FILES = join(import.meta.dirname, "../../../charts/sluice/files");
const update = process.env["SLUICE_UPDATE_CHART"] === "1";

const byName = (path: (name: ProfileName) => string): Readonly<Record<string, string>> =>
  Object.fromEntries(PROFILE_NAMES.map((name) => [name, path(name)]));

const EXPECTED: Readonly<Record<string, string>> = {
  "seccomp-profiles.yaml": `# Made from seccomp/profiles.ts by test/unit/chart/seccomp-files.test.ts (SLUICE_UPDATE_CHART=1).
${stringify({ hash: setHash(), localhost: byName(localhostProfile), operator: byName(operatorProfile) })}`,
  ...Object.fromEntries(PROFILE_NAMES.map((name) => [`spo/sluice-${name}.yaml`, operatorDocument(name)])),
};

for (const [path, text] of Object.entries(EXPECTED)) {
  test(`files/${path} is what seccomp/ makes`, () => {
    if (update) writeFileSync(join(FILES, path), text);
    assert.equal(readFileSync(join(FILES, path), "utf8"), text);
  });
}

test("there is no other profile", () => {
  assert.deepEqual(
    readdirSync(join(FILES, "spo")).toSorted(),
    PROFILE_NAMES.map((name) => `sluice-${name}.yaml`).toSorted(),
  );
});
