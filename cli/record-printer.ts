import { styleText } from "node:util";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { CliIo } from "./cli-io.ts";
import { accent, HEADING, recordLine } from "./record-line.ts";
import type { ShownRecord } from "./shown-record.ts";
import { shownJson, shownText, shownWord } from "./shown-text.ts";
import type { Viewer } from "./viewer.ts";

/** For `parseArgs`. */
export const PRINT_OPTIONS = { json: { type: "boolean" }, color: { type: "string" } } as const;
export const PRINT_USAGE = "[--json] [--color auto|always|never]";

export interface Look {
  readonly json: boolean;
  readonly colors: boolean;
  /** Of a terminal: no line is longer. Undefined: it is not a terminal, and no line is folded. */
  readonly columns: number | undefined;
}

/** A line of the text form is made for this; a narrower terminal wraps it. */
const LEAST_COLUMNS = 120;
/** Where a folded line goes on: below its kind, so that nothing in a record can look like another one. */
const INDENT = " ".repeat(19);
/** Other files have a million lines that are no record. */
const MOST_DAMAGES = 10;
const FULL = 32_768;
const EXCERPT = 60;
const MAXIMUM_PATH = 500;

export function lookOf(json: boolean, color: string, viewer: Viewer): Result<Look, string> {
  if (color !== "auto" && color !== "always" && color !== "never") return fail("--color is auto, always or never");
  const colors = color === "always" || (color === "auto" && viewer.colors);
  return ok({ json, colors, columns: viewer.columns });
}

/** Prints records as lines, or as they stand in the log (`json`), on standard output; what is none, beside it. */
export class RecordPrinter {
  readonly #io: CliIo;
  readonly #look: Look;
  #pending = "";
  #headed = false;
  #stream = "";
  #day = "";
  /** Of the file that had the last line that is no record. */
  #damaged = { file: "", count: 0 };

  constructor(io: CliIo, look: Look) {
    this.#io = io;
    this.#look = look;
  }

  /** `line` is the record as it stands in the log. */
  record(record: ShownRecord, line: string): void {
    const { json, colors, columns } = this.#look;
    if (json) {
      // On a terminal nobody hashes it, and a record must not steer one.
      this.#print(columns === undefined ? line : shownJson(line));
      return;
    }
    if (!this.#headed) this.#print(this.#styled("dim", HEADING));
    this.#headed = true;
    if (record.stream !== this.#stream || !record.time.startsWith(this.#day)) this.#separate(record, "");
    const text = this.#fit(recordLine(record));
    const paint = colors ? accent(record) : undefined;
    if (paint === undefined) return this.#print(text);
    const { start, end, format } = paint;
    this.#print(text.slice(0, start) + this.#styled(format, text.slice(start, end)) + text.slice(end));
  }

  /** This record, shown or not, is the first of another stream than the one before. */
  restarted(record: ShownRecord): void {
    this.#separate(record, "the writer was started again: ");
  }

  /** A line that is no record. Of one file the first few are shown; `tellDamages` says how many more there were. */
  damaged(file: string, place: string, what: string, text: string | undefined): void {
    if (file !== this.#damaged.file) this.tellDamages();
    this.#damaged = { file, count: this.#damaged.count + 1 };
    if (this.#damaged.count > MOST_DAMAGES) return;
    const excerpt = text === undefined || text === "" ? "" : `: ${shownText(text, EXCERPT)}`;
    this.note(`${shownText(file, MAXIMUM_PATH)}${place}: ${what}${excerpt}`, "!!");
  }

  tellDamages(): void {
    const { file, count } = this.#damaged;
    this.#damaged = { file: "", count: 0 };
    const more = count - MOST_DAMAGES;
    if (more > 0) this.note(`${shownText(file, MAXIMUM_PATH)}: ${more} more like this`, "!!");
  }

  /** A line about the log, beside those of its records. */
  note(text: string, mark: "--" | "!!" = "--"): void {
    const line = this.#styled(mark === "!!" ? "yellow" : "dim", this.#fit(`${mark} ${text}`));
    if (this.#look.json) this.#io.stderr(`${line}\n`);
    else this.#print(line);
  }

  flush(): void {
    if (this.#pending !== "") this.#io.stdout(this.#pending);
    this.#pending = "";
  }

  #separate({ stream, time, seq, actor }: ShownRecord, why: string): void {
    this.#stream = stream;
    this.#day = time.slice(0, 10);
    const who = `${shownWord(actor.namespace, 80)}/${shownWord(actor.pod, 80)}`;
    this.note(`${why}${this.#day}, stream ${stream} of ${who}, from record ${seq}`);
  }

  #fit(line: string): string {
    const { columns } = this.#look;
    return columns === undefined ? line : folded(line, Math.max(columns, LEAST_COLUMNS));
  }

  #styled(format: "red" | "green" | "yellow" | "dim", text: string): string {
    return this.#look.colors ? styleText(format, text, { validateStream: false }) : text;
  }

  #print(line: string): void {
    this.#pending += `${line}\n`;
    if (this.#pending.length >= FULL) this.flush();
  }
}

function folded(line: string, width: number): string {
  let text = "";
  let rest = line;
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const at = space > width / 2 ? space : width;
    text += `${rest.slice(0, at).trimEnd()}\n`;
    rest = INDENT + rest.slice(at).trimStart();
  }
  return text + rest;
}
