import type { ChainReport } from "../../core/audit/chain-report.ts";
import type { StreamHead } from "../../core/audit/stream-heads.ts";
import { ChainVerifier } from "../../core/audit/verify-chain.ts";
import { nodeHash } from "./node-hash.ts";
import { readLines } from "./read-segments.ts";

/**
 * Verifies files as one chain, in the order given, and computes the heads that are asked for. Constant memory; throws
 * what the file system throws.
 */
export async function verifyLog(
  files: readonly string[],
  wanted: readonly Omit<StreamHead, "root">[] = [],
): Promise<ChainReport> {
  const verifier = new ChainVerifier(nodeHash, wanted);
  for (const file of files) {
    if (!(await readLines(file, (line) => verifier.add(line)))) break;
  }
  return verifier.finish();
}
