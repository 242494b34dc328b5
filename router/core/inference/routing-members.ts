import type { ScannedObject } from "../json/scanned-object.ts";
import type { Api } from "./api.ts";
import type { FactProblem } from "./fact-problem.ts";

/**
 * Members by which a caller has an aggregator, or the provider, answer with another model or at another place than the
 * policy says: OpenRouter's (`models`, `route`, `provider`, `preset`, `plugins`), LiteLLM's (`fallbacks` to
 * `custom_llm_provider`), Vercel's (`providerOptions`), orq.ai's (`orq`). None is a member of OpenAI's APIs; `fallbacks`
 * is one of Anthropic's, in a beta, and means the same there.
 */
const ROUTING_MEMBERS = [
  "models",
  "route",
  "provider",
  "providers",
  "preset",
  "plugins",
  "fallbacks",
  "context_window_fallbacks",
  "context_window_fallback_dict",
  "content_policy_fallbacks",
  "model_list",
  "api_base",
  "base_url",
  "api_key",
  "custom_llm_provider",
  "providerOptions",
  "orq",
] as const;

/** APIs that aggregators serve. */
const AGGREGATED: ReadonlySet<Api> = new Set<Api>([
  "chat",
  "completions",
  "responses",
  "embeddings",
  "messages",
  "count_tokens",
]);

export function routingMembers(api: Api): readonly string[] {
  return AGGREGATED.has(api) ? ROUTING_MEMBERS : [];
}

/** A member that would change what the policy has chosen. */
export function routingProblem(api: Api, { members, long }: ScannedObject): FactProblem | undefined {
  for (const name of routingMembers(api)) {
    const value = members.get(name)?.value;
    if ((value !== undefined && value !== null) || long.has(name)) {
      return {
        param: name,
        sentence: `The member ${name} must not be there: the policy alone says which model answers, and where.`,
      };
    }
  }
  return undefined;
}
