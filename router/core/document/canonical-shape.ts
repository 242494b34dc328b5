import { quoted } from "./quoted.ts";
import { refined } from "./refined-shape.ts";
import type { Shape } from "./shape.ts";
import { text } from "./text-shape.ts";

export interface CanonicalOptions<Value> {
  /** What it is: `address`. Its problems are `bad_address` and `address_not_canonical`. */
  readonly noun: string;
  readonly maximum: number;
  /** What every canonical spelling matches, for the JSON Schema. */
  readonly pattern: RegExp;
  /** One sentence that says what is needed. */
  readonly hint: string;
  /** Undefined where the text is none. */
  readonly parse: (given: string) => { readonly value: Value; readonly canonical: string } | undefined;
}

/** A text that could be spelt in several ways, and must be in the one that everything is compared in. */
export function canonical<Value>({ noun, maximum, pattern, hint, parse }: CanonicalOptions<Value>): Shape<Value> {
  return refined(
    text({ maximum }),
    (given, node, report) => {
      const parsed = parse(given);
      if (parsed === undefined) report.add(node, `bad_${noun}`, `${quoted(given)} is not accepted: ${hint}`);
      else if (parsed.canonical === given) return parsed.value;
      else report.add(node, `${noun}_not_canonical`, `Write the ${noun} as ${quoted(parsed.canonical)}.`);
      return undefined;
    },
    { pattern: pattern.source },
  );
}
