import type { Json } from "../json/json.ts";
import { memberOf } from "./meter-member.ts";

const LONGEST = 64;
/** Ids and names of models have more than that nowhere that is honest. */
const LONGEST_NAME = 256;
const NOT_SAFE = /[^ -~]/g;

/** A short text of the provider's, fit for logs and for JSON: printable ASCII, the rest as "?". Undefined: none, or empty. */
export function shortText(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, LONGEST_NAME).replace(NOT_SAFE, "?") : undefined;
}

/** What kind of error a provider names: its code, status or type. A message is never repeated: it may quote a prompt. */
export function failureText(error: Json | undefined): string {
  for (const name of ["code", "status", "type"]) {
    const value = memberOf(error, name);
    const text = typeof value === "number" && name !== "status" ? codeNumber(value, error) : value;
    if (typeof text === "string" && text !== "") return text.slice(0, LONGEST).replace(NOT_SAFE, "?");
  }
  return "error";
}

/** A number says less than a status or a type beside it. */
function codeNumber(code: number, error: Json | undefined): string | undefined {
  const named = ["status", "type"].some((name) => {
    const value = memberOf(error, name);
    return typeof value === "string" && value !== "";
  });
  return named ? undefined : String(code);
}
