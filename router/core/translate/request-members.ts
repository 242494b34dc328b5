import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { isAbsent, type JsonObject } from "./json-object.ts";
import { type Refusal, refuse } from "./refusal.ts";

/** What becomes of a member of a request that has no place in the other API. */
export type MemberRule =
  /** Read elsewhere. */
  | "carried"
  /** A hint: the answer means the same without it. */
  | "dropped"
  /** Without it the answer would mean something else, unless the value is one of these (null always is). */
  | { readonly onlyIf: (value: Json) => boolean; readonly sentence: string };

/** Whether every member can be carried over or left out. One that is not in the table could mean anything. */
export function checkMembers(body: JsonObject, rules: ReadonlyMap<string, MemberRule>): Result<undefined, Refusal> {
  for (const [name, value] of Object.entries(body)) {
    const rule = rules.get(name);
    if (rule === undefined) {
      return refuse(`.${shown(name)}`, "This member is not known and cannot be carried over to the model's provider.");
    }
    if (rule === "carried" || rule === "dropped" || isAbsent(value) || rule.onlyIf(value)) continue;
    return refuse(`.${name}`, rule.sentence);
  }
  return ok(undefined);
}

/** A caller's own name, fit for a header or log line. */
function shown(name: string): string {
  return /^[A-Za-z0-9_-]{1,64}$/.test(name) ? name : "?";
}
