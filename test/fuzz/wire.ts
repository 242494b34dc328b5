import { runCampaign } from "./campaign.ts";
import { WIRE_TARGETS } from "./wire/targets.ts";

/**
 * `node test/fuzz/wire.ts [inputs per parser] [seed] [parser]`: 250,000 each by default, over a million in all. Ends
 * with 1 at the first broken promise and says how to see it again.
 */
const count = Number(process.argv[2] ?? 250_000);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 32));
const only = process.argv[4];
const targets = WIRE_TARGETS.filter((target) => only === undefined || target.name === only);
if (!Number.isSafeInteger(count) || !Number.isSafeInteger(seed) || targets.length === 0) {
  console.error("usage: node test/fuzz/wire.ts [inputs per parser] [seed] [parser]");
  process.exit(2);
}

console.log(`seed ${seed}, ${count} inputs for each of ${targets.map((target) => target.name).join(", ")}`);
const begin = performance.now();
for (const target of targets) {
  const start = performance.now();
  const { accepted } = runCampaign(target, count, seed, (done) => {
    process.stderr.write(`\r${target.name}: ${done} of ${count}`);
  });
  const seconds = (performance.now() - start) / 1_000;
  process.stderr.write("\r");
  console.log(
    `${target.name}: ${count} inputs, ${accepted} accepted, ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} inputs/s`,
  );
}
console.log(
  `${count * targets.length} inputs in ${((performance.now() - begin) / 1_000).toFixed(1)} s, no promise broken`,
);
