import { basename } from "node:path";
import { parseRecord } from "../../core/audit/parse-record.ts";
import { parseSegmentName } from "../../core/audit/segment-header.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { readLines } from "./read-segments.ts";

export interface FoundStream {
  readonly stream: string;
  /** The last file that holds some of it, or says so in its name. */
  readonly file: string;
}

/** How many streams a failure names. */
const NAMED = 20;

/**
 * The stream that is wanted, or the last one of the log. The problem is the first streams that the log has. Throws what
 * the file system throws.
 */
export async function findStream(
  files: readonly string[],
  wanted: string | undefined,
): Promise<Result<FoundStream, readonly string[]>> {
  const search = new StreamSearch(wanted);
  for (const file of files) {
    const named = parseSegmentName(basename(file))?.stream;
    if (named !== undefined) search.meet(named, file);
    // A file by another name says only in its records whose it is.
    else await readRecordStreams(file, (stream) => search.meet(stream, file));
  }
  return search.finish();
}

class StreamSearch {
  readonly #wanted: string | undefined;
  readonly #streams: string[] = [];
  #found: FoundStream | undefined;

  constructor(wanted: string | undefined) {
    this.#wanted = wanted;
  }

  meet(stream: string, file: string): void {
    if (this.#streams.length < NAMED && !this.#streams.includes(stream)) this.#streams.push(stream);
    if (stream === (this.#wanted ?? stream)) this.#found = { stream, file };
  }

  finish(): Result<FoundStream, readonly string[]> {
    return this.#found === undefined ? fail(this.#streams) : ok(this.#found);
  }
}

async function readRecordStreams(file: string, meet: (stream: string) => void): Promise<void> {
  let last = "";
  await readLines(file, ({ text }) => {
    const record = text === undefined ? undefined : parseRecord(text);
    if (record?.ok === true && record.value.stream !== last) {
      last = record.value.stream;
      meet(last);
    }
    return true;
  });
}
