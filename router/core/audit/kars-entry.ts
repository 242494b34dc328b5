import { fail, ok, type Result } from "../base/result.ts";
import type { AuditValue } from "./audit-event.ts";
import { isList } from "./canonical-json.ts";

/**
 * A line of the daily files of kars (github.com/Azure/kars, `inference-router/src/audit_jsonl.rs`): an entry of the chain
 * of its library (`agentmesh`, `audit.rs`) and the name of the sandbox. All texts are as whoever wrote the file put them.
 */
export interface KarsEntry {
  readonly sandbox: string;
  /** How many entries were in memory before it: 0 for the first since a start, and the same again and again once some are dropped. */
  readonly seq: number;
  /** `YYYY-MM-DDTHH:MM:SSZ` in what kars writes; hashed as it stands. */
  readonly ts: string;
  readonly agent_id: string;
  readonly action: string;
  readonly decision: string;
  /** The hash of the entry before it; empty for the first since a start. */
  readonly prev_hash: string;
  /** SHA-256 of `hashedText` in UTF-8, in lower-case hex. */
  readonly hash: string;
}

/** In the order in which kars writes them. */
const MEMBERS = ["sandbox", "seq", "ts", "agent_id", "action", "decision", "prev_hash", "hash"];
const HASH = /^[0-9a-f]{64}$/;

/**
 * `malformed`: no entry. `not_canonical`: an entry, but not in the one form that kars writes; two programs may read one
 * with a member twice in two ways.
 */
export function parseKarsEntry(line: string): Result<KarsEntry, "malformed" | "not_canonical"> {
  const value = parse(line);
  if (!isObject(value) || Object.keys(value).length !== MEMBERS.length) return fail("malformed");
  const isEntry = MEMBERS.every((name) => {
    const member = value[name];
    if (name === "seq") return typeof member === "number" && Number.isSafeInteger(member) && member >= 0;
    if (typeof member !== "string" || !member.isWellFormed()) return false;
    return name === "hash" ? HASH.test(member) : name !== "prev_hash" || member === "" || HASH.test(member);
  });
  if (!isEntry) return fail("malformed");
  // serde_json and JSON.stringify escape the same characters in the same way.
  return JSON.stringify(value, MEMBERS) === line ? ok(value as unknown as KarsEntry) : fail("not_canonical");
}

/** What is hashed: its fields are not escaped, so that where one of them holds a "|", other fields give the same text. */
export function hashedText({ seq, ts, agent_id, action, decision, prev_hash }: KarsEntry): string {
  return `${seq}|${ts}|${agent_id}|${action}|${decision}|${prev_hash}`;
}

/** Whether other fields with the same hash can be made from its own, by parting their text elsewhere. */
export function isAmbiguous({ ts, agent_id, action, decision }: KarsEntry): boolean {
  return [ts, agent_id, action, decision].some((field) => field.includes("|"));
}

function parse(line: string): AuditValue {
  try {
    return JSON.parse(line) as AuditValue;
  } catch {
    return null;
  }
}

function isObject(value: AuditValue): value is { readonly [key: string]: AuditValue } {
  return typeof value === "object" && value !== null && !isList(value);
}
