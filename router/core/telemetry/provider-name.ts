import type { Family } from "../inference/api.ts";

/**
 * `gen_ai.provider.name` by what a provider speaks: it tells the flavour of the telemetry, not whose model answers. Every
 * OpenAI-compatible origin is `openai`; `ollama` is a value of ours, since the conventions list none.
 */
export const PROVIDER_NAMES: Readonly<Record<Family, string>> = Object.freeze({
  openai: "openai",
  azure: "azure.ai.openai",
  anthropic: "anthropic",
  gemini: "gcp.gemini",
  bedrock: "aws.bedrock",
  ollama: "ollama",
});
