import type { EpochMillis, Port } from "../base/quantity.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { RuleLimits } from "./limits.ts";
import type { RuleProtocol } from "./permit.ts";

/**
 * A host pattern as authored: `exact` names one host; `one-label` (`*.example.com`) exactly one more label;
 * `deep` (`**.example.com`) one or more. `name` is the canonical host without the stars. Never the apex.
 */
export interface HostPattern {
  readonly kind: "exact" | "one-label" | "deep";
  readonly name: string;
}

/** `10.1.2.3:5432` or `[fd00::1]:5432`: the only way to name a special-use address. */
export interface AddressAndPort {
  readonly address: IpAddress;
  readonly port: Port;
}

export interface HttpConstraint {
  /** Undefined: every method. Never empty. */
  readonly methods: readonly string[] | undefined;
  /** Globs: `*` within a segment, `**` over segments. Undefined: every path. Never empty. */
  readonly paths: readonly string[] | undefined;
}

export interface AllowRule {
  readonly id: string;
  readonly hosts: readonly HostPattern[];
  readonly addresses: readonly AddressAndPort[];
  /** Empty only where `hosts` is. */
  readonly ports: readonly Port[];
  readonly protocol: RuleProtocol;
  readonly allowMissingSni: boolean;
  readonly allowEch: boolean;
  readonly http: HttpConstraint;
  readonly limits: RuleLimits;
  /** Where the rule begins in its file, from 1. */
  readonly line: number;
}

export interface DenyRule {
  readonly id: string;
  readonly hosts: readonly HostPattern[];
  /** Addresses denied on the port named. */
  readonly addresses: readonly AddressAndPort[];
  /** Undefined: every port. */
  readonly ports: readonly Port[] | undefined;
  readonly http: HttpConstraint;
  readonly line: number;
}

/** An `EgressPolicy` document after its strict parse: what was written, with units resolved and nothing decided. */
export interface EgressPolicyDocument {
  readonly name: string;
  /** 1 to 2^53-1; rises strictly. */
  readonly version: number;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  /** `"*"` is every namespace or agent; an empty list cannot be written. */
  readonly audience: { readonly namespaces: readonly string[]; readonly agents: readonly string[] };
  readonly mode: "enforce" | "learn";
  readonly allow: readonly AllowRule[];
  readonly deny: readonly DenyRule[];
}
