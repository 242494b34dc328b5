import type { AnswerHead } from "../../router/edge/upstream/model-answer-head.ts";
import { ModelAnswerReader } from "../../router/edge/upstream/model-answer-reader.ts";

/** What a reader told, in one line for tables: `200 X: y | body | whole, keep 4000`, or the sentence of what is wrong. */
export interface AnswerReading {
  head: AnswerHead | undefined;
  content: string;
  end: string;
}

/** Gives an answer to a reader in these reads, then FIN where `fin`. Told anything after the end, it throws. */
export function readAnswer(reads: readonly Buffer[], fin = false): AnswerReading {
  const reading: AnswerReading = { head: undefined, content: "", end: "" };
  const open = (): void => {
    if (reading.end !== "") throw new Error("told after the end");
  };
  const reader = new ModelAnswerReader({
    head(head) {
      open();
      if (reading.head !== undefined) throw new Error("a second head");
      reading.head = head;
    },
    data(content) {
      open();
      if (reading.head === undefined || content.length === 0) throw new Error("data out of turn");
      reading.content += content.toString("latin1");
    },
    whole(keep) {
      open();
      reading.end = `whole, keep ${keep}`;
    },
    invalid(detail) {
      open();
      reading.end = detail;
    },
  });
  for (const read of reads) {
    if (read.length === 0) continue;
    if (reading.end === "") reader.read(read);
    // What comes after the end ends the connection: see model-client's INV-MODEL-IDLE.
    else if (reading.end.startsWith("whole")) reading.end = "whole, keep 0";
  }
  if (fin && reading.end === "") reader.end();
  return reading;
}

export function readingLine({ head, content, end }: AnswerReading): string {
  const fields = head?.fields.map(({ rawName, value }) => ` ${rawName}: ${value}`).join(",") ?? "";
  const begun = head === undefined ? "" : `${head.status}${fields} | ${content} | `;
  return `${begun}${end === "" ? "more" : end}`;
}
