import type { Json } from "../json/json.ts";
import type { FactProblem } from "./fact-problem.ts";
import { spelling } from "./inner-names.ts";
import { isJsonObject } from "./meter-member.ts";

export const ADDITIONAL_FIELDS = "additionalModelRequestFields";

/** Whatever a vendor calls a cap has one of these after "max": `max_tokens`, `maxTokenCount`, `max_gen_len`. */
const CAPPED = ["tok", "len", "output"] as const;
const CHOICES: ReadonlySet<string> = new Set(["n", "bestof", "numgenerations", "numresults", "candidatecount"]);
/** JSON Schemas and tools, whose names are no parameters of the call. */
const SCHEMAS: ReadonlySet<string> = new Set(["tools", "schema", "jsonschema", "inputschema", "responseschema"]);

/**
 * Of `converse`: fields that go to the model as they stand. One that caps the output, or multiplies it, would get round
 * `inferenceConfig`, which is what the router reads and writes.
 */
export function additionalFieldsProblem(fields: Json | undefined): FactProblem | undefined {
  if (fields === undefined || fields === null) return undefined;
  if (!isJsonObject(fields)) {
    return { param: ADDITIONAL_FIELDS, sentence: `The member ${ADDITIONAL_FIELDS} must be an object.` };
  }
  if (!limitsOutput(fields)) return undefined;
  return {
    param: ADDITIONAL_FIELDS,
    sentence: `The member ${ADDITIONAL_FIELDS} must not say how much may come out: inferenceConfig does.`,
  };
}

/** As deep as the value is, which the scan has bounded. */
function limitsOutput(value: Json): boolean {
  if (Array.isArray(value)) return value.some(limitsOutput);
  if (!isJsonObject(value)) return false;
  return Object.entries(value).some(([name, inner]) => {
    const spelled = spelling(name);
    if (isCap(spelled) || CHOICES.has(spelled)) return true;
    return !SCHEMAS.has(spelled) && limitsOutput(inner);
  });
}

/** A name may be as long as the member: no search here starts over. */
function isCap(spelled: string): boolean {
  const at = spelled.indexOf("max");
  return at !== -1 && CAPPED.some((word) => spelled.includes(word, at + 3));
}
