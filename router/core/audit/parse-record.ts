import { fail, ok, type Result } from "../base/result.ts";
import type { AuditValue } from "./audit-event.ts";
import { isCanonical, isList } from "./canonical-json.ts";
import { plainRecord } from "./plain-record.ts";
import { RECORD_VERSION } from "./record.ts";

/** What a chain is judged by; everything else in the line is covered by its leaf. */
export interface AuditRecord {
  readonly stream: string;
  readonly seq: number;
  readonly prev: string;
  readonly time: string;
  /** Any name: a verifier outlives the list of kinds that it was built with. */
  readonly kind: string;
  readonly detail: { readonly [key: string]: AuditValue };
}

type Check = (value: AuditValue) => boolean;

const text: Check = (value) => typeof value === "string";
const textOrNull: Check = (value) => value === null || typeof value === "string";
const count: Check = (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const matching =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value);

const PREV = /^[0-9a-f]{64}$/;
const STREAM = /^[0-9a-f]{32}$/;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;
const KIND = /^[a-z][a-z_.]*$/;

/** Each member of a record and what it must be; there is no other member. In canonical order. */
const MEMBERS: readonly (readonly [name: string, check: Check])[] = [
  ["action", text],
  ["actor", (value) => hasMembers(value, ACTOR)],
  ["decision", matching(/^(?:allow|deny|none)$/)],
  ["detail", (value) => typeof value === "object" && value !== null && !isList(value)],
  ["kind", matching(KIND)],
  ["policy", (value) => value === null || hasMembers(value, POLICY)],
  ["prev", matching(PREV)],
  ["reason", textOrNull],
  ["request", textOrNull],
  ["rule", textOrNull],
  ["seq", count],
  ["stream", matching(STREAM)],
  ["target", text],
  ["time", matching(TIME)],
  ["uptime", count],
  ["v", (value) => value === RECORD_VERSION],
];

const ACTOR: typeof MEMBERS = [
  ["agent", text],
  ["namespace", text],
  ["pod", text],
];

const POLICY: typeof MEMBERS = [
  ["digest", text],
  ["name", text],
  ["version", count],
];

function hasMembers(value: AuditValue, members: typeof MEMBERS): boolean {
  if (typeof value !== "object" || value === null || isList(value)) return false;
  if (Object.keys(value).length !== members.length) return false;
  return members.every(([name, check]) => {
    const member = Object.hasOwn(value, name) ? value[name] : undefined;
    return member !== undefined && check(member);
  });
}

/** `malformed`: not a record of this version. `not_canonical`: a record, but not in the only form that one is written in. */
export function parseRecord(line: string): Result<AuditRecord, "malformed" | "not_canonical"> {
  const plain = plainRecord(line);
  return plain === undefined ? parseAnyRecord(line) : ok(plain);
}

/** The same by parsing: what `plainRecord` leaves, and what the tests hold it against. */
export function parseAnyRecord(line: string): Result<AuditRecord, "malformed" | "not_canonical"> {
  let value: AuditValue;
  try {
    value = JSON.parse(line) as AuditValue;
  } catch {
    return fail("malformed");
  }
  if (!isRecord(value)) return fail("malformed");
  return isCanonical(line, value) ? ok(value) : fail("not_canonical");
}

function isRecord(value: AuditValue): value is AuditRecord & { readonly [key: string]: AuditValue } {
  return hasMembers(value, MEMBERS);
}
