import type { EpochMillis, Millis } from "../base/quantity.ts";
import type { BudgetRule, RateRule } from "../budget/budget-rule.ts";
import type { Guardrail } from "../guardrail/guardrail-rule.ts";
import type { AddressAndPort } from "../policy/egress-policy.ts";
import type { Host } from "../wire/host.ts";
import type { Port } from "../base/quantity.ts";

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

/** An absolute http or https URL in parts; http leads to special-use addresses that `addresses` names, or to loopback. */
export interface ProviderEndpoint {
  readonly scheme: "http" | "https";
  readonly host: Host;
  readonly port: Port;
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
  /** Special-use addresses that the endpoint's name may lead to. */
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

/** Billionths of a US dollar a token; undefined where the policy gives no price. */
export interface Price {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly cacheWriteHour: number;
  readonly audioInput: number;
  readonly output: number;
  readonly audioOutput: number;
  /** A call. */
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
  readonly price: Price | undefined;
  /** Of a stream that was cut or a call without usage: rather estimated. */
  readonly line: number;
}

/** A floor of the provider's own content filter: blocked from this severity on. */
export type Severity = "low" | "medium" | "high";

export interface InferencePolicyDocument {
  readonly name: string;
  readonly version: number;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  readonly audience: { readonly namespaces: readonly string[]; readonly agents: readonly string[] };
  readonly providers: readonly Provider[];
  readonly models: readonly ModelRule[];
  readonly budgets: readonly BudgetRule[];
  readonly rateLimits: readonly RateRule[];
  readonly guardrails: readonly Guardrail[];
  /** By Azure's category name (hate, sexual, violence, self_harm, jailbreak ...). */
  readonly contentFilter: ReadonlyMap<string, Severity>;
}
