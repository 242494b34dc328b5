import { assertNever } from "../base/assert-never.ts";
import { cloudEventText } from "./cloud-event.ts";
import { type DurableRecord, type ExportedRecord, readRecord } from "./exported-record.ts";
import { ocsfEvent } from "./ocsf-event.ts";

/** `jsonl`: the lines as they are. `cloudevents`: 1.0.2, JSON batch format. `ocsf`: 1.8.0, a JSON array of events. */
export type ExportFormat = "jsonl" | "cloudevents" | "ocsf";

/** What goes out in one request, in UTF-8. */
export interface ExportBody {
  readonly contentType: string;
  readonly body: string;
  /** Lines that are no record of this version, and so are not in the body; always 0 for `jsonl`, which looks at none. */
  readonly unreadable: number;
}

/**
 * The body that carries these records, in their order. Work and size are proportional to the lines: a kilobyte and at
 * most four times its octets for each. `version` is that of this build.
 */
export function exportBody(format: ExportFormat, records: readonly DurableRecord[], version: string): ExportBody {
  switch (format) {
    case "jsonl":
      return {
        contentType: "application/x-ndjson",
        body: records.map(({ line }) => `${line}\n`).join(""),
        unreadable: 0,
      };
    case "cloudevents":
      return jsonList("application/cloudevents-batch+json", records, cloudEventText);
    case "ocsf":
      return jsonList("application/json", records, (record, line, leaf) =>
        JSON.stringify(ocsfEvent(record, line, leaf, version)),
      );
    default:
      return assertNever(format);
  }
}

function jsonList(
  contentType: string,
  records: readonly DurableRecord[],
  write: (record: ExportedRecord, line: string, leaf: string) => string,
): ExportBody {
  const events: string[] = [];
  for (const { line, leaf } of records) {
    const record = readRecord(line);
    if (record !== undefined) events.push(write(record, line, leaf));
  }
  return { contentType, body: `[${events.join(",")}]`, unreadable: records.length - events.length };
}
