import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** As much of a record as tests ask about. */
export interface ReadRecord {
  readonly kind: string;
  readonly action: string;
  readonly target: string;
  readonly decision: string;
  readonly reason: string | null;
  readonly rule: string | null;
  readonly request: string | null;
  readonly seq: number;
  readonly detail: Record<string, unknown>;
}

/** Every record of a directory, in the order of its segments. A line that is being written is not one yet. */
export function auditRecords(directory: string): ReadRecord[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".jsonl"))
    .toSorted()
    .flatMap((name) => readFileSync(join(directory, name), "utf8").split("\n").slice(0, -1))
    .map((line) => JSON.parse(line) as ReadRecord);
}

/** Waits until the directory holds a record for which `found` is true. */
export async function auditRecord(directory: string, found: (record: ReadRecord) => boolean): Promise<ReadRecord> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const record = auditRecords(directory).find(found);
    if (record !== undefined) return record;
    if (Date.now() > deadline) throw new Error(`no such record in ${directory}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
