import { runCampaign } from "./campaign.ts";
import { PARENT_TARGETS } from "./parent/targets.ts";

/** `node test/fuzz/parent.ts [inputs per parser] [seed]`: 500,000 each by default. Ends with 1 at the first broken promise. */
const count = Number(process.argv[2] ?? 500_000);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 32));
if (!Number.isSafeInteger(count) || !Number.isSafeInteger(seed)) {
  console.error("usage: node test/fuzz/parent.ts [inputs per parser] [seed]");
  process.exit(2);
}
for (const target of PARENT_TARGETS) {
  const start = performance.now();
  const { accepted } = runCampaign(target, count, seed, () => undefined);
  const seconds = (performance.now() - start) / 1_000;
  console.log(`${target.name}: seed ${seed}, ${count} inputs, ${accepted} accepted, ${seconds.toFixed(1)} s`);
}
