import { runCampaign } from "./campaign.ts";
import { FEED } from "./blocklist/feed.ts";

/** `node test/fuzz/blocklist.ts [inputs] [seed]`: changed feeds, cut anywhere, against an oracle of regular expressions. */
const count = Number(process.argv[2] ?? 250_000);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 32));
console.log(`seed ${seed}`);
const start = performance.now();
const { accepted } = runCampaign(FEED, count, seed);
const seconds = (performance.now() - start) / 1_000;
console.log(`${FEED.name}: ${count} inputs, ${accepted} accepted, ${seconds.toFixed(1)} s`);
