import type { AuditValue } from "../audit/audit-event.ts";
import { canonicalJson } from "../audit/canonical-json.ts";

/** Deeper than any settings are. */
const DEEPEST = 16;

/**
 * The RFC 8785 form of settings, whose SHA-256 an attestation names: two runs with the same digest had the same
 * settings in force. Maps are written as objects, members that are undefined are left out. Undefined where a value has no
 * form (a function, a bigint, a map whose keys are no texts): such settings could be neither hashed nor compared.
 */
export function configurationForm(settings: unknown): string | undefined {
  const value = plain(settings, 0);
  return value === undefined ? undefined : canonicalJson(value);
}

function plain(value: unknown, depth: number): AuditValue | undefined {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (typeof value !== "object" || depth === DEEPEST) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => plain(item, depth + 1)).filter((item) => item !== undefined);
    return items.length === value.length ? items : undefined;
  }
  const members: [string, AuditValue][] = [];
  for (const [key, member] of value instanceof Map ? value : Object.entries(value)) {
    if (member === undefined) continue;
    const item = plain(member, depth + 1);
    if (typeof key !== "string" || item === undefined) return undefined;
    members.push([key, item]);
  }
  return Object.fromEntries(members);
}
