/** One sentence for each way in which a text is refused; none repeats anything of the input. */
const sentences = {
  not_object: "The text is JSON, but not an object.",
  malformed: "The text is not well-formed JSON (RFC 8259).",
  not_utf8: "The text is not UTF-8.",
  cut_short: "The text ends before the object does.",
  too_deep: "The text is nested deeper than is allowed.",
  duplicate_member: "An object has two members of the same name.",
  /** It differs from a captured name only in what some readers ignore (`foldName`), or has half of a surrogate pair. */
  ambiguous_member: "The name of a member is one that readers take for different names.",
  name_too_long: "The name of a member is longer than is allowed.",
  too_many_members: "The object has more members than are allowed.",
  value_too_long: "The value of a member is longer than is allowed.",
} as const satisfies Record<string, string>;

export type ScanProblemCode = keyof typeof sentences;

/** `at` counts octets from 0: where the octet stands, or the member, that is refused; for `cut_short` the length. */
export interface ScanProblem {
  readonly code: ScanProblemCode;
  readonly at: number;
  readonly sentence: string;
}

export function scanProblem(code: ScanProblemCode, at: number): ScanProblem {
  return { code, at, sentence: sentences[code] };
}
