import type { Json } from "../json/json.ts";
import { asObject, type JsonObject } from "./json-object.ts";

/** The object that the data of a frame is; undefined for everything else. */
export function frameObject(data: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(data) as Json);
  } catch {
    return undefined;
  }
}

/** More calls of tools in one answer than this are no answer. */
export const MAXIMUM_TOOL_CALLS = 1024;
