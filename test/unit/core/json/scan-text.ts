import { fail, type Result } from "../../../../router/core/base/result.ts";
import { MemberScan } from "../../../../router/core/json/member-scan.ts";
import type { ScanPlan } from "../../../../router/core/json/scan-plan.ts";
import type { ScanProblem } from "../../../../router/core/json/scan-problem.ts";
import type { ScannedObject } from "../../../../router/core/json/scanned-object.ts";

/** What a scan says of these chunks. */
export function scanChunks(plan: ScanPlan, chunks: readonly Uint8Array[]): Result<ScannedObject, ScanProblem> {
  const scan = new MemberScan(plan);
  for (const chunk of chunks) {
    const problem = scan.push(chunk);
    // What was given may be used again for other octets.
    if (problem !== undefined) return fail(problem);
  }
  return scan.end();
}

/** The octets in chunks that are cut before each of the offsets, each in memory of its own that begins at any alignment. */
export function cutAt(octets: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const cuts = [0, ...offsets.toSorted((one, other) => one - other), octets.length];
  return cuts.slice(1).map((end, index) => {
    const piece = octets.subarray(cuts[index], end);
    const room = new Uint8Array(piece.length + 8).fill(0x22);
    room.set(piece, index % 4);
    return room.subarray(index % 4, (index % 4) + piece.length);
  });
}

/** The octets in chunks of so many. */
export function inPieces(octets: Uint8Array, size: number): Uint8Array[] {
  const offsets = Array.from(
    { length: Math.max(0, Math.ceil(octets.length / size) - 1) },
    (_, index) => (index + 1) * size,
  );
  return cutAt(octets, offsets);
}
