import { atLeastOneOf } from "../document/conditions.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { optional } from "../document/field.ts";
import { object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import type { TextTest } from "./governance-policy.ts";

/**
 * Only `*` and `?` mean something. What other globs give a meaning to would be taken literally, and a rule that its
 * author reads otherwise than the router is worse than none.
 */
export const glob = text({
  code: "bad_glob",
  pattern: /^(?!.*\*\*)[^[\]{}\\]+$/,
  hint: 'in a glob "*" is any run of characters, also over slashes, and "?" is one; there is no "**", and for [ ] { } \\ write a pattern.',
  maximum: 512,
});

/**
 * That it can be read is checked for all rules together (`readable-patterns.ts`). The anchors say what is so anyway, that
 * the whole must match: a deny rule with a pattern that was meant to be searched for would never fire.
 */
const wholePattern = text({
  code: "bad_pattern",
  // The last "$" must not be an escaped one.
  pattern: /^(?:\(\?i\))?\^(?:[^\\]|\\.)*\$$/,
  hint: 'a pattern begins with "^", or "(?i)^", and ends with "$": it must match the whole.',
  maximum: 512,
});

const anyText = text();

/** The keys of a test, for maps that hold others beside them. */
export function textTestFields(item: Shape<string> = anyText, globItem: Shape<string> = glob) {
  return {
    in: optional(listUpTo(1024, item, { unique: true }), "One of these, letter by letter."),
    glob: optional(listUpTo(256, globItem, { unique: true }), "One of these: * is any run of characters, ? is one."),
    pattern: optional(
      listUpTo(32, wholePattern, { unique: true }),
      "One of these RE2-class patterns, over the whole text: ^...$.",
    ),
  };
}

interface WrittenTest {
  readonly in: readonly string[] | undefined;
  readonly glob: readonly string[] | undefined;
  readonly pattern: readonly string[] | undefined;
}

export const SOME_TEXT = atLeastOneOf<WrittenTest>(
  ["in", "glob", "pattern"],
  "empty_test",
  'A test needs "in", "glob" or "pattern": without them no text would pass.',
);

export function textTestOf(given: WrittenTest): TextTest {
  return { in: given.in ?? [], glob: given.glob ?? [], pattern: given.pattern ?? [] };
}

/** `{ in: [...], glob: [...], pattern: [...] }`: at least one of them, none empty. */
export function textTest(item?: Shape<string>, globItem?: Shape<string>): Shape<TextTest> {
  return refined(object(textTestFields(item, globItem), SOME_TEXT), textTestOf);
}
