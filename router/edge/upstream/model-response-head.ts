import { fail, ok, type Result } from "../../core/base/result.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { agentFields } from "./response-head.ts";

/** A final answer's head, as far as it goes on. */
export interface ModelResponseHead {
  readonly fields: readonly Field[];
  readonly length: number | undefined;
}

const MOST_FIELDS = 200;

/**
 * What of a provider's final response head may go on, or one sentence on why it is none. undici's parser has done
 * lines, names, values and lengths; these are the things that it lets through (see the tests). `raw`: name, value,
 * name, value, in octets.
 */
export function modelResponseHead(status: number, raw: readonly Buffer[]): Result<ModelResponseHead, string> {
  if (status < 200 || status > 599) return fail("The status is not that of a final response.");
  if (raw.length > 2 * MOST_FIELDS) return fail("The response has too many fields.");
  const fields: Field[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const rawName = raw[at]?.toString("latin1") ?? "";
    fields.push({ rawName, name: rawName.toLowerCase(), value: raw[at + 1]?.toString("latin1") ?? "" });
  }
  const head = { fields };
  const codings = fieldValues(head, "transfer-encoding");
  if (codings.length > 1 || (codings[0] ?? "chunked").toLowerCase() !== "chunked") {
    return fail("The Transfer-Encoding is not exactly chunked.");
  }
  const [length, ...lengths] = fieldValues(head, "content-length");
  if (lengths.length > 0 || (length !== undefined && codings.length > 0)) return fail("The body has two lengths.");
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return fail("The Content-Length is not a number.");
  // Nobody asked for one, and what cannot be read cannot be metered or judged.
  if (fieldValues(head, "content-encoding").some((coding) => coding !== "" && coding.toLowerCase() !== "identity")) {
    return fail("The body has a Content-Encoding that was not asked for.");
  }
  const passed = agentFields(fields);
  if (!passed.ok) return passed;
  return ok({ fields: passed.value, length: length === undefined || status === 204 ? undefined : Number(length) });
}
