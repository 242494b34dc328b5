import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { formatTlogProof, parseTlogProof } from "../../router/core/tlog/tlog-proof.ts";
import { listSegments } from "../../router/edge/audit/read-segments.ts";

/** The host of a refusal that the tour has on record; `dvil.example` is one bit away. */
export const VICTIM = "evil.example";
const NEWLINE = 0x0a;

/** Copies the segments of a log, and none of the signed heads beside them, without the last `records` records. */
export async function copyCutOff(log: string, copy: string, records: number): Promise<void> {
  mkdirSync(copy);
  const segments = await listSegments(log);
  const last = segments.pop();
  for (const segment of segments) writeCopy(copy, segment, readFileSync(segment));
  if (last === undefined) throw new Error(`there is no segment in ${log}`);
  const octets = readFileSync(last);
  // What follows the last newline is still being written; before each newline ends one record.
  let end = octets.lastIndexOf(NEWLINE);
  for (let cut = 0; cut < records; cut += 1) end = octets.lastIndexOf(NEWLINE, end - 1);
  writeCopy(copy, last, octets.subarray(0, end + 1));
}

/** Copies the segments of a log with one bit turned, where `VICTIM` first stands. */
export async function copyWithOneBitTurned(log: string, copy: string): Promise<void> {
  mkdirSync(copy);
  let isTurned = false;
  for (const segment of await listSegments(log)) {
    const octets = readFileSync(segment);
    isTurned = isTurned || turnOneBit(octets);
    writeCopy(copy, segment, octets);
  }
}

/** A proof of a record about `VICTIM`, with one bit turned in the record that it shows. */
export function withRecordTurned(proof: string): string {
  const parsed = parseTlogProof(proof);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  const extra = Buffer.from(parsed.value.extra ?? []);
  turnOneBit(extra);
  return formatTlogProof({ ...parsed.value, extra });
}

/** False where `VICTIM` is not in there. */
function turnOneBit(octets: Buffer): boolean {
  const at = octets.indexOf(VICTIM);
  if (at !== -1) octets.writeUInt8(octets.readUInt8(at) ^ 1, at);
  return at !== -1;
}

function writeCopy(directory: string, file: string, octets: Uint8Array): void {
  writeFileSync(join(directory, basename(file)), octets);
}
