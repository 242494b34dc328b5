import { test } from "node:test";
import { runCampaign } from "../fuzz/campaign.ts";
import { WIRE_TARGETS } from "../fuzz/wire/targets.ts";

// The long run is `node test/fuzz/wire.ts`; this one stays the same from day to day.
for (const target of WIRE_TARGETS) {
  test(`INV-WIRE-FUZZ: ${target.name}, 20,000 inputs against its oracle`, () => {
    runCampaign(target, 20_000, 20_480);
  });
}
