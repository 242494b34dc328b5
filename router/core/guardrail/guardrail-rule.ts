import type { Millis } from "../base/quantity.ts";

/** Patterns that come with the router (RE2-class, each with a check of its own where digits have a checksum). */
export type BuiltInPattern =
  | "api_key"
  | "private_key"
  | "aws_access_key"
  | "github_token"
  | "jwt"
  | "credit_card"
  | "us_ssn"
  | "iban"
  | "email"
  | "phone"
  | "ip_address";

export type GuardrailCheck =
  | {
      readonly kind: "patterns";
      readonly builtIn: readonly BuiltInPattern[];
      /** RE2-class texts, at most 1,024 characters each. */
      readonly patterns: readonly string[];
    }
  /** POST of `{phase, model, texts}`; the answer is `{action: "allow" | "block" | "mask", texts?, reason?}`. */
  | { readonly kind: "webhook"; readonly url: string; readonly tokenFile: string | undefined }
  /** OpenAI's moderation API, at a provider of the policy. */
  | { readonly kind: "moderation"; readonly provider: string; readonly model: string };

export interface Guardrail {
  readonly id: string;
  readonly on: readonly ("input" | "output")[];
  readonly check: GuardrailCheck;
  /** `mask` replaces a match by `[<name>]`; for patterns and webhooks only. */
  readonly action: "block" | "mask";
  /** Undefined: every model. */
  readonly models: ReadonlySet<string> | undefined;
  /** A check that has not answered by then has failed, and what failed is blocked. */
  readonly timeout: Millis;
}
