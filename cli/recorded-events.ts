import { closeSync, openSync, readSync } from "node:fs";
import { MAXIMUM_LINE_BYTES } from "../router/core/audit/record.ts";
import type { RecordedEvent } from "../router/core/behavior/replay-behavior.ts";
import { readRecord, type ShownRecord } from "./shown-record.ts";

/** What was read besides records. */
export interface Tally {
  records: number;
  /** Lines that are no records, and what follows a line that is longer than any. */
  damaged: number;
}

const NEWLINE = 0x0a;

/** The records of segments, one at a time: a replay pulls, and holds one. Throws what the file system throws. */
export function* recordedEvents(files: readonly string[], tally: Tally): Generator<RecordedEvent, void, undefined> {
  for (const file of files) {
    for (const line of linesOf(file)) {
      const record = readRecord(line);
      if (!record.ok) {
        tally.damaged += 1;
        continue;
      }
      tally.records += 1;
      // `readRecord` has seen that it is there.
      const { uptime, ...event } = record.value as ShownRecord & { readonly uptime: number };
      yield { ...event, uptime, at: Date.parse(event.time) };
    }
  }
}

/** Undefined: no text, too long, or cut off. */
function* linesOf(file: string): Generator<string | undefined, void, undefined> {
  const handle = openSync(file, "r");
  try {
    const bytes = Buffer.allocUnsafeSlow(4 * MAXIMUM_LINE_BYTES);
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    let held = 0;
    for (;;) {
      const count = readSync(handle, bytes, held, bytes.length - held, null);
      const filled = held + count;
      const read = bytes.subarray(0, filled);
      let start = 0;
      for (let end = read.indexOf(NEWLINE); end !== -1; end = read.indexOf(NEWLINE, start)) {
        yield textOf(decoder, read.subarray(start, end));
        start = end + 1;
      }
      held = filled - start;
      if (held >= MAXIMUM_LINE_BYTES || (count === 0 && held > 0)) yield undefined;
      if (held >= MAXIMUM_LINE_BYTES || count === 0) return;
      bytes.copyWithin(0, start, filled);
    }
  } finally {
    closeSync(handle);
  }
}

function textOf(decoder: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
