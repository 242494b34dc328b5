import type { ModelOrigin } from "./model-origin.ts";

export interface ModelPolicyOptions {
  /** What the provider speaks; its models are the same everywhere. */
  readonly api?: string;
  /** Further members of the provider, as of a YAML flow map. */
  readonly provider?: readonly string[];
  /** Further members of the model `test-model`. */
  readonly model?: readonly string[];
  /** Each a flow map. */
  readonly budgets?: readonly string[];
  readonly rateLimits?: readonly string[];
  readonly guardrails?: readonly string[];
}

/** The secret that `startSidecar` is given as file `provider-key`. */
export const PROVIDER_KEY = "sk-provider-secret-0123456789";

/** An InferencePolicy's lines for one provider, the given origin, with the model `test-model`. */
export function modelPolicy(origin: Pick<ModelOrigin, "port">, options: ModelPolicyOptions = {}): readonly string[] {
  const api = options.api ?? "openai";
  const path = api === "openai" ? "/v1" : "";
  const list = (name: string, items: readonly string[] | undefined): readonly string[] =>
    items === undefined || items.length === 0 ? [] : [`${name}:`, ...items.map((item) => `  - ${item}`)];
  const provider = [
    "id: main",
    `api: ${api}`,
    `endpoint: "http://127.0.0.1:${origin.port}${path}"`,
    "credential: { file: provider-key }",
    `addresses: ["127.0.0.1:${origin.port}"]`,
    ...(options.provider ?? []),
  ];
  const model = [
    "name: test-model",
    "aliases: [other-name]",
    "context: 100000",
    "maxOutput: 1000",
    "targets: [{ provider: main, model: upstream-model }]",
    ...(options.model ?? []),
  ];
  return [
    ...list("providers", [`{ ${provider.join(", ")} }`]),
    ...list("models", [`{ ${model.join(", ")} }`]),
    ...list("budgets", options.budgets),
    ...list("rateLimits", options.rateLimits),
    ...list("guardrails", options.guardrails),
  ];
}
