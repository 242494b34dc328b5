import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import { auditVerify } from "../audit-verify.ts";
import type { CliIo } from "../cli-io.ts";
import type { Steps } from "./steps.ts";

const RECORDED_MS = 2_000;
/** The host of a refusal that the tour has on record, and what it reads with one bit turned. */
const VICTIM = "evil.example";
const FORGED = "dvil.example";

/** The reason in the latest record of a request that has one; records of ends come a moment after the end. */
export async function recordedReason(directory: string, request: string): Promise<string> {
  for (const deadline = performance.now() + RECORDED_MS; performance.now() < deadline; await sleep(20)) {
    for (const segment of (await listSegments(directory)).toReversed()) {
      const lines = readFileSync(segment, "utf8").split("\n").slice(0, -1);
      for (const line of lines.toReversed()) {
        const record = JSON.parse(line) as { readonly request: string | null; readonly reason: string | null };
        if (record.request === request && record.reason !== null) return record.reason;
      }
    }
  }
  return "no reason on record";
}

/** The chain as it stands, and a copy of it in which one bit of one record is turned. */
export async function auditSteps(steps: Steps, io: CliIo, directory: string, copy: string): Promise<void> {
  steps.part("Every decision is on record, and every record holds the hash of the one before.");
  await steps.take("sluice audit verify", "intact (exit 4)", async () => {
    const { exit, text } = await verify(io, directory);
    return exit === 4 ? "intact (exit 4)" : `exit ${exit}: ${text}`;
  });
  steps.say(
    "         4, and not 0: no signed head that was kept elsewhere shows that nothing is missing at the very end",
  );
  let finding = "";
  await steps.take("the same, one bit of a copy turned", "tampered (exit 1)", async () => {
    await copyWithOneBitTurned(directory, copy);
    const { exit, text } = await verify(io, copy);
    finding = text.split("\n")[1]?.trim().replace(`${copy}/`, "") ?? "";
    return exit === 1 ? "tampered (exit 1)" : `exit ${exit}: ${text}`;
  });
  steps.say(`         ${FORGED} where ${VICTIM} was, found at ${finding}`);
}

async function copyWithOneBitTurned(directory: string, copy: string): Promise<void> {
  mkdirSync(copy);
  for (const segment of await listSegments(directory)) {
    const octets = readFileSync(segment);
    // The tour's own records lie in one segment, far from its 64 MiB.
    const victim = octets.indexOf(VICTIM);
    if (victim !== -1) octets.write(FORGED, victim);
    writeFileSync(join(copy, basename(segment)), octets);
  }
}

async function verify(io: CliIo, directory: string): Promise<{ readonly exit: number; readonly text: string }> {
  let text = "";
  const take = (more: string): void => {
    text += more;
  };
  return { exit: await auditVerify([directory], { ...io, stdout: take, stderr: take }), text };
}
