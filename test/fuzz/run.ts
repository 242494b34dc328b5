import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** `npm run fuzz -- COUNT [SEED]`: COUNT inputs over the parsers at the door, as many over the policy parser's mutations, the scan of bodies, feeds, and parents' answers. */
const [count = "100000", seed] = process.argv.slice(2);
for (const target of ["wire.ts", "policy.ts", "json.ts", "blocklist.ts", "parent.ts"]) {
  const args = [
    join(import.meta.dirname, target),
    String(Math.ceil(Number(count) / (target === "wire.ts" ? 5 : 4))),
    ...(seed === undefined ? [] : [seed]),
  ];
  const run = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (run.status !== 0) process.exit(run.status ?? 1);
}
