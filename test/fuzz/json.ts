import { runCampaign } from "./campaign.ts";
import { MEMBER_SCAN } from "./json/member-scan.ts";

/** `node test/fuzz/json.ts [inputs] [seed]`: changed JSON, cut anywhere, against the platform's parser. */
const count = Number(process.argv[2] ?? 250_000);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 32));
console.log(`seed ${seed}`);
const start = performance.now();
const { accepted } = runCampaign(MEMBER_SCAN, count, seed);
const seconds = (performance.now() - start) / 1_000;
console.log(`${MEMBER_SCAN.name}: ${count} inputs, ${accepted} accepted, ${seconds.toFixed(1)} s`);
