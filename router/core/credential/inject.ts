import { assertNever } from "../base/assert-never.ts";
import type { AwsKeys } from "./aws-keys.ts";

/** How a provider is spoken to; the words are those of `ProviderApi` (core/models), which this room cannot import. */
export type CredentialApi = "openai" | "azure" | "anthropic" | "gemini" | "bedrock" | "ollama";

/** What a request is given, once it is known. */
export type Credential =
  /** A key that an operator was given by the provider. */
  | { readonly kind: "key"; readonly value: string }
  /** A token that an identity service issued. */
  | { readonly kind: "token"; readonly value: string }
  /** Each request is signed. */
  | { readonly kind: "aws"; readonly keys: AwsKeys };

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** The service that a signature names for every API of Bedrock's runtime. */
export const BEDROCK_SERVICE = "bedrock";

/** Sent where the client names none: Anthropic refuses a request without it. */
export const ANTHROPIC_VERSION = ["anthropic-version", "2023-06-01"] as const;

/**
 * The headers that carry a key or token. Tokens go as `authorization: Bearer` everywhere; a key as the API's own
 * reference says, and Bedrock's as Bearer ("Amazon Bedrock API keys").
 */
export function credentialHeaders(api: CredentialApi, kind: "key" | "token", value: string): HeaderList {
  if (kind === "token") return [["authorization", `Bearer ${value}`]];
  switch (api) {
    case "openai":
    case "ollama":
    case "bedrock":
      return [["authorization", `Bearer ${value}`]];
    case "azure":
      return [["api-key", value]];
    case "anthropic":
      return [["x-api-key", value]];
    case "gemini":
      return [["x-goog-api-key", value]];
    default:
      return assertNever(api);
  }
}

/**
 * A key as a file holds it, without its last line end: visible ASCII and nothing else, or undefined. Anything else is a
 * slip (two keys, a name before the key, a byte order mark), and control characters would split a header.
 */
export function parseKey(text: string): string | undefined {
  return /^[\x21-\x7e]{1,16384}$/.test(text) ? text : undefined;
}
