import { fail, ok, type Result } from "../base/result.ts";
import { answerMembers } from "./remote-answer.ts";

/** Flagged categories, or none: the texts pass. */
export type ModerationAnswer = readonly string[];

const CATEGORY = /^[a-z][a-z0-9_/-]{0,63}$/;

/** The body of `POST /v1/moderations`. */
export function moderationRequest(model: string, texts: readonly string[]): string {
  return JSON.stringify({ model, input: texts });
}

/** One result for each text, each with `flagged`. The problem is one sentence. */
export function readModerationAnswer(answer: string, sent: number): Result<ModerationAnswer, string> {
  const members = answerMembers(answer);
  if (!members.ok) return members;
  const results: unknown = members.value["results"];
  if (!Array.isArray(results) || results.length !== sent) return fail("The results are not one for each text.");
  const flagged = new Set<string>();
  for (const result of results as unknown[]) {
    if (!isMembers(result) || typeof result["flagged"] !== "boolean")
      return fail("A result does not say if it is flagged.");
    const { categories } = result;
    const named = isMembers(categories)
      ? Object.keys(categories).filter((name) => categories[name] === true && CATEGORY.test(name))
      : [];
    if (result["flagged"]) for (const name of named.length > 0 ? named.slice(0, 32) : ["flagged"]) flagged.add(name);
  }
  return ok([...flagged]);
}

function isMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
