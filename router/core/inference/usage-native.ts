import type { Json } from "../json/json.ts";
import { isJsonObject, memberOf } from "./meter-member.ts";

/** Counts as a provider wrote them: the dotted path of the member -> the last number. */
export type NativeCounts = Map<string, number>;

const MOST_COUNTS = 32;
const LONGEST_PATH = 96;
const DEEPEST = 3;
/** Members looked at in one statement, whatever it holds. */
const MOST_MEMBERS = 128;
/** Letters as providers use them: fit for logs and metrics as they stand. */
const SAFE_NAME = /^[A-Za-z0-9_.:-]{1,64}$/;

/** A whole number from 0 to 2^53-1; all else (negative, a fraction, a text) is no statement. */
export function isCount(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/**
 * Takes the counts of one statement (a usage object) over into `native`: the last count of a path stands, null and
 * what is no count leave it, and a count that was positive is not zero again (some relays restate usage with zeros).
 * The paths that `known` lists have a place always, the others as long as there are fewer than 32. Lists of
 * `{modality, tokenCount}` (Gemini) and `{ttl, inputTokens}` (Bedrock) count as members named after their first part.
 */
export function takeCounts(statement: Json | undefined, known: readonly string[], native: NativeCounts): void {
  for (const path of known) {
    const value = valueAt(statement, path);
    if (isCount(value)) put(native, path, value);
  }
  takeAll(statement, "", 1, native, { left: MOST_MEMBERS });
}

function takeAll(
  value: Json | undefined,
  prefix: string,
  depth: number,
  native: NativeCounts,
  budget: { left: number },
): void {
  if (!isJsonObject(value) || depth > DEEPEST) return;
  for (const name in value) {
    if (budget.left-- <= 0) return;
    if (!SAFE_NAME.test(name) || prefix.length + name.length > LONGEST_PATH) continue;
    const member = memberOf(value, name);
    const path = `${prefix}${name}`;
    if (isCount(member)) {
      if (native.has(path) || native.size < MOST_COUNTS) put(native, path, member);
    } else {
      takeAll(Array.isArray(member) ? labelled(member) : member, `${path}.`, depth + 1, native, budget);
    }
  }
}

function put(native: NativeCounts, path: string, count: number): void {
  if (count > 0 || !native.has(path)) native.set(path, count);
}

function valueAt(statement: Json | undefined, path: string): Json | undefined {
  let value = statement;
  for (const name of path.split(".")) {
    const holder: Json | undefined = Array.isArray(value) ? labelled(value) : value;
    value = memberOf(holder, name);
  }
  return value;
}

/** A list of counts with labels as an object. */
function labelled(list: readonly Json[]): { readonly [name: string]: Json } {
  const counts = new Map<string, Json>();
  for (const entry of list.slice(0, 16)) {
    if (!isJsonObject(entry)) continue;
    const label = entry["modality"] ?? entry["ttl"];
    const count = entry["tokenCount"] ?? entry["inputTokens"];
    if (typeof label === "string" && count !== undefined) counts.set(label, count);
  }
  return Object.fromEntries(counts);
}
