import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseCheckpointNote } from "../../router/core/tlog/checkpoint-note.ts";
import { recordsOf } from "./recorded.ts";
import type { Sidecar } from "./sidecar.ts";

const PATIENCE_MS = 5_000;
const AGAIN_MS = 20;

export interface KeptHeads {
  /** Where the sidecar keeps its newest signed head. */
  readonly head: string;
  /** Written here: the last line of the sidecar's own log with a head that the witness has cosigned. */
  readonly cosigned: string;
}

/** Waits until the log's last record is under a head that is kept elsewhere, and that the witness has cosigned. */
export async function keepHeads(sidecar: Sidecar, { head, cosigned }: KeptHeads): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await sleep(AGAIN_MS)) {
    const { length } = await recordsOf(sidecar.audit);
    if (!existsSync(head) || sizeOf(readFileSync(head, "utf8")) !== length) continue;
    const line = lastCosigned(readFileSync(sidecar.log, "utf8"));
    if (line === undefined || sizeOf((JSON.parse(line) as { readonly checkpoint: string }).checkpoint) !== length) {
      continue;
    }
    writeFileSync(cosigned, `${line}\n`);
    return;
  }
  throw new Error(`the audit log's head was not signed and cosigned. The sidecar's last words:\n${sidecar.lastWords}`);
}

function lastCosigned(log: string): string | undefined {
  // What follows the last newline is still being written.
  const lines = log.split("\n").slice(0, -1);
  return lines.findLast((line) => line.includes('"audit checkpoint, cosigned"'));
}

function sizeOf(note: string): number | undefined {
  const parsed = parseCheckpointNote(note);
  return parsed.ok ? parsed.value.checkpoint.size : undefined;
}
