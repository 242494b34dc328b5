/** From which severity on a category of the provider's content filter blocks. */
export type Floor = "low" | "medium" | "high";

/** What Azure OpenAI's content filter said about a prompt or a completion, one a category. */
export interface ContentSignal {
  /** `hate`, `jailbreak`, `protected_material_text` ...; `error`: the filter did not run; `other`: a name that is none. */
  readonly category: string;
  /** Undefined where the category has none: then `detected` counts. */
  readonly severity: "safe" | Floor | undefined;
  /** The provider itself has withheld it. */
  readonly filtered: boolean;
  readonly detected: boolean;
  readonly where: "prompt" | "completion";
}

const SEVERITIES: readonly unknown[] = ["safe", "low", "medium", "high"];
const CATEGORY = /^[a-z][a-z0-9_]{0,63}$/;
const MAXIMUM_SIGNALS = 256;

/**
 * The annotations of an answer, of one chunk of a stream (parsed JSON: `prompt_filter_results`, `choices[].content_filter_results`,
 * the Responses API's `content_filters`), or of the error 400 `content_filter` (`error.innererror.content_filter_result`). Whether
 * there are any is the provider's choice; text with `content_filter` in it is worth asking about.
 *
 * In a stream the annotation of a text may come with it or, with Azure's asynchronous filter, up to some thousand characters after
 * it: a floor then cuts the stream, and cannot call back what has gone out.
 */
export function contentSignals(body: unknown): readonly ContentSignal[] {
  const signals: ContentSignal[] = [];
  const add = (results: unknown, where: ContentSignal["where"]): void => {
    for (const [category, value] of Object.entries(membersOf(results) ?? {})) {
      const signal = signalOf(category, value, where);
      if (signal !== undefined && signals.length < MAXIMUM_SIGNALS) signals.push(signal);
    }
  };
  const members = membersOf(body);
  for (const result of listOf(members?.["prompt_filter_results"])) add(resultsOf(result), "prompt");
  for (const choice of listOf(members?.["choices"])) add(resultsOf(choice), "completion");
  const inner = membersOf(membersOf(members?.["error"])?.["innererror"]);
  add(inner?.["content_filter_result"] ?? resultsOf(inner), "prompt");
  for (const holder of [members, membersOf(members?.["response"])]) {
    for (const filter of listOf(holder?.["content_filters"])) {
      add(resultsOf(filter), membersOf(filter)?.["source_type"] === "prompt" ? "prompt" : "completion");
    }
  }
  return signals;
}

/**
 * The first signal at or over its category's floor. Where a category has no severity, what was detected is over any floor,
 * and so is what the provider withheld; a filter that did not run is over the floors of all.
 */
export function blockedBy(
  signals: readonly ContentSignal[],
  floors: ReadonlyMap<string, Floor>,
): ContentSignal | undefined {
  if (floors.size === 0) return undefined;
  return signals.find((signal) => {
    if (signal.category === "error") return true;
    const floor = floors.get(signal.category);
    if (floor === undefined) return false;
    return signal.filtered || signal.detected || SEVERITIES.indexOf(signal.severity) >= SEVERITIES.indexOf(floor);
  });
}

function signalOf(name: string, value: unknown, where: ContentSignal["where"]): ContentSignal | undefined {
  const members = membersOf(value);
  if (members === undefined) return undefined;
  const { severity } = members;
  return {
    category: CATEGORY.test(name) ? name : "other",
    // A word that is not known may be a worse one.
    severity: severity === undefined || severity === null ? undefined : isSeverity(severity) ? severity : "high",
    filtered: members["filtered"] === true,
    detected: members["detected"] === true,
    where,
  };
}

function isSeverity(value: unknown): value is "safe" | Floor {
  return SEVERITIES.includes(value);
}

function resultsOf(value: unknown): unknown {
  const members = membersOf(value);
  return members?.["content_filter_results"] ?? members?.["content_filter_result"];
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, unknown>>;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, MAXIMUM_SIGNALS) : [];
}
