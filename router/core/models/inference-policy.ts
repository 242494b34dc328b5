import type { EpochMillis, Millis } from "../base/quantity.ts";
import type { BudgetRule, RateRule } from "../budget/budget-rule.ts";
import type { Guardrail } from "../guardrail/guardrail-rule.ts";
import type { AddressAndPort } from "../policy/egress-policy.ts";
import type { Authority } from "../wire/authority.ts";

/** What a provider speaks. `openai` is every OpenAI-compatible origin (vLLM, Ollama's /v1, GitHub Models ...). */
export type ProviderApi = "openai" | "azure" | "anthropic" | "gemini" | "bedrock" | "ollama";

/** Where the credential comes from. Files are names within the router's secrets directory. */
export type CredentialSource =
  | { readonly kind: "none" }
  /** The file's content is the key, sent as the provider's API asks (`authorization: Bearer`, `x-api-key`, ...). */
  | { readonly kind: "file"; readonly file: string }
  /** A projected token exchanged at Entra ID (RFC 7523 client assertion). */
  | {
      readonly kind: "azureWorkloadIdentity";
      readonly tenant: string;
      readonly client: string;
      readonly tokenFile: string;
      readonly authority: ProviderEndpoint;
      readonly scope: string;
    }
  /** The node's managed identity, asked of IMDS by the router alone. */
  | { readonly kind: "azureManagedIdentity"; readonly client: string | undefined; readonly resource: string }
  /** AWS IRSA: AssumeRoleWithWebIdentity, then SigV4. */
  | {
      readonly kind: "awsWebIdentity";
      readonly role: string;
      readonly region: string;
      readonly tokenFile: string;
      readonly sts: ProviderEndpoint;
    }
  /** A file with access key id, secret access key and optional session token, a line each; SigV4. */
  | { readonly kind: "awsFile"; readonly file: string; readonly region: string }
  /** GCP workload identity federation (RFC 8693), with optional impersonation of a service account. */
  | {
      readonly kind: "gcpWorkloadIdentity";
      readonly audience: string;
      readonly tokenFile: string;
      readonly serviceAccount: string | undefined;
      readonly sts: ProviderEndpoint;
      readonly iam: ProviderEndpoint;
    };

/** An absolute http or https URL in parts; http leads to special-use addresses that `addresses` names, and nowhere else. */
export interface ProviderEndpoint extends Authority {
  readonly scheme: "http" | "https";
  /** Empty, or begins with "/" and does not end with it. */
  readonly path: string;
}

export interface Provider {
  readonly id: string;
  readonly api: ProviderApi;
  readonly endpoint: ProviderEndpoint;
  /** Azure: the `api-version` that replaces the caller's; undefined: the caller's passes. */
  readonly apiVersion: string | undefined;
  readonly credential: CredentialSource;
  readonly tls: {
    /** A file within the policy's trust directory with certificates that count instead of the platform's. */
    readonly caFile: string | undefined;
    readonly serverName: string | undefined;
  };
  /** Special-use addresses that the provider's and its credential's endpoints may lead to; never cloud metadata. */
  readonly addresses: readonly AddressAndPort[];
  readonly timeouts: {
    readonly connect: Millis;
    /** From the request's last octet to the answer's first token. */
    readonly firstToken: Millis;
    /** Between two reads of a stream. */
    readonly idle: Millis;
    readonly total: Millis;
  };
  /** False: the origin is known to refuse `stream_options`. */
  readonly streamUsage: boolean;
  readonly line: number;
}

export interface ModelTarget {
  readonly provider: string;
  /** The provider's own name of the model (Azure: the deployment). */
  readonly model: string;
  /** The chance to be tried first, relative to the others; 0: only when those before it fail. */
  readonly weight: number;
}

/**
 * Trillionths of a US dollar (a millionth of what a million tokens cost in dollars), a token where nothing else is said:
 * whole numbers, so that a price such as 0.0375 dollars a million is exact. `callCost` counts with them.
 */
export interface Price {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly cacheWriteHour: number;
  readonly audioInput: number;
  readonly output: number;
  readonly audioOutput: number;
  /** A call, whatever it does. */
  readonly request: number;
  /** A search or fetch that the provider makes for the model. */
  readonly toolCall: number;
}

export interface ModelRule {
  readonly name: string;
  /** Other names that a request may use. */
  readonly aliases: readonly string[];
  /** Never empty; tried in order, the first of a call drawn by weight. */
  readonly targets: readonly ModelTarget[];
  /** The most input tokens the model takes; undefined: not said. */
  readonly context: number | undefined;
  /** The most output tokens of one choice; the cap where a request names none. */
  readonly maxOutput: number;
  /** Calls may name tools that the provider itself runs. */
  readonly hostedTools: boolean;
  readonly price: Price | undefined;
  readonly line: number;
}

/** Where a rule begins in its file, from 1. */
export interface Located {
  readonly line: number;
}

/** A floor of the provider's own content filter: blocked from this severity on. */
export type Severity = "low" | "medium" | "high";

/** What Azure annotates. What it only detects, without a severity, is blocked by any floor. */
export type ContentCategory =
  | "hate"
  | "sexual"
  | "violence"
  | "self_harm"
  | "jailbreak"
  | "indirect_attack"
  | "profanity"
  | "protected_material_text"
  | "protected_material_code"
  | "custom_blocklists";

/** An `InferencePolicy` document after its strict parse: references resolve, ids and names are unique. */
export interface InferencePolicyDocument {
  readonly name: string;
  readonly version: number;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  readonly audience: { readonly namespaces: readonly string[]; readonly agents: readonly string[] };
  readonly providers: readonly Provider[];
  readonly models: readonly ModelRule[];
  readonly budgets: readonly (BudgetRule & Located)[];
  readonly rateLimits: readonly (RateRule & Located)[];
  readonly guardrails: readonly (Guardrail & Located)[];
  /** Keys are `ContentCategory`; asked with what an answer holds, so they are typed as texts. */
  readonly contentFilter: ReadonlyMap<string, Severity>;
}
