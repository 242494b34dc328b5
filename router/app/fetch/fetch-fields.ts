import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Json } from "../../core/json/json.ts";
import { dashed, isOfHop } from "../../core/wire/fields.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { isToken } from "../../core/wire/octet-class.ts";

const MOST_FIELDS = 64;
const LONGEST_NAME = 128;
const LONGEST_VALUE = 8_192;
/** Of all names and values together. */
const MOST_CHARACTERS = 32_768;
/** Nothing but ASCII, no blank at either end (RFC 9110 section 5.5 allows more, and readers differ on it). */
const VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/;

const NO_OPTIONS: ReadonlySet<string> = new Set();

/** Written here, or taken by some origins for the method or the target (see `core/wire/forward-request.ts`). */
const NOT_THE_AGENTS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "expect",
  // An answer is handed over as it came: whoever asked for gzip would be given a bomb.
  "accept-encoding",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
  "proxy",
  "via",
  "forwarded",
]);

/** What an agent may say to another origin than the one that it named. Anything else might be a credential. */
const ACROSS_ORIGINS: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "accept-encoding",
  "user-agent",
  "content-type",
  "content-language",
  "content-encoding",
  "if-modified-since",
  "if-none-match",
]);

/** What describes a content that is not sent any more (Fetch, "request-body-header name"). */
const OF_CONTENT: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-language",
  "content-location",
  "content-type",
]);

const OURS: readonly (readonly [string, string])[] = [
  ["accept", "*/*"],
  ["user-agent", "sluice-fetch"],
];

/** The `headers` of a fetch, each name once, as fields; the problem is one sentence without the agent's own text. */
export function readFields(headers: Json | undefined): Result<readonly Field[], string> {
  if (headers === undefined) return ok(withOurs([]));
  if (!isObject(headers)) return fail("headers is an object of texts.");
  const fields: Field[] = [];
  const seen = new Set<string>();
  let characters = 0;
  for (const [rawName, value] of Object.entries(headers)) {
    if (!isToken(rawName) || rawName.length > LONGEST_NAME) return fail("The name of a header is a token.");
    const name = rawName.toLowerCase();
    if (typeof value !== "string" || value.length > LONGEST_VALUE || !VALUE.test(value)) {
      return fail("The value of a header is a text of visible ASCII.");
    }
    if (seen.has(name)) return fail("A header stands there twice.");
    if (isOurs(name))
      return fail("Headers of the connection, of the request line and of browsers are not the agent's.");
    seen.add(name);
    characters += name.length + value.length;
    fields.push({ name, rawName, value });
  }
  if (fields.length > MOST_FIELDS || characters > MOST_CHARACTERS) {
    return fail(`There are at most ${MOST_FIELDS} headers, of ${MOST_CHARACTERS} characters together.`);
  }
  return ok(withOurs(fields));
}

function isOurs(name: string): boolean {
  const read = dashed(name);
  return NOT_THE_AGENTS.has(read) || isOfHop(read, NO_OPTIONS) || read.startsWith("sec-") || read.startsWith("sluice-");
}

function withOurs(fields: readonly Field[]): readonly Field[] {
  const missing = OURS.filter(([name]) => fields.every((field) => field.name !== name));
  return [...fields, ...missing.map(([name, value]) => fieldOf(name, value)), fieldOf("accept-encoding", "identity")];
}

export function fieldOf(name: string, value: string): Field {
  return { name, rawName: name, value };
}

/** For another origin: without whatever could be a credential of the first. */
export function acrossOrigins(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ name }) => ACROSS_ORIGINS.has(name));
}

export function withoutContentFields(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ name }) => !OF_CONTENT.has(name));
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
