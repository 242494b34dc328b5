import { millis } from "../../../../router/core/base/quantity.ts";
import {
  compileInferencePolicy,
  type CompiledInferencePolicy,
} from "../../../../router/core/models/compile-inference-policy.ts";
import type { InferencePolicyDocument, Provider } from "../../../../router/core/models/inference-policy.ts";
import { parseInferencePolicy } from "../../../../router/core/models/parse-inference-policy.ts";
import { changed } from "../../policies/documents.ts";
import { INFERENCE_POLICY } from "../../policies/inference-policy-document.ts";
import { DIGEST } from "../policy/policy-fixture.ts";

/** Parts of the valid policy, each of which stands in it once, and what stands there instead. */
export type Changes = readonly (readonly [replace: string, by: string])[];

export function policyText(...changes: Changes): string {
  return changes.reduce(
    (text, [replace, by]) => changed(text, { name: replace, replace, by, problems: [] }),
    INFERENCE_POLICY,
  );
}

export function inferenceDocument(...changes: Changes): InferencePolicyDocument {
  const parsed = parseInferencePolicy("f", policyText(...changes));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problem));
  return parsed.value;
}

export function models(...changes: Changes): CompiledInferencePolicy {
  return compileInferencePolicy(inferenceDocument(...changes), DIGEST, millis(0));
}

export function providerOf(policy: CompiledInferencePolicy, id: string): Provider {
  const provider = policy.provider(id);
  if (provider === undefined) throw new Error(`no provider ${id}`);
  return provider;
}
