import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { auditVerify } from "../../cli/audit-verify.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { auditRecords } from "../fakes/audit-records.ts";
import { type SidecarStarts, sidecarStarts } from "../fakes/sidecar-starts.ts";
import { tokenLoad } from "../fakes/token-load.ts";
import { type TokenOrigin, tokenOrigin } from "../fakes/token-origin.ts";
import { eventually } from "../unit/edge/audit/log-fixture.ts";

/** More of them: `SLUICE_AUDIT_KILLS=200 npm test -- audit-kill`. */
const KILLS = Number(process.env["SLUICE_AUDIT_KILLS"] ?? "8");
// To a sidecar it would be a setting that it does not know.
delete process.env["SLUICE_AUDIT_KILLS"];
/** Sidecars that are killed side by side, each with a log of its own: one for each core. */
const SIDE_BY_SIDE = 2;
const LANES = 24;

async function place(origin: TokenOrigin): Promise<SidecarStarts> {
  const at = `ports: [${origin.port}], addresses: ["127.0.0.1:${origin.port}"]`;
  return sidecarStarts({
    allow: [
      `{ id: tunnel, hosts: [tunnel.example], ${at}, protocol: tcp }`,
      `{ id: web, hosts: [web.example], ${at}, protocol: http, http: { methods: [GET], paths: ["/**"] } }`,
    ],
    hosts: { "tunnel.example": ["127.0.0.1"], "web.example": ["127.0.0.1"] },
    audit: ["segmentBytes: 64Ki", "checkpoint: { records: 40, interval: 15ms }"],
    settings: ["limits: { drain: 200ms }"],
  });
}

/** Starts, loads and kills; every fifth time at any moment of the start. Returns what was answered with 200. */
async function killOnce(starts: SidecarStarts, origin: TokenOrigin, round: number): Promise<ReadonlySet<string>> {
  const { child, exited, listening } = starts.start();
  const isEarly = round % 5 === 4;
  if (!isEarly) assert.ok(await listening(), starts.output().slice(-2_000));
  const load = tokenLoad(starts.port, origin.port, LANES);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * (isEarly ? 250 : 450)));
  // Whole milliseconds would hit the same places again and again.
  for (let spin = Math.random() * 200_000; spin > 0; spin -= 1);
  child.kill("SIGKILL");
  await exited;
  await load.stop();
  assert.equal(load.refused.get("audit_unavailable"), undefined);
  return load.answered;
}

interface Verdict {
  readonly logs: readonly {
    readonly report: { readonly records: number; readonly segments: number; readonly streams: number };
    readonly anchors: readonly { readonly verdict: string; readonly stream: string; readonly signedBy: string }[];
    readonly checkpoints: readonly { readonly verdict: string; readonly signedBy: string }[];
  }[];
}

test(`INV-AUDIT-CRASH: kill -9 of the sidecar under load, ${KILLS} times: what an origin saw is on record, and every head holds`, async (t) => {
  await using origin = await tokenOrigin();
  const places = await Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => place(origin)));
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
    const printed = join(starts.directory, "printed");
    writeFileSync(printed, starts.output());
    let out = "";
    const say = (text: string): void => void (out += text);
    const io = { stdout: say, stderr: say, cwd: starts.directory, now: () => epochMillis(0) };
    const exit = await auditVerify([starts.auditDirectory, "--anchor", printed, "--json"], io);
    assert.equal(exit, 0, out.slice(0, 2_000));
    const [log] = (JSON.parse(out) as Verdict).logs;
    assert.ok(log !== undefined);
    const notCovered = [...log.anchors, ...log.checkpoints].filter(({ verdict }) => verdict !== "covered");
    assert.deepEqual(notCovered, []);
    heads += log.anchors.length;
  }
  const unrecorded = (tokens: ReadonlySet<string>): string[] => [...tokens].filter((token) => !recorded.has(token));
  assert.deepEqual(unrecorded(origin.tokens), [], "an origin saw what is not on record");
  for (const tokens of answered) assert.deepEqual(unrecorded(tokens), [], "a 200 for what is not on record");
  assert.equal(recorded.size, allowed, "no record twice");
  assert.ok(origin.connections <= allowed, `${origin.connections} connections, ${allowed} records`);
  assert.ok(origin.tokens.size > KILLS * 4, `${origin.tokens.size} requests reached the origin`);
  t.diagnostic(
    `${KILLS} kills in ${took.toFixed(1)} s: ${origin.tokens.size} requests seen by the origin, ${allowed} allowed on record, ` +
      `${heads} printed heads covered, ${torn} torn tails`,
  );
});
