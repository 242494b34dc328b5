import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { formatTlogProof, parseTlogProof } from "../../router/core/tlog/tlog-proof.ts";
import { listSegments } from "../../router/edge/audit/read-segments.ts";

/** The host of a refusal that the tour has on record, and what it reads with one bit turned. */
export const VICTIM = "evil.example";
const FORGED = "dvil.example";
const NEWLINE = "\n";

/** Copies the segments, and none of the signed heads beside them, without the last `records` records, which lie in the last segment. */
export async function copyCutOff(log: string, copy: string, records: number): Promise<void> {
  mkdirSync(copy);
  const segments = await listSegments(log);
  for (const segment of segments) {
    const lines = readFileSync(segment, "latin1").split(NEWLINE).slice(0, -1);
    const kept = segment === segments.at(-1) ? lines.slice(0, -records) : lines;
    writeFileSync(join(copy, basename(segment)), kept.map((line) => `${line}${NEWLINE}`).join(""), "latin1");
  }
}

/** Copies the segments with one bit turned where `VICTIM` first stands. */
export async function copyWithOneBitTurned(log: string, copy: string): Promise<void> {
  mkdirSync(copy);
  let isTurned = false;
  for (const segment of await listSegments(log)) {
    const octets = readFileSync(segment);
    const victim = isTurned ? -1 : octets.indexOf(VICTIM);
    if (victim !== -1) isTurned = octets.write(FORGED, victim) > 0;
    writeFileSync(join(copy, basename(segment)), octets);
  }
}

/** A proof of a record about `VICTIM`, with the same bit turned in the record that it shows. */
export function withAlteredRecord(proof: string): string {
  const parsed = parseTlogProof(proof);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  const record = Buffer.from(parsed.value.extra ?? []).toString("latin1");
  return formatTlogProof({ ...parsed.value, extra: Buffer.from(record.replace(VICTIM, FORGED), "latin1") });
}
