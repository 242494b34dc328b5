import { assertNever } from "../../core/base/assert-never.ts";
import type { Family } from "../../core/inference/api.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";

/** `GET /v1/models` and its like: the policy's models in the caller's own API's shape. */
export function modelList(family: Family, policy: CompiledInferencePolicy): unknown {
  const names = policy.models.map(({ name }) => name);
  const since = new Date(policy.issuedAt).toISOString();
  switch (family) {
    case "anthropic":
      return {
        data: names.map((name) => modelEntry(family, name, policy)),
        has_more: false,
        first_id: names[0] ?? null,
        last_id: names.at(-1) ?? null,
      };
    case "gemini":
      return { models: names.map((name) => modelEntry(family, name, policy)) };
    case "ollama":
      return { models: names.map((name) => ({ name, model: name, modified_at: since })) };
    case "openai":
    case "azure":
    case "bedrock":
      return { object: "list", data: names.map((name) => modelEntry(family, name, policy)) };
    default:
      return assertNever(family);
  }
}

/** One of them. */
export function modelEntry(family: Family, name: string, policy: CompiledInferencePolicy): unknown {
  switch (family) {
    case "anthropic":
      return { type: "model", id: name, display_name: name, created_at: new Date(policy.issuedAt).toISOString() };
    case "gemini":
      return { name: `models/${name}`, displayName: name };
    case "ollama":
    case "openai":
    case "azure":
    case "bedrock":
      return { id: name, object: "model", created: Math.floor(policy.issuedAt / 1000), owned_by: "sluice" };
    default:
      return assertNever(family);
  }
}
