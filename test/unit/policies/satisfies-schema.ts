import { isDeepStrictEqual } from "node:util";
import type { Json, JsonSchema } from "../../../router/core/document/shape.ts";

/**
 * Whether a value satisfies a schema: the keywords of JSON Schema, draft 2020-12, that our schemas use. Meets an
 * unknown keyword with a throw, so that no keyword is quietly without effect.
 */
export function satisfiesSchema(schema: Json, value: Json): boolean {
  if (typeof schema === "boolean") return schema;
  if (!isObject(schema)) throw new Error(`not a schema: ${JSON.stringify(schema)}`);
  return Object.entries(schema).every(([keyword, operand]) => {
    const test = keywords[keyword];
    if (test === undefined) throw new Error(`unknown keyword ${keyword}`);
    return test(operand, value, schema);
  });
}

type Keyword = (operand: Json, value: Json, schema: JsonSchema) => boolean;

const always: Keyword = () => true;

const keywords: Readonly<Record<string, Keyword>> = {
  $schema: always,
  $id: always,
  title: always,
  description: always,
  default: always,
  type: (operand, value) => typesOf(value).includes(textOf(operand)),
  const: (operand, value) => isDeepStrictEqual(operand, value),
  enum: (operand, value) => listOf(operand).some((candidate) => isDeepStrictEqual(candidate, value)),
  minLength: (operand, value) => typeof value !== "string" || codePoints(value) >= Number(operand),
  maxLength: (operand, value) => typeof value !== "string" || codePoints(value) <= Number(operand),
  pattern: (operand, value) => typeof value !== "string" || new RegExp(textOf(operand), "u").test(value),
  minimum: (operand, value) => typeof value !== "number" || value >= Number(operand),
  maximum: (operand, value) => typeof value !== "number" || value <= Number(operand),
  items: (operand, value) => !isList(value) || value.every((item) => satisfiesSchema(operand, item)),
  minItems: (operand, value) => !isList(value) || value.length >= Number(operand),
  maxItems: (operand, value) => !isList(value) || value.length <= Number(operand),
  uniqueItems: (operand, value) =>
    operand !== true ||
    !isList(value) ||
    value.every((one, at) => !value.slice(at + 1).some((other) => isDeepStrictEqual(one, other))),
  required: (operand, value) => !isObject(value) || listOf(operand).every((key) => Object.hasOwn(value, textOf(key))),
  properties: (operand, value) =>
    !isObject(value) ||
    Object.entries(objectOf(operand)).every(
      ([key, inner]) => !Object.hasOwn(value, key) || satisfiesSchema(inner, value[key] ?? null),
    ),
  additionalProperties: (operand, value, { properties = {} }) =>
    !isObject(value) ||
    Object.entries(value).every(
      ([key, inner]) => Object.hasOwn(objectOf(properties), key) || satisfiesSchema(operand, inner),
    ),
  propertyNames: (operand, value) =>
    !isObject(value) || Object.keys(value).every((key) => satisfiesSchema(operand, key)),
  dependentRequired: (operand, value) =>
    !isObject(value) ||
    Object.entries(objectOf(operand)).every(
      ([key, needed]) =>
        !Object.hasOwn(value, key) || listOf(needed).every((other) => Object.hasOwn(value, textOf(other))),
    ),
  allOf: (operand, value) => listOf(operand).every((inner) => satisfiesSchema(inner, value)),
  anyOf: (operand, value) => listOf(operand).some((inner) => satisfiesSchema(inner, value)),
  oneOf: (operand, value) => listOf(operand).filter((inner) => satisfiesSchema(inner, value)).length === 1,
  not: (operand, value) => !satisfiesSchema(operand, value),
};

function typesOf(value: Json): readonly string[] {
  if (value === null) return ["null"];
  if (isList(value)) return ["array"];
  if (typeof value === "number") return Number.isInteger(value) ? ["number", "integer"] : ["number"];
  return [typeof value];
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !isList(value);
}

function listOf(value: Json): readonly Json[] {
  if (!isList(value)) throw new Error(`not a list: ${JSON.stringify(value)}`);
  return value;
}

function objectOf(value: Json): { readonly [key: string]: Json } {
  if (!isObject(value)) throw new Error(`not an object: ${JSON.stringify(value)}`);
  return value;
}

function textOf(value: Json): string {
  if (typeof value !== "string") throw new Error(`not a text: ${JSON.stringify(value)}`);
  return value;
}

/** What JSON Schema calls the length of a text. */
function codePoints(text: string): number {
  return Array.from(text).length;
}
