import { assertNever } from "../base/assert-never.ts";
import type { Api } from "../inference/api.ts";
import { type ProviderBase, providerPath } from "../inference/provider-path.ts";
import { chatToMessages } from "./chat-to-messages.ts";
import { messagesToChat } from "./messages-to-chat.ts";
import type { Translation } from "./translation.ts";

type ProviderApi = ProviderBase["api"];

/**
 * How a call of `api` reaches a provider: as it is, where the provider has that API, or translated (chat and messages
 * only), or not at all.
 */
export function translationFor(api: Api, provider: ProviderApi): Translation | "native" | "unsupported" {
  if (providerPath({ api: provider, path: "", apiVersion: undefined }, api, "", false, "") !== undefined)
    return "native";
  if (api === "chat" && provider === "anthropic") return chatToMessages;
  return api === "messages" && targetApi(provider) === "chat" ? messagesToChat : "unsupported";
}

/** The API that a translated call speaks to a provider; undefined where nothing is translated to it. */
export function targetApi(provider: ProviderApi): "chat" | "messages" | undefined {
  switch (provider) {
    case "openai":
    case "azure":
    case "ollama":
      return "chat";
    case "anthropic":
      return "messages";
    case "gemini":
    case "bedrock":
      return undefined;
    default:
      return assertNever(provider);
  }
}
