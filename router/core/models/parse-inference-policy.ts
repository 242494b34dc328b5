import type { DocumentProblem } from "../base/problem.ts";
import type { Result } from "../base/result.ts";
import { type DocumentKind, envelope, readDocument } from "../document/document-kind.ts";
import { defaulted, required } from "../document/field.ts";
import { metadata } from "../document/metadata-shape.ts";
import { object } from "../document/object-shape.ts";
import { readYaml } from "../document/read-yaml.ts";
import { refined } from "../document/refined-shape.ts";
import { uniqueIds } from "../document/unique-ids.ts";
import { expiresLater, validity } from "../policy/validity.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { budget, rateLimit } from "./budget-shapes.ts";
import { contentFilter } from "./content-filter-shape.ts";
import {
  knownModels,
  knownProviders,
  moderationAtOpenai,
  pricedUnderBudgets,
  uniqueModelNames,
} from "./cross-references.ts";
import { guardrail } from "./guardrail-shape.ts";
import type { InferencePolicyDocument } from "./inference-policy.ts";
import { MAXIMUM_MODELS } from "./model-parts.ts";
import { model } from "./model-shape.ts";
import { provider } from "./provider-shape.ts";

const mayBeEmpty = { mayBeEmpty: true };

const spec = object(
  {
    ...validity,
    providers: required(listUpTo(64, provider, mayBeEmpty), "Where models are, and how calls are authorised there."),
    models: required(listUpTo(MAXIMUM_MODELS, model, mayBeEmpty), "What may be called; any other name is refused."),
    budgets: defaulted(listUpTo(128, budget, mayBeEmpty), [], "What may be used up; every one that applies must hold."),
    rateLimits: defaulted(listUpTo(128, rateLimit, mayBeEmpty), [], "How fast it may be used."),
    guardrails: defaulted(listUpTo(64, guardrail, mayBeEmpty), [], "What is checked in requests and answers."),
    contentFilter: defaulted(
      contentFilter,
      {},
      "From which severity on what the provider's own filter annotates is blocked, by category.",
    ),
  },
  expiresLater,
  uniqueIds(["providers"], "id"),
  uniqueIds(["budgets", "rateLimits", "guardrails"], "id"),
  uniqueModelNames,
  knownProviders,
  knownModels,
  pricedUnderBudgets,
  moderationAtOpenai,
);

export const inferencePolicy: DocumentKind<InferencePolicyDocument> = {
  kind: "InferencePolicy",
  description:
    "Which models an agent may call, where they are, and what it may use. Credentials are named, never held.",
  shape: refined(
    object({
      ...envelope("InferencePolicy"),
      metadata: required(metadata, "The document's name."),
      spec: required(spec, "Providers, models and limits, and when and for whom they hold."),
    }),
    (document) => ({ name: document.metadata.name, ...document.spec }),
  ),
};

/**
 * Reads an `InferencePolicy` from its text, at most 4 MiB. `file` is only repeated in problems, which come all at
 * once, ordered by position.
 */
export function parseInferencePolicy(
  file: string,
  source: string,
): Result<InferencePolicyDocument, readonly DocumentProblem[]> {
  return readDocument(inferencePolicy, readYaml(file, source));
}
