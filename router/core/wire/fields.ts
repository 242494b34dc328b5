import { fail, ok, type Result } from "../base/result.ts";
import type { Field } from "./message-head.ts";
import { isToken } from "./octet-class.ts";

/** What of a message head its fields are looked up in. */
interface Fields {
  readonly fields: readonly Field[];
}

const NONE: readonly string[] = Object.freeze([]);

/** The values of all field lines of this (lower-cased) name, in order: two lines are two values, never joined. */
export function fieldValues(head: Fields, name: string): readonly string[] {
  // A dozen look-ups a request: one loop, and mostly no list.
  let found: string[] | undefined;
  for (const field of head.fields) {
    if (field.name !== name) continue;
    if (found === undefined) found = [field.value];
    else found.push(field.value);
  }
  return found ?? NONE;
}

/**
 * A field's (lower-case) name as origins read it that put fields into variables (CGI, WSGI, PHP): to them `x_api_key` is
 * `x-api-key`. Whatever is kept from an origin under one name is kept from it under the other.
 */
export function dashed(name: string): string {
  return name.includes("_") ? name.replaceAll("_", "-") : name;
}

/**
 * The values that rules judge a field by: `fieldValues`, and beside the field those of the ones that some origins read as
 * the same. These alone are none: other origins see no such field.
 */
export function judgedValues(head: Fields, name: string): readonly string[] {
  const values = fieldValues(head, name);
  if (values.length === 0) return NONE;
  const others = head.fields.filter((field) => field.name !== name && dashed(field.name) === dashed(name));
  return others.length === 0 ? values : [...values, ...others.map(({ value }) => value)];
}

/** RFC 9110 section 7.6.1 and the fields that belong to one connection or to this proxy; `proxy-*` besides. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/**
 * What a Connection field must not name. A proxy that obeys `Connection: authorization, x-forwarded-for` takes from
 * a request what the origin decides by ("hop-by-hop header abuse", Davison 2019), and one that obeys
 * `Connection: content-length` changes where the body ends (request smuggling). RFC 9110 section 7.6.1 forbids a
 * sender to nominate fields meant for all recipients; so this is an attack or a fault, and is refused.
 */
const END_TO_END = new Set([
  "age",
  "authorization",
  "cache-control",
  "cookie",
  "date",
  "expect",
  "forwarded",
  "from",
  "host",
  "max-forwards",
  "origin",
  "pragma",
  "prefer",
  "priority",
  "range",
  "referer",
  "traceparent",
  "tracestate",
  "user-agent",
  "via",
  "x-api-key",
]);
const END_TO_END_PREFIXES = [
  "accept",
  "access-control-",
  "content-",
  "if-",
  "sec-",
  "sluice-",
  "x-forwarded-",
  "x-real-",
];

const NO_OPTIONS = ok<ReadonlySet<string>>(new Set());

/**
 * The options of all Connection fields, lower-cased: `close`, `keep-alive`, `upgrade` or names of fields to remove.
 * The problem is one sentence.
 */
export function connectionOptions(head: Fields): Result<ReadonlySet<string>, string> {
  const values = fieldValues(head, "connection");
  if (values.length === 0) return NO_OPTIONS;
  const options = new Set<string>();
  for (const value of values) {
    for (const element of value.split(",")) {
      // RFC 9110 section 5.6.1.2: empty elements of a list are ignored.
      const option = withoutWhiteSpace(element).toLowerCase();
      if (option === "") continue;
      if (!isToken(option)) return fail("The Connection field is not a list of tokens.");
      if (END_TO_END.has(option) || END_TO_END_PREFIXES.some((prefix) => option.startsWith(prefix))) {
        return fail("The Connection field names a field that is not its to remove.");
      }
      options.add(option);
    }
  }
  return ok(options);
}

/** Without SP and HTAB around. By hand: a pattern that ends in `[ \t]+$` takes quadratic time on blanks in the middle. */
function withoutWhiteSpace(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isWhiteSpace(text.charAt(from))) from++;
  while (to > from && isWhiteSpace(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}

function isWhiteSpace(character: string): boolean {
  return character === " " || character === "\t";
}

/** The fields that go on to the origin, in order: without those of this hop and those that Connection nominates. */
export function endToEndFields(head: Fields): Result<readonly Field[], string> {
  const options = connectionOptions(head);
  if (!options.ok) return options;
  return ok(head.fields.filter((field) => !isOfHop(field.name, options.value)));
}

/**
 * A field of this name is for the other end of this connection only, or is one to some origins; `options` are those of the
 * Connection fields.
 */
export function isOfHop(name: string, options: ReadonlySet<string>): boolean {
  const read = dashed(name);
  return HOP_BY_HOP.has(read) || read.startsWith("proxy-") || options.has(read) || options.has(name);
}
