import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import { auditVerify } from "../audit-verify.ts";
import type { CliIo } from "../cli-io.ts";
import type { Steps } from "./steps.ts";

const RECORDED_MS = 2_000;

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
  steps.part("Every decision is a record; each record holds the hash of the one before.");
  await steps.take("sluice audit verify", "intact, exit 4", async () => {
    const { exit, text } = await verify(io, directory);
    return exit === 4 ? "intact, exit 4" : `exit ${exit}: ${text}`;
  });
  steps.say("         (4 is: intact, but no signed head kept elsewhere shows that nothing is missing at its very end.)");
  await steps.take("the same on a copy, one bit turned", "tampered, exit 1", async () => {
    mkdirSync(copy);
    const [first = "", ...others] = await listSegments(directory);
    const octets = readFileSync(first);
    const victim = octets.indexOf("evil.example");
    octets.writeUInt8(octets.readUInt8(victim) ^ 1, victim);
    writeFileSync(join(copy, basename(first)), octets);
    for (const other of others) writeFileSync(join(copy, basename(other)), readFileSync(other));
    const { exit, text } = await verify(io, copy);
    steps.say(`         (evil.example is now ${octets.toString("latin1", victim, victim + 12)} there. The verifier says:`);
    steps.say(`         ${text.split("\n")[1]?.trim().slice(copy.length + 1) ?? ""})`);
    return exit === 1 ? "tampered, exit 1" : `exit ${exit}: ${text}`;
  });
}

async function verify(io: CliIo, directory: string): Promise<{ readonly exit: number; readonly text: string }> {
  let text = "";
  const take = (more: string): void => {
    text += more;
  };
  return { exit: await auditVerify([directory], { ...io, stdout: take, stderr: take }), text };
}
