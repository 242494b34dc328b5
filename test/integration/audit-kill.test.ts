import assert from "node:assert/strict";
import { test } from "node:test";
import { auditRecords } from "../fakes/audit-records.ts";
import { uncovered, verifyPrinted } from "../fakes/printed-heads.ts";
import { type SidecarStarts, sidecarStarts } from "../fakes/sidecar-starts.ts";
import { tokenLoad } from "../fakes/token-load.ts";
import { type TokenOrigin, tokenOrigin, tokenRules } from "../fakes/token-origin.ts";
import { eventually } from "../unit/edge/audit/log-fixture.ts";

/** More of them: `SLUICE_AUDIT_KILLS=200 npm test -- audit-kill`. */
const KILLS = Number(process.env["SLUICE_AUDIT_KILLS"] ?? "8");
// To a sidecar it would be a setting that it does not know.
delete process.env["SLUICE_AUDIT_KILLS"];
/** Sidecars that are killed side by side, each with a log of its own, by their segments' size: the second rotates all the time. */
const SIDE_BY_SIDE = ["64Ki", "2Ki"];
const LANES = 24;

async function place(origin: TokenOrigin, segmentBytes: string): Promise<SidecarStarts> {
  return sidecarStarts({
    ...tokenRules(origin.port),
    audit: [`segmentBytes: ${segmentBytes}`, "checkpoint: { records: 40, interval: 15ms }"],
    settings: ["limits: { drain: 200ms }"],
  });
}

/** Starts, loads and kills; every fifth time at any moment of the start. Returns what was answered with 200. */
async function killOnce(starts: SidecarStarts, origin: TokenOrigin, round: number): Promise<ReadonlySet<string>> {
  const { child, exited, listening } = starts.start();
  const isEarly = round % 5 === 4;
  if (!isEarly) assert.ok(await listening(), starts.output().slice(-2_000));
  await using load = tokenLoad(starts.port, origin.port, LANES);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * (isEarly ? 250 : 450)));
  // Whole milliseconds would hit the same places again and again.
  for (let spin = Math.random() * 200_000; spin > 0; spin -= 1);
  child.kill("SIGKILL");
  await exited;
  await load.stop();
  assert.equal(load.refused.get("audit_unavailable"), undefined);
  return load.answered;
}

test(`INV-AUDIT-CRASH: kill -9 of the sidecar under load, ${KILLS} times: what an origin saw is on record, and every head holds`, async (t) => {
  await using origin = await tokenOrigin();
  const places = await Promise.all(SIDE_BY_SIDE.map((size) => place(origin, size)));
  t.after(() => Promise.all(places.map((starts) => starts[Symbol.asyncDispose]())));
  const answered: ReadonlySet<string>[] = [];
  const began = performance.now();
  let round = 0;
  const kill = async (starts: SidecarStarts): Promise<void> => {
    while (round < KILLS) {
      round += 1;
      answered.push(await killOnce(starts, origin, round));
    }
  };
  await Promise.all(places.map(kill));
  const took = (performance.now() - began) / 1_000;

  const recorded = new Set<unknown>();
  let allowed = 0;
  let heads = 0;
  let segments = 0;
  let torn = 0;
  for (const starts of places) {
    // Whoever comes next goes on, and can stop.
    const last = starts.start();
    assert.ok(await last.listening());
    await eventually("it says so", () => last.output().includes('"listening"'));
    last.child.kill("SIGTERM");
    assert.equal(await last.exited, 0);
    for (const { kind, decision, detail } of auditRecords(starts.auditDirectory)) {
      if (kind === "recovery") torn += 1;
      if (kind !== "egress.decision" || decision !== "allow") continue;
      allowed += 1;
      recorded.add(detail["trace"]);
    }
    const verdict = await verifyPrinted(starts.output(), starts.auditDirectory);
    assert.deepEqual([verdict.exit, verdict.report?.damage, uncovered(verdict)], [0, undefined, []]);
    segments += verdict.report?.segments ?? 0;
    heads += verdict.anchors?.length ?? 0;
  }
  const unrecorded = (tokens: ReadonlySet<string>): string[] => [...tokens].filter((token) => !recorded.has(token));
  assert.deepEqual(unrecorded(origin.tokens), [], "an origin saw what is not on record");
  for (const tokens of answered) assert.deepEqual(unrecorded(tokens), [], "a 200 for what is not on record");
  assert.equal(recorded.size, allowed, "no record twice");
  assert.ok(origin.connections <= allowed, `${origin.connections} connections, ${allowed} records`);
  assert.ok(origin.tokens.size > KILLS * 4, `${origin.tokens.size} requests reached the origin`);
  t.diagnostic(
    `${KILLS} kills in ${took.toFixed(1)} s: ${origin.tokens.size} requests seen by the origin, ${allowed} allowed on record, ` +
      `${segments} segments, ${heads} printed heads covered, ${torn} torn tails`,
  );
});
