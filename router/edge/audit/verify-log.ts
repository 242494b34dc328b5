import type { ChainReport } from "../../core/audit/chain-report.ts";
import { ChainVerifier } from "../../core/audit/verify-chain.ts";
import { readLines } from "./read-segments.ts";

/** Verifies files as one chain, in the order given. Constant memory; throws what the file system throws. */
export async function verifyLog(files: readonly string[]): Promise<ChainReport> {
  const verifier = new ChainVerifier();
  for (const file of files) {
    if (!(await readLines(file, (line) => verifier.add(line)))) break;
  }
  return verifier.finish();
}
