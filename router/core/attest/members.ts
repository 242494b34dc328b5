import type { AuditValue } from "../audit/audit-event.ts";
import { isList } from "../audit/canonical-json.ts";

/**
 * Where a value is not what it must be: "" for the value itself, ".audit.size" for a part of it; undefined where it is.
 * The path holds names of our own only.
 */
export type Flaw = (value: AuditValue | undefined) => string | undefined;

const where =
  (holds: (value: AuditValue) => boolean): Flaw =>
  (value) =>
    value !== undefined && holds(value) ? undefined : "";

/** Something, whatever it is. */
export const anything: Flaw = where(() => true);

/** A text that is not empty, of at most so many UTF-16 units. */
export function text(maximum: number): Flaw {
  return where((value) => typeof value === "string" && value !== "" && value.length <= maximum && value.isWellFormed());
}

export function matching(pattern: RegExp): Flaw {
  return where((value) => typeof value === "string" && pattern.test(value));
}

export const count: Flaw = where((value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0);

export const truth: Flaw = where((value) => typeof value === "boolean");

/** An object of any members. */
export const object: Flaw = where((value) => typeof value === "object" && value !== null && !isList(value));

export function nullOr(flaw: Flaw): Flaw {
  return (value) => (value === null ? undefined : flaw(value));
}

export function listOf(item: Flaw, maximum: number): Flaw {
  return (value) => {
    if (typeof value !== "object" || value === null || !isList(value) || value.length > maximum) return "";
    for (const [index, entry] of value.entries()) {
      const flaw = item(entry);
      if (flaw !== undefined) return `[${index}]${flaw}`;
    }
    return undefined;
  };
}

/** An object with these members, with or without the optional ones, and with no other. */
export function members(required: Readonly<Record<string, Flaw>>, optional: Readonly<Record<string, Flaw>> = {}): Flaw {
  const known = new Map(Object.entries({ ...required, ...optional }));
  return (value) => {
    if (typeof value !== "object" || value === null || isList(value)) return "";
    if (Object.keys(value).some((name) => !known.has(name))) return ".*";
    for (const [name, check] of known) {
      const isAbsent = !Object.hasOwn(value, name);
      if (isAbsent && Object.hasOwn(optional, name)) continue;
      const flaw = check(isAbsent ? undefined : value[name]);
      if (flaw !== undefined) return `.${name}${flaw}`;
    }
    return undefined;
  };
}
