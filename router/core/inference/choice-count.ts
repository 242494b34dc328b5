import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import type { ScannedObject } from "../json/scanned-object.ts";
import type { Api } from "./api.ts";
import { type FactProblem, wrong } from "./fact-problem.ts";
import { isJsonObject } from "./meter-member.ts";
import { isCount } from "./output-cap.ts";

/** What one prompt may ask for, and what all prompts of a request may together. */
const MOST_OF_ONE = 128;
const MOST_OF_ALL = 2_048;

/** `best_of` are generated, though only `n` are shown; `n_cmpl` is llama.cpp's name of it. Of Bedrock's vendors Cohere and AI21 have names of their own. */
const COUNTS = ["n", "best_of", "n_cmpl"] as const;
const INVOKE_COUNTS = [...COUNTS, "num_generations", "numResults"] as const;
const GEMINI_HOLDERS = ["generationConfig", "generation_config"] as const;
const GEMINI_COUNTS = ["candidateCount", "candidate_count"] as const;

/** The members that may hold more than one prompt; the second is vLLM's, and adds to the first. */
export const PROMPT_LISTS = ["prompt", "prompt_embeds"] as const;

/** Members by which a request of this API says how many answers it wants. */
export function choiceMembers(api: Api): readonly string[] {
  return api === "invoke" ? INVOKE_COUNTS : COUNTS;
}

/** How many answers come out, each of which may be as long as the cap. */
export function choiceCount(api: Api, body: ScannedObject): Result<number, FactProblem> {
  let most = 1;
  let problem: string | undefined;
  const take = (name: string, count: Json | undefined): void => {
    if (count === undefined || count === null) return;
    if (isCount(count, MOST_OF_ONE)) most = Math.max(most, count);
    else problem ??= name;
  };
  for (const name of choiceMembers(api)) take(name, body.members.get(name)?.value);
  if (api === "generate_content") {
    for (const outer of GEMINI_HOLDERS) {
      const config = body.members.get(outer)?.value;
      if (isJsonObject(config)) for (const name of GEMINI_COUNTS) take(`${outer}.${name}`, config[name]);
    }
  }
  if (problem !== undefined) return wrong(problem, `a whole number from 1 to ${MOST_OF_ONE}`);
  const choices = most * promptCount(body);
  if (choices <= MOST_OF_ALL) return ok(choices);
  return fail({ param: "prompt", sentence: `The prompts ask for more than ${MOST_OF_ALL} answers.` });
}

/** A list of numbers is one prompt, in tokens; any other list has one prompt in each item, whatever an origin makes of it. */
function promptCount({ items }: ScannedObject): number {
  let prompts = 0;
  for (const name of PROMPT_LISTS) {
    const list = items.get(name);
    if (list !== undefined) prompts += list.numbers === list.items ? 1 : list.items;
  }
  return Math.max(1, prompts);
}
