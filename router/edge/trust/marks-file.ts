import { epochMillis } from "../../core/base/quantity.ts";
import type { HighWaterMark } from "../../core/policy/freshness.ts";
import { isObject, parseJson, unknownMember } from "./json-object.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Marks by kind, then by name. */
export type Marks = ReadonlyMap<string, ReadonlyMap<string, HighWaterMark>>;

/** Some 200 octets a mark; a pod has a handful. */
export const MAXIMUM_MARKS_FILE = 1024 * 1024;

const FORMAT = 1;
const fileMembers = ["format", "marks"];
const markMembers = ["kind", "name", "version", "digest", "issuedAt", "lastSeen"];

/** `{"format":1,"marks":[{kind,name,version,digest,issuedAt,lastSeen}...]}`; times in ms since 1970. */
export function formatMarks(marks: Marks): string {
  const rows = [...marks].flatMap(([kind, names]) => [...names].map(([name, mark]) => ({ kind, name, ...mark })));
  return `${JSON.stringify({ format: FORMAT, marks: rows })}\n`;
}

/** Undefined where anything at all is not as `formatMarks` writes it. */
export function parseMarks(octets: Uint8Array): Marks | undefined {
  const file = parseJson(decodeUtf8(octets) ?? "");
  if (!isObject(file) || unknownMember(file, fileMembers) !== undefined) return undefined;
  const { format, marks: rows } = file;
  if (format !== FORMAT || !Array.isArray(rows) || octets.length > MAXIMUM_MARKS_FILE) return undefined;
  const marks = new Map<string, Map<string, HighWaterMark>>();
  for (const row of rows as readonly unknown[]) {
    const mark = readMark(row);
    if (mark === undefined) return undefined;
    const names = marks.get(mark.kind) ?? new Map<string, HighWaterMark>();
    if (names.has(mark.name)) return undefined;
    marks.set(mark.kind, names.set(mark.name, mark.mark));
  }
  return marks;
}

function readMark(
  row: unknown,
): { readonly kind: string; readonly name: string; readonly mark: HighWaterMark } | undefined {
  if (!isObject(row) || unknownMember(row, markMembers) !== undefined) return undefined;
  const { kind, name, version, digest, issuedAt, lastSeen } = row;
  if (typeof kind !== "string" || typeof name !== "string" || kind === "" || name === "") return undefined;
  if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined;
  if (!isCount(version) || version === 0 || !isCount(issuedAt) || !isCount(lastSeen)) return undefined;
  return { kind, name, mark: { version, digest, issuedAt: epochMillis(issuedAt), lastSeen: epochMillis(lastSeen) } };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
