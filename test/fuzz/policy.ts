import { runCampaign } from "./campaign.ts";
import { POLICY_TARGETS } from "./policy/targets.ts";

/**
 * `node test/fuzz/policy.ts [inputs per parser] [seed]`: changed documents of every kind, and YAML against the npm
 * package `yaml`. Throws at the first broken promise and says how to see it again.
 */
const count = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 32));
console.log(`seed ${seed}, ${count} inputs for each of ${POLICY_TARGETS.map((target) => target.name).join(", ")}`);
for (const target of POLICY_TARGETS) {
  const start = performance.now();
  const { accepted } = runCampaign(target, count, seed);
  const seconds = (performance.now() - start) / 1_000;
  console.log(`${target.name}: ${count} inputs, ${accepted} accepted, ${seconds.toFixed(1)} s`);
}
