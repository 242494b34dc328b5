import { readFileSync } from "node:fs";
import { shippedPolicy } from "./program-files.ts";

const HOUR = 60 * 60 * 1_000;

/** What is filled in in every document. */
export interface DocumentFacts {
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What a run knows and the shipped document cannot. */
export interface RunFacts extends DocumentFacts {
  /** Where the origins listen: addresses as a policy spells them (IPv6 in brackets), and their ports. */
  readonly addresses: readonly string[];
  readonly tlsPort: number;
  readonly httpPort: number;
}

/**
 * `policies/quickstart/egress.yaml` with what a run must fill in, and nothing else changed: the version, dates around
 * now, the origins' ports for 8443 and 8080, and their addresses for 127.0.0.1.
 */
export function policyOf(facts: RunFacts): string {
  return dated("egress.yaml", facts)
    .replaceAll(/\b8443\b/g, String(facts.tlsPort))
    .replaceAll(/\b8080\b/g, String(facts.httpPort))
    .replaceAll(/"127\.0\.0\.1:([0-9]+)"/g, (_, port: string) =>
      facts.addresses.map((address) => `"${address}:${port}"`).join(", "),
    );
}

/** `policies/quickstart/inference.yaml` likewise: the version, dates around now, and the model's port for 8000. */
export function modelsPolicyOf(facts: DocumentFacts & { readonly modelPort: number }): string {
  return dated("inference.yaml", facts).replaceAll(/\b8000\b/g, String(facts.modelPort));
}

/** `policies/quickstart/governance.yaml` likewise: the version and dates around now. */
export function actionsPolicyOf(facts: DocumentFacts): string {
  return dated("governance.yaml", facts);
}

/** The same document with a budget that the tour does not use up. */
export function largerBudget(policy: string): string {
  return policy.replace(/(?<= tokens: )[0-9]+/, "1000000");
}

function dated(name: Parameters<typeof shippedPolicy>[0], { version, now }: DocumentFacts): string {
  const at = (offset: number): string => `"${new Date(now + offset).toISOString()}"`;
  return readFileSync(shippedPolicy(name), "utf8")
    .replace(/^( +version:).*$/m, `$1 ${version}`)
    .replace(/^( +issuedAt:).*$/m, `$1 ${at(-60_000)}`)
    .replace(/^( +expiresAt:).*$/m, `$1 ${at(24 * HOUR)}`);
}

/** The same document with the rule for `*.wild.example` turned into one for `*.other.example`. */
export function otherWildcard(policy: string): string {
  return policy.replace('"*.wild.example"', '"*.other.example"');
}
