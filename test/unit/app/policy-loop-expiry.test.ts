import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { egressKind } from "../../../router/app/policy-kinds.ts";
import { PolicyLoop } from "../../../router/app/policy-loop.ts";
import { PolicyTime } from "../../../router/app/policy-time.ts";
import { type EpochMillis, epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { ok } from "../../../router/core/base/result.ts";
import { directoryListing, sourceFile } from "../../../router/edge/sources/directory-listing.ts";
import { HighWaterMarks } from "../../../router/edge/trust/high-water-mark.ts";
import { loadKeyring } from "../../../router/edge/trust/keyring.ts";
import { egressPolicy } from "../../fakes/sidecar.ts";
import { testSigner, writeTrust } from "../../fakes/signing.ts";

const directory = mkdtempSync(join(tmpdir(), "sluice-expiry-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const rows: readonly {
  readonly what: string;
  readonly grace: number;
  /** Milliseconds on both clocks, unless `wall` is said; and how often everything was judged again by then. */
  readonly steps: readonly { readonly timers: number; readonly wall?: number; readonly judged: number }[];
}[] = [
  {
    what: "at its end, without grace",
    grace: 0,
    steps: [
      { timers: 59_900, judged: 1 },
      { timers: 200, judged: 2 },
      { timers: 60_000, judged: 2 },
    ],
  },
  {
    what: "at its end and at that of its grace, with no reload",
    grace: 30_000,
    steps: [
      { timers: 60_100, judged: 2 },
      { timers: 29_800, judged: 2 },
      { timers: 200, judged: 3 },
    ],
  },
  {
    what: "within seconds where the wall clock was set forward, or the machine stood still",
    grace: 0,
    steps: [
      { timers: 1_000, judged: 1 },
      { timers: 0, wall: 7_200_000, judged: 1 },
      { timers: 5_000, judged: 2 },
    ],
  },
  {
    what: "not earlier where the wall clock was set back",
    grace: 0,
    steps: [
      { timers: 30_000, judged: 1 },
      { timers: 0, wall: -20_000, judged: 1 },
      { timers: 30_100, judged: 1 },
      { timers: 20_000, judged: 2 },
    ],
  },
];
for (const [index, { what, grace, steps }] of rows.entries()) {
  test(`INV-POLICY-END: what is open is judged again ${what}`, async (context) => {
    const own = join(directory, String(index));
    const signer = testSigner();
    const start = Date.now();
    const expiresAt = new Date(start + 60_000).toISOString();
    const text = egressPolicy(1, []).replace(/expiresAt: .*/, `expiresAt: "${expiresAt}"`);
    const files = [
      ["egress.yaml", text],
      ["egress.yaml.sigstore.json", signer.bundleFor(text)],
    ] as const;
    const listing = directoryListing(new Map(files.map(([name, content]) => [name, sourceFile(Buffer.from(content))])));
    writeTrust(join(own, "trust"), signer);
    const marks = await HighWaterMarks.open(join(own, "trust"));
    assert.ok(marks.ok);
    let wall: EpochMillis = epochMillis(start);
    const clock = { now: () => wall, monotonic: () => millis(0) };
    let judged = 0;
    const loop = new PolicyLoop({
      clock,
      time: new PolicyTime(clock),
      kind: egressKind,
      identity: { namespace: "test", pod: "pod-1", agent: "agent-1", image: undefined },
      directory: join(own, "policy"),
      expiryGrace: millis(grace),
      marks: marks.value,
      swapped: () => void (judged += 1),
      accepted: () => undefined,
      refused: (problems) => assert.fail(JSON.stringify(problems)),
    });
    context.mock.timers.enable({ apis: ["setTimeout"] });
    await loop.begin(ok(listing), await loadKeyring(join(own, "trust")));
    assert.equal(judged, 1, "once when it was loaded");
    for (const { timers, wall: shift = timers, judged: expected } of steps) {
      // Timers run as the time that they measure goes by.
      for (let left = timers; left > 0; left -= 100) {
        wall = epochMillis(wall + 100);
        context.mock.timers.tick(100);
      }
      if (shift !== timers) wall = epochMillis(wall + shift);
      assert.equal(judged, expected, `${timers} ms, wall clock by ${shift} ms`);
    }
    context.mock.timers.reset();
    await loop.close();
  });
}
