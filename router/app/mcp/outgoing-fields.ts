import { fail, ok, type Result } from "../../core/base/result.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";

/** The agent's fields that go on, where they are not the session's: all others are ours to say, or nobody's. */
const PASSED: ReadonlyMap<string, RegExp> = new Map([
  ["accept", /^[\x20-\x7e]{1,256}$/],
  ["last-event-id", /^[\x21-\x7e]{1,1024}$/],
  ["mcp-protocol-version", /^[A-Za-z0-9._-]{1,64}$/],
  ["mcp-method", /^[\x21-\x7e]{1,128}$/],
  ["mcp-name", /^[\x20-\x7e]{1,4096}$/],
]);

/** Arguments of a tool that its server asks to be repeated (revision 2026-07-28). */
const PARAMETER = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/;
const MOST_PARAMETERS = 32;
const PARAMETER_VALUE = /^[\x20-\x7e]{0,8192}$/;

/**
 * What of a request's head goes on to a server, name and value by turns; no field of the agent's that could carry a
 * credential, an origin or a cookie is among them. The problem is one sentence: a field that stands there twice, or is
 * malformed.
 */
export function outgoingFields(
  request: HttpForwardRequest,
  session: string | undefined,
): Result<readonly string[], string> {
  const fields: string[] = [];
  for (const [name, form] of PASSED) {
    const [value, ...more] = fieldValues(request, name);
    if (value === undefined) continue;
    if (more.length > 0 || !form.test(value)) return fail(`The field ${name} is malformed.`);
    fields.push(name, value);
  }
  const parameters = request.fields.filter(({ name }) => name.startsWith("mcp-param-"));
  const names = new Set(parameters.map(({ name }) => name));
  if (names.size !== parameters.length || names.size > MOST_PARAMETERS) {
    return fail("The fields of a call's parameters are too many, or one of them stands there twice.");
  }
  for (const { name, value } of parameters) {
    if (!PARAMETER.test(name) || !PARAMETER_VALUE.test(value))
      return fail("A field of a call's parameters is malformed.");
    fields.push(name, value);
  }
  if (session !== undefined) fields.push("mcp-session-id", session);
  return ok(fields);
}
