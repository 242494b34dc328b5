import type { Json } from "../json/json.ts";
import { isJsonObject } from "./meter-member.ts";
import { MOST_TOKENS } from "./output-cap.ts";

/** Counts as a provider wrote them: the dotted path of the member -> the last number. */
export type NativeCounts = Map<string, number>;

/** Beside the known ones. */
const MOST_COUNTS = 32;
const LONGEST_PATH = 96;
const DEEPEST = 3;
const MOST_LABELS = 16;
/** Letters as providers use them: fit for logs and metrics as they stand. */
const SAFE_NAME = /^[A-Za-z0-9_.:-]{1,64}$/;

/** A whole number from 0 to 2^53-1; all else (negative, a fraction, a text) is no statement. */
export function isCount(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The same, and no more than any call can come to: a larger one is a mistake or a lie, and no statement either. */
export function isTokenCount(value: Json | undefined): value is number {
  return isCount(value) && value <= MOST_TOKENS;
}

/**
 * Takes the counts of one statement (a usage object) over into `native`: the last count of a path stands, null and
 * what is no count leave it, and a count that was positive is not zero again (some relays restate usage with zeros).
 * The paths of `known` have a place always, and no count that is larger than any call; others while there are fewer than 32. Lists of `{modality, tokenCount}`
 * (Gemini) and `{ttl, inputTokens}` (Bedrock) count as members named after their first part.
 */
export function takeCounts(statement: Json | undefined, known: ReadonlySet<string>, native: NativeCounts): void {
  if (isJsonObject(statement)) takeMembers(statement, "", 1, known, native);
}

function takeMembers(
  holder: { readonly [name: string]: Json },
  prefix: string,
  depth: number,
  known: ReadonlySet<string>,
  native: NativeCounts,
): void {
  for (const name of Object.keys(holder)) {
    const member = holder[name];
    if (typeof member === "number") {
      if (isCount(member)) put(prefix, name, member, known, native);
    } else if (Array.isArray(member)) {
      takeLabelled(member as readonly Json[], `${prefix}${name}.`, known, native);
    } else if (isJsonObject(member) && depth < DEEPEST) {
      takeMembers(member, `${prefix}${name}.`, depth + 1, known, native);
    }
  }
}

function takeLabelled(list: readonly Json[], prefix: string, known: ReadonlySet<string>, native: NativeCounts): void {
  for (const entry of list.slice(0, MOST_LABELS)) {
    if (!isJsonObject(entry)) continue;
    const label = entry["modality"] ?? entry["ttl"];
    const count = entry["tokenCount"] ?? entry["inputTokens"];
    if (typeof label === "string" && isCount(count)) put(prefix, label, count, known, native);
  }
}

function put(prefix: string, name: string, count: number, known: ReadonlySet<string>, native: NativeCounts): void {
  const path = prefix + name;
  if (known.has(path) && !isTokenCount(count)) return;
  if (!native.has(path)) {
    if (!known.has(path) && (native.size >= MOST_COUNTS || path.length > LONGEST_PATH || !isSafe(path))) return;
    native.set(path, count);
  } else if (count > 0) {
    native.set(path, count);
  }
}

function isSafe(path: string): boolean {
  return path.split(".").every((name) => SAFE_NAME.test(name));
}
