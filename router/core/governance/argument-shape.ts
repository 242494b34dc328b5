import { boolean } from "../document/boolean-shape.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { atLeastOneOf } from "../document/conditions.ts";
import { entryOf } from "../document/document-node.ts";
import { optional, required } from "../document/field.ts";
import { type Condition as Rule, object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import type { Condition } from "./governance-policy.ts";
import { isPlainNumber, jsonNumber } from "./json-number-shape.ts";
import { numberTestOf } from "./number-test-shape.ts";
import { textTestFields, textTestOf } from "./text-test-shape.ts";

/** RFC 6901, not the empty one: a tool's arguments as a whole are a map, and no test is about maps. */
export const jsonPointer = text({
  code: "bad_pointer",
  pattern: /^(?:\/(?:[^~/]|~[01])*)+$/,
  hint: 'a JSON pointer is written as /path/0/name is; in a name "~" is "~0" and "/" is "~1".',
  maximum: 256,
});

type Set = { readonly texts: readonly string[] } | { readonly numbers: readonly number[] };

const texts = listUpTo(1024, text(), { unique: true });
const numbers = listUpTo(1024, jsonNumber, { unique: true });

/** All texts, or all numbers: `1` and `"1"` are different in JSON. */
const set: Shape<Set> = {
  schema: { anyOf: [texts.schema, numbers.schema] },
  read(node, report) {
    if (node.kind === "list" && node.items.length > 0 && node.items.every(isPlainNumber)) {
      const read = numbers.read(node, report);
      return read === undefined ? undefined : { numbers: read };
    }
    const read = texts.read(node, report);
    return read === undefined ? undefined : { texts: read };
  },
};

const KEYS = ["in", "glob", "pattern", "from", "to", "is"] as const;
const { glob, pattern } = textTestFields();

/** A value has one type: a test for two of them would never hold, or say less than it seems to. */
const oneType: Rule<{ in: Set | undefined }> = {
  check(values, map, report) {
    const has = (...keys: readonly string[]): boolean => keys.some((key) => entryOf(map, key) !== undefined);
    const isNumbers = values.in !== undefined && "numbers" in values.in;
    const isTexts = values.in !== undefined && !isNumbers;
    const types = [isTexts || has("glob", "pattern"), isNumbers || has("from", "to"), has("is")];
    if (types.filter((type) => type).length < 2) return;
    const message =
      'A test is about a text ("in", "glob", "pattern"), a number ("in", "from", "to") or a boolean ("is").';
    report.add(map, "mixed_test", message);
  },
};

export const argument: Shape<Condition> = refined(
  object(
    {
      at: required(jsonPointer, "Where in the arguments, as a JSON pointer; what is there of another type is missing."),
      in: optional(set, "One of these: all texts, or all numbers."),
      glob,
      pattern,
      from: optional(jsonNumber, "At least this."),
      to: optional(jsonNumber, "At most this."),
      is: optional(boolean, "true or false."),
    },
    atLeastOneOf(KEYS, "empty_test", `A test needs one of ${KEYS.map((key) => `"${key}"`).join(", ")}.`),
    oneType,
  ),
  (given, node, report): Condition | undefined => {
    const { at, is, from, to } = given;
    if (is !== undefined) return { kind: "argument", at, test: { kind: "flag", value: is } };
    const isNumbers = given.in !== undefined && "numbers" in given.in;
    if (isNumbers || from !== undefined || to !== undefined) {
      const test = numberTestOf({ in: isNumbers ? numbersOf(given.in) : undefined, from, to }, node, report);
      return test === undefined ? undefined : { kind: "argument", at, test: { kind: "number", ...test } };
    }
    return { kind: "argument", at, test: { kind: "text", ...textTestOf({ ...given, in: textsOf(given.in) }) } };
  },
);

function numbersOf(given: Set | undefined): readonly number[] | undefined {
  return given !== undefined && "numbers" in given ? given.numbers : undefined;
}

function textsOf(given: Set | undefined): readonly string[] | undefined {
  return given !== undefined && "texts" in given ? given.texts : undefined;
}
