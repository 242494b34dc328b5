import type { AuditValue } from "../router/core/audit/audit-event.ts";
import { isList } from "../router/core/audit/canonical-json.ts";
import { quantityText, spanText } from "./amount-text.ts";
import type { ShownRecord } from "./shown-record.ts";
import { shownText, shownWord } from "./shown-text.ts";

/** A router's own detail has fewer members than this. */
const MOST_MEMBERS = 20;
const MOST_ITEMS = 3;
const MAXIMUM = 300;
const MAXIMUM_NAME = 60;

const WORD = /^[\w.:;/@+,#%-]+$/;

/** What a record says besides its columns, as `name=value`: every member of the detail but those that say nothing new. */
export function detailTexts(record: ShownRecord): readonly string[] {
  const { detail, policy, reason, rule, request } = record;
  const members: [name: string, value: AuditValue][] = [];
  if (reason !== null && rule !== null) members.push(["rule", rule]);
  if (request === null && policy !== null) members.push(["policy", `${policy.name}@${policy.version}`]);
  for (const [name, value] of Object.entries(detail)) {
    if (!isSaid(record, name, value)) members.push([name, briefly(record, name, value)]);
  }
  const texts = members
    .slice(0, MOST_MEMBERS)
    .map(([name, value]) => `${shownWord(name, MAXIMUM_NAME)}=${shownText(valueText(value), MAXIMUM)}`);
  return members.length > MOST_MEMBERS ? [...texts, `(${members.length - MOST_MEMBERS} more)`] : texts;
}

/** In a column already, or of no interest while all goes well; `--json` has it. */
function isSaid({ kind, reason, detail }: ShownRecord, name: string, value: AuditValue): boolean {
  if (name === "bytesOut" || name === "bytesIn") return quantityText(value) !== undefined;
  if (name === "millis") return spanText(value) !== undefined;
  if (kind === "segment") return name === "tree";
  if (!kind.startsWith("egress.")) return false;
  if (name === "outcome") return value === "completed" || value === "refused";
  const isWell = reason === null && detail["outcome"] !== "aborted";
  return name === "trace" || name === "span" || (isWell && (name === "address" || name === "addresses"));
}

/** Of the segment before it a segment record tells much; how it ended is what people ask. */
function briefly({ kind }: ShownRecord, name: string, value: AuditValue): AuditValue {
  if (kind !== "segment" || name !== "previous") return value;
  return (isObject(value) ? value["ended"] : undefined) ?? value;
}

function valueText(value: AuditValue): string {
  if (typeof value === "string") return WORD.test(value) ? value : JSON.stringify(value);
  if (!isObject(value) && (value === null || !isList(value))) return String(value);
  const items = isObject(value)
    ? Object.entries(value).map(([name, item]) => `${shownWord(name, MAXIMUM_NAME)}=${valueText(item)}`)
    : value.map(valueText);
  const more = items.length > MOST_ITEMS ? `,(${items.length - MOST_ITEMS} more)` : "";
  const text = `${items.slice(0, MOST_ITEMS).join(",")}${more}`;
  return isObject(value) ? `{${text}}` : text;
}

function isObject(value: AuditValue): value is { readonly [key: string]: AuditValue } {
  return typeof value === "object" && value !== null && !isList(value);
}
