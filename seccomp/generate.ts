import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROFILE_NAMES, profileText } from "./profiles.ts";
import { operatorDocument } from "./spo.ts";

/** `node seccomp/generate.ts`: writes the files of this directory that are made from its sources. A test holds them equal. */
const HERE = import.meta.dirname;

for (const name of PROFILE_NAMES) {
  writeFileSync(join(HERE, `sluice-${name}.json`), profileText(name));
  writeFileSync(join(HERE, "spo", `sluice-${name}.yaml`), operatorDocument(name));
}
