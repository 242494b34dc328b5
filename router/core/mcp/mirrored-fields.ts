import { fieldValues } from "../wire/fields.ts";
import type { Field } from "../wire/message-head.ts";
import type { Json } from "../json/json.ts";
import { isJsonObject, type RpcMessage } from "./rpc-message.ts";

/** The member of params that `Mcp-Name` repeats (revision 2026-07-28, "Standard Request Headers"); extensions name their own. */
const NAMED_BY: ReadonlyMap<string, string> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
]);

const VERSION = "io.modelcontextprotocol/protocolVersion";

/**
 * Since 2026-07-28 fields repeat what a message says, so that others can route by them: what they say must be what was
 * judged, whatever revision is spoken. A sentence where they differ; a field that is not there says nothing.
 */
export function mirrorProblem(head: { readonly fields: readonly Field[] }, message: RpcMessage): string | undefined {
  const said = ["mcp-method", "mcp-name", "mcp-protocol-version"].map((name) => fieldValues(head, name));
  if (said.some((values) => values.length > 1)) return TWICE;
  const [method, name, version] = said.map(([value]) => value);
  if (message.kind === "response") {
    const bare = method === undefined && name === undefined && repeatsArguments(head.fields, undefined);
    return bare ? undefined : DIFFER;
  }
  if (method !== undefined && method !== message.method) return DIFFER;
  const params = message.params?.value;
  if (!repeatsArguments(head.fields, message.method === "tools/call" ? params?.["arguments"] : undefined))
    return DIFFER;
  const meta = params?.["_meta"];
  const stated = isJsonObject(meta) ? meta[VERSION] : undefined;
  if (stated !== undefined && version !== undefined && stated !== version) return DIFFER;
  if (name === undefined) return undefined;
  const member = NAMED_BY.get(message.method);
  const value = decoded(name);
  const meant: readonly (Json | undefined)[] = member === undefined ? Object.values(params ?? {}) : [params?.[member]];
  return value !== undefined && meant.includes(value) ? undefined : DIFFER;
}

const PARAMETER = "mcp-param-";

/** Which argument a field repeats, only the tool's schema says; so it must be the value of one. */
function repeatsArguments(fields: readonly Field[], given: Json | undefined): boolean {
  const repeated = fields.filter(({ name }) => name.startsWith(PARAMETER));
  if (repeated.length === 0) return true;
  const values = new Set<string>();
  addScalars(given, values);
  return repeated.every(({ value }) => {
    const text = decoded(value);
    return text !== undefined && values.has(text);
  });
}

/** As deep as the value is: who parsed it has bounded that. */
function addScalars(value: Json | undefined, to: Set<string>): void {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") to.add(String(value));
  else if (typeof value === "object" && value !== null) for (const item of Object.values(value)) addScalars(item, to);
}

const TWICE = "Header mismatch: a header of the protocol stands there twice.";
const DIFFER = "Header mismatch: a header does not say what the message says.";

const PREFIX = "=?base64?";
const SUFFIX = "?=";

/** The value that a field stands for; undefined: it is malformed. */
function decoded(text: string): string | undefined {
  if (!text.startsWith(PREFIX) || !text.endsWith(SUFFIX)) return /^[\x20-\x7e]*$/.test(text) ? text : undefined;
  try {
    const octets = Uint8Array.fromBase64(text.slice(PREFIX.length, -SUFFIX.length));
    return decodeURIComponent(octets.reduce((sum, octet) => `${sum}%${octet.toString(16).padStart(2, "0")}`, ""));
  } catch {
    return undefined;
  }
}
