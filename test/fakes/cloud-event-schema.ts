import { readFileSync } from "node:fs";

/**
 * Checks one event of the JSON event format against the published JSON Schema (`test/vectors/cloudevents`, draft 07) and
 * against what CloudEvents 1.0.2 says beyond it: names and types of attributes, no control characters, one form of data.
 */
export function cloudEventProblems(event: unknown): string[] {
  if (!isMembers(event)) return ["the event is no object"];
  const problems = violations(schema, event, "");
  for (const [name, value] of Object.entries(event)) {
    if (name === "data" || name === "data_base64") continue;
    if (!/^[a-z0-9]{1,20}$/.test(name)) problems.push(`${name}: not a name of an attribute`);
    if (typeof value === "string" ? NOT_IN_STRINGS.test(value) : typeof value !== "boolean" && !isInt32(value)) {
      problems.push(`${name}: not of an attribute's type`);
    }
  }
  if (Object.hasOwn(event, "data") && Object.hasOwn(event, "data_base64")) problems.push("data: twice");
  if (event["specversion"] !== "1.0") problems.push("specversion: not 1.0");
  return problems;
}

const NOT_IN_STRINGS = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;

type Members = { readonly [name: string]: unknown };

const schema = JSON.parse(
  readFileSync(new URL("../vectors/cloudevents/cloudevents.json", import.meta.url), "utf8"),
) as Members;

/** Of the keywords that this one schema uses; a throw at any other. */
function violations(rule: Members, value: unknown, path: string): string[] {
  const at = path === "" ? "event" : path;
  return Object.entries(rule).flatMap(([keyword, operand]): string[] => {
    switch (keyword) {
      case "$schema":
      case "description":
      case "examples":
      case "definitions":
        return [];
      case "$ref":
        return violations(definition(String(operand)), value, path);
      case "type":
        return [operand].flat().some((type) => typeof type === "string" && isOfType(value, type))
          ? []
          : [`${at}: type`];
      case "minLength":
        return typeof value !== "string" || value.length >= Number(operand) ? [] : [`${at}: minLength`];
      case "format":
        return typeof value !== "string" || hasFormat(value, String(operand)) ? [] : [`${at}: ${String(operand)}`];
      case "contentEncoding":
        return typeof value !== "string" || /^[A-Za-z0-9+/]*={0,2}$/.test(value) ? [] : [`${at}: base64`];
      case "required":
        return [operand]
          .flat()
          .flatMap((name) =>
            isMembers(value) && Object.hasOwn(value, String(name)) ? [] : [`${String(name)}: required`],
          );
      case "properties":
        return Object.entries(isMembers(operand) && isMembers(value) ? operand : {}).flatMap(([name, inner]) =>
          isMembers(value) && isMembers(inner) && Object.hasOwn(value, name)
            ? violations(inner, value[name], name)
            : [],
        );
      default:
        throw new Error(`unknown keyword ${keyword}`);
    }
  });
}

function definition(reference: string): Members {
  const { definitions } = schema;
  const found = isMembers(definitions) ? definitions[reference.replace("#/definitions/", "")] : undefined;
  if (!isMembers(found)) throw new Error(`no definition ${reference}`);
  return found;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  return type === "object" ? isMembers(value) : typeof value === type;
}

/** RFC 3986: the characters of a URI reference, and no colon in the first segment of a relative path. */
const URI_REFERENCE = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#[\]-]|%[0-9A-Fa-f]{2})*$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

function hasFormat(value: string, format: string): boolean {
  switch (format) {
    case "uri":
      return URL.canParse(value);
    case "uri-reference":
      return URI_REFERENCE.test(value) && URL.canParse(value, "http://base.invalid/");
    case "date-time":
      return DATE_TIME.test(value) && !Number.isNaN(Date.parse(value));
    default:
      throw new Error(`unknown format ${format}`);
  }
}

function isInt32(value: unknown): boolean {
  return typeof value === "number" && (value | 0) === value;
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
