import { isJsonObject } from "../inference/meter-member.ts";
import type { Json } from "../json/json.ts";
import { builtInName } from "./tool-entry.ts";

/** What a request says of which tools are to be called. */
export interface ToolChoice {
  /** All texts that may be a tool's name. */
  readonly names: ReadonlySet<string>;
  /** A call is demanded, of whatever tool. */
  readonly demands: boolean;
}

/** Members that say how, not which. */
const HOW: ReadonlySet<string> = new Set(["", "type", "mode", "server_label"]);
const DEMANDS: ReadonlySet<string> = new Set(["required", "any", "validated"]);

/**
 * Reads the members that choose. Every text in them that is not a word of the API counts as a name: the forms are many,
 * and a choice of a tool that was taken out must never go on.
 */
export function toolChoice(values: readonly Json[]): ToolChoice {
  const names = new Set<string>();
  let demands = false;
  const look = (value: Json, member: string): void => {
    if (typeof value === "string") {
      if (HOW.has(member)) demands ||= DEMANDS.has(value.toLowerCase());
      else names.add(value);
      const builtIn = member === "type" ? builtInName(value) : undefined;
      if (builtIn !== undefined) names.add(builtIn);
    } else if (isJsonObject(value)) {
      for (const [name, inner] of Object.entries(value)) {
        // `converse`: {"any": {}}.
        demands ||= name === "any" && inner !== null;
        look(inner, name);
      }
    } else if (isList(value)) {
      for (const item of value) look(item, member === "" ? "names" : member);
    }
  };
  for (const value of values) look(value, "");
  return { names, demands };
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
