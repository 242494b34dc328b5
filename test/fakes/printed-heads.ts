import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditVerify } from "../../cli/audit-verify.ts";
import type { LogVerdict } from "../../cli/log-verdict.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";

/**
 * `sluice audit verify` of paths that are one log, held against every checkpoint that a sidecar has printed: each of
 * them, and each that lies beside the log, must be covered.
 */
export async function verifyPrinted(printed: string, ...paths: readonly string[]): Promise<LogVerdict> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-printed-"));
  try {
    writeFileSync(join(directory, "printed"), printed);
    let out = "";
    const say = (text: string): void => void (out += text);
    const io = { stdout: say, stderr: say, cwd: directory, now: () => epochMillis(0) };
    await auditVerify([...paths, "--anchor", "printed", "--json"], io);
    assert.match(out, /^\{"exit":/, out);
    const [log] = (JSON.parse(out) as { logs: readonly LogVerdict[] }).logs;
    assert.ok(log?.anchors !== undefined && log.checkpoints !== undefined, out);
    assert.ok(log.anchors.length > 0);
    return log;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The heads, printed or beside the log, that are not of the log's records. */
export function uncovered({ anchors = [], checkpoints = [] }: LogVerdict): readonly unknown[] {
  return [...anchors, ...checkpoints].filter(({ verdict }) => verdict !== "covered");
}
