import { quantityText, spanText } from "./amount-text.ts";
import { detailTexts } from "./detail-text.ts";
import type { ShownRecord } from "./shown-record.ts";
import { cutText, shownWord } from "./shown-text.ts";

interface Column {
  readonly title: string;
  /** What is longer takes from the slack of the columns behind it. */
  readonly width: number;
  readonly isNumber?: true;
  readonly text: (record: ShownRecord) => string;
}

export interface Accent {
  readonly start: number;
  readonly end: number;
  readonly format: "red" | "green" | "yellow";
}

/** With a request id as the router makes them, 120 characters. */
const COLUMNS: readonly Column[] = [
  // The day stands in the line above; the writer has no other zone than UTC.
  { title: "TIME (UTC)", width: 12, text: ({ time }) => time.slice(11, 23) },
  { title: "", width: 5, text: ({ decision }) => (decision === "none" ? "-" : decision) },
  { title: "KIND", width: 15, text: ({ kind }) => shownWord(kind, 40) },
  { title: "ACTION", width: 8, text: ({ action }) => shownWord(action, 60) },
  { title: "TARGET", width: 26, text: targetText },
  { title: "REASON OR RULE", width: 17, text: ({ reason, rule }) => shownWord(reason ?? rule, 100) },
  { title: "OUT", width: 5, isNumber: true, text: ({ detail }) => quantityText(detail["bytesOut"]) ?? "" },
  { title: "IN", width: 5, isNumber: true, text: ({ detail }) => quantityText(detail["bytesIn"]) ?? "" },
  { title: "TOOK", width: 6, isNumber: true, text: ({ detail }) => spanText(detail["millis"]) ?? "" },
  { title: "REQUEST", width: 0, text: ({ request }) => shownWord(request, 100) },
];
/** All that a record of the router itself has; its details begin behind them. */
const OWN_COLUMNS = COLUMNS.slice(0, 5);

/** What the router writes of itself is shorter. */
const MAXIMUM = 2_000;

const DECISION = { start: 13, end: 18 };
const DECISION_AND_KIND = { start: 13, end: 34 };

/** What people look for first. */
const ALARMING: ReadonlySet<string> = new Set(["gap", "recovery", "clock", "policy.refused"]);

/** Above the lines. */
export const HEADING = lay(
  COLUMNS.map(({ title }) => title),
  COLUMNS,
).trimEnd();

/** A record in one line: the columns, then whatever its detail holds besides, as `name=value`. */
export function recordLine(record: ShownRecord): string {
  const { request, rule, reason } = record;
  const isOwn = request === null && rule === null && reason === null && record.detail["bytesOut"] === undefined;
  const columns = isOwn ? OWN_COLUMNS : COLUMNS;
  const cells = columns.map(({ text }) => text(record));
  return cutText([lay(cells, columns), ...detailTexts(record)].join(" ").trimEnd(), MAXIMUM);
}

/** Which part of its line is coloured, and how; undefined for what is neither good nor bad. */
export function accent(record: ShownRecord): Accent | undefined {
  if (record.decision === "deny") return { ...DECISION_AND_KIND, format: "red" };
  if (ALARMING.has(record.kind)) return { ...DECISION_AND_KIND, format: "yellow" };
  return record.decision === "allow" ? { ...DECISION, format: "green" } : undefined;
}

/** Of a segment's name the stream stands in the line above. */
function targetText({ kind, target }: ShownRecord): string {
  return shownWord(target, kind === "segment" ? 26 : 300);
}

function lay(cells: readonly string[], columns: readonly Column[]): string {
  let line = "";
  let end = 0;
  for (const [index, { width, isNumber }] of columns.entries()) {
    if (index > 0) line += " ";
    end += width + (index > 0 ? 1 : 0);
    const cell = cells[index] ?? "";
    line = isNumber === true ? line + cell.padStart(end - line.length) : (line + cell).padEnd(end);
  }
  return line;
}
