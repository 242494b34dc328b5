import { foldName } from "../json/fold-name.ts";
import type { ScannedObject } from "../json/scanned-object.ts";
import type { FactProblem } from "./fact-problem.ts";
import { isJsonObject } from "./meter-member.ts";

const GEMINI = ["maxOutputTokens", "max_output_tokens", "candidateCount", "candidate_count"];

/** What the router reads within captured members. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  stream_options: ["include_usage"],
  thinking: ["budget_tokens"],
  generationConfig: GEMINI,
  generation_config: GEMINI,
  inferenceConfig: ["maxTokens", "max_new_tokens"],
  textGenerationConfig: ["maxTokenCount"],
  options: ["num_predict"],
};

/** The form in which the spellings of a name are equal: without case, `_` and `-`. */
export function spelling(name: string): string {
  return foldName(name).replaceAll(/[-_]/g, "");
}

interface KnownNames {
  readonly outer: string;
  readonly names: ReadonlySet<string>;
  /** Spelling -> the name that a problem calls it by. */
  readonly spellings: ReadonlyMap<string, string>;
}

const HOLDERS: readonly KnownNames[] = Object.entries(KNOWN).map(([outer, names]) => ({
  outer,
  names: new Set(names),
  spellings: new Map(names.toReversed().map((name) => [spelling(name), name])),
}));

/**
 * Which of the names that the router reads within members stands there otherwise than it reads it, or twice: an origin
 * that takes several spellings (Google's JSON reader), or ignores case (Go's), may then take another value than the
 * router has.
 */
export function innerNameProblem({ members }: ScannedObject): FactProblem | undefined {
  if (members.has("generationConfig") && members.has("generation_config")) return ambiguous("generation_config");
  for (const { outer, names, spellings } of HOLDERS) {
    const holder = members.get(outer)?.value;
    if (!isJsonObject(holder)) continue;
    const seen = new Set<string>();
    for (const name of Object.keys(holder)) {
      const spelled = spelling(name);
      const known = spellings.get(spelled);
      if (known === undefined) continue;
      if (!names.has(name) || seen.has(spelled)) return ambiguous(`${outer}.${known}`);
      seen.add(spelled);
    }
  }
  return undefined;
}

function ambiguous(param: string): FactProblem {
  return { param, sentence: `The member ${param} must be there once, and spelled as its API does.` };
}
