import type { EpochMillis } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { quoted } from "../router/core/document/quoted.ts";
import { matchesGlob } from "./glob.ts";
import type { ShownRecord } from "./shown-record.ts";
import { parseTimeArgument } from "./time-argument.ts";

export type RecordFilter = (record: ShownRecord) => boolean;

/** For `parseArgs`. */
export const FILTER_OPTIONS = {
  kind: { type: "string", multiple: true },
  decision: { type: "string", multiple: true },
  reason: { type: "string", multiple: true },
  rule: { type: "string", multiple: true },
  request: { type: "string", multiple: true },
  stream: { type: "string", multiple: true },
  host: { type: "string", multiple: true },
  since: { type: "string" },
  until: { type: "string" },
  seq: { type: "string" },
} as const;

export const FILTER_USAGE =
  "[--kind PREFIX] [--decision allow|deny|none] [--reason R] [--rule R] [--request ID] [--stream PREFIX]\n" +
  "  [--host GLOB|TEXT] [--since TIME|15m] [--until TIME|5m] [--seq A..B]";

/** What `parseArgs` gives for `FILTER_OPTIONS`. */
export type FilterTexts = {
  readonly [Name in keyof typeof FILTER_OPTIONS]?: (typeof FILTER_OPTIONS)[Name] extends { readonly multiple: true }
    ? string[]
    : string;
};

/** The bounds of the two ranges are in them. */
type Repeated = "kind" | "decision" | "reason" | "rule" | "request" | "stream" | "host";

const MAXIMUM = 256;

/** What one option, given one text, asks of a record. */
const TESTS: { readonly [Name in Repeated]: (text: string) => RecordFilter } = {
  kind: (text) => (record) => record.kind.startsWith(text),
  decision: (text) => (record) => record.decision === (text === "-" ? "none" : text),
  reason: (text) => (record) => record.reason === text,
  rule: (text) => (record) => record.rule === text,
  request: (text) => (record) => record.request === text,
  stream: (text) => (record) => record.stream.startsWith(text),
  host: hostTest,
};

/** The forms that can match at all. */
const FORMS: { readonly [Name in Repeated]?: RegExp } = {
  kind: /^[a-z][a-z_.]*$/,
  decision: /^(?:allow|deny|none|-)$/,
  stream: /^[0-9a-f]{1,32}$/,
};

/** True of a record for which every option holds; of an option that is given twice, either. The problem is a sentence. */
export function parseFilter(texts: FilterTexts, now: EpochMillis): Result<RecordFilter, string> {
  const filters: RecordFilter[] = [];
  for (const name of Object.keys(TESTS) as Repeated[]) {
    const given = texts[name];
    if (given === undefined) continue;
    const wrong = given.find((text) => text === "" || text.length > MAXIMUM || FORMS[name]?.test(text) === false);
    if (wrong !== undefined) return fail(`--${name}: ${quoted(wrong)} matches no record`);
    const tests = given.map(TESTS[name]);
    filters.push((record) => tests.some((test) => test(record)));
  }
  const since = texts.since === undefined ? ok("") : parseTimeArgument(texts.since, now);
  const until = texts.until === undefined ? ok("~") : parseTimeArgument(texts.until, now);
  if (!since.ok) return fail(`--since: ${since.problem}`);
  if (!until.ok) return fail(`--until: ${until.problem}`);
  if (since.value > until.value) return fail("--until is before --since");
  filters.push(({ time }) => time >= since.value && time <= until.value);
  const range = parseRange(texts.seq ?? "..");
  if (range === undefined) return fail(`--seq: ${quoted(texts.seq ?? "")} is no range such as 10..20, 10.. or 10`);
  filters.push(({ seq }) => seq >= range.first && seq <= range.last);
  return ok((record) => filters.every((filter) => filter(record)));
}

function hostTest(text: string): RecordFilter {
  const sought = text.toLowerCase();
  if (!/[*?]/.test(sought)) return ({ target }) => target.toLowerCase().includes(sought);
  return (record) => {
    const target = record.target.toLowerCase();
    return matchesGlob(sought, target) || matchesGlob(sought, target.replace(/:[0-9]{1,5}$/, ""));
  };
}

function parseRange(text: string): { readonly first: number; readonly last: number } | undefined {
  const groups = /^(?<first>[0-9]{0,15})(?<dots>\.\.)?(?<last>[0-9]{0,15})$/.exec(text)?.groups;
  if (groups === undefined || text === "") return undefined;
  const { first: from = "", dots, last: to = "" } = groups;
  if (dots === undefined && to !== "") return undefined;
  const first = Number(from);
  const last = dots === undefined ? first : to === "" ? Infinity : Number(to);
  return first <= last ? { first, last } : undefined;
}
