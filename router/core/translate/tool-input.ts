import type { Json } from "../json/json.ts";
import { isObject, isShallow, type JsonObject } from "./json-object.ts";

/**
 * The input object that a JSON text of arguments stands for (chat writes text, messages an object); "" is an empty
 * object, as models write it for a tool without parameters. Undefined: no JSON object, or one that nests too deep. Numbers
 * beyond 2^53 lose digits on the way.
 */
export function inputOf(text: string): JsonObject | undefined {
  if (text.trim() === "") return {};
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  return isObject(value) && isShallow(value) ? value : undefined;
}

/**
 * As `inputOf`, for a call in the history: one that the model got wrong, and was told so, must not make every later request
 * of that conversation fail.
 */
export function pastInputOf(text: string): JsonObject {
  return inputOf(text) ?? { invalid_arguments: text };
}

/** The arguments text of an input; undefined where it is no object or nests too deep. */
export function argumentsOf(input: Json | undefined): string | undefined {
  return isObject(input) && isShallow(input) ? JSON.stringify(input) : undefined;
}
