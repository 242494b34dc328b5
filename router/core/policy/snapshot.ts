import type { EpochMillis } from "../base/quantity.ts";
import type { Host } from "../wire/host.ts";
import type { Hostname } from "../wire/hostname.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { AllowRule, DenyRule, HeaderConstraint } from "./egress-policy.ts";
import type { HostIndex } from "./host-index.ts";
import type { PathPattern } from "./path-pattern.ts";
import type { Handling, Obligations, PolicyIdentity } from "./permit.ts";

interface CompiledTerms {
  /** The rule's place among its kind in the document, from 0: of several that match, the first counts. */
  readonly order: number;
  /** Undefined: every method. Deny rules hold them in upper case. */
  readonly methods: readonly string[] | undefined;
  /** Undefined: every path, also an ambiguous one. */
  readonly paths: readonly PathPattern[] | undefined;
}

export type CompiledAllowRule = CompiledTerms &
  Pick<AllowRule, "id" | "line" | "hosts" | "addresses" | "ports" | "limits"> & {
    readonly obligations: Obligations;
    readonly handling: Handling;
    readonly headers: readonly HeaderConstraint[];
  };

export type CompiledDenyRule = CompiledTerms & Pick<DenyRule, "id" | "line" | "hosts" | "addresses" | "ports">;

/** The rules that name an address, on whatever port, in document order. */
export type AddressIndex<Rule> = (address: IpAddress) => readonly Rule[];

export interface CompiledPolicyFields {
  readonly identity: PolicyIdentity;
  readonly mode: "enforce" | "learn";
  readonly issuedAt: EpochMillis;
  /** From here on nothing is permitted by learn mode; rules last until `deniesFrom`. */
  readonly expiresAt: EpochMillis;
  /** `expiresAt` and the operator's grace: from here on everything is denied. */
  readonly deniesFrom: EpochMillis;
  readonly allow: readonly CompiledAllowRule[];
  readonly deny: readonly CompiledDenyRule[];
  readonly allowByHost: HostIndex<CompiledAllowRule>;
  readonly denyByHost: HostIndex<CompiledDenyRule>;
  readonly allowByAddress: AddressIndex<CompiledAllowRule>;
  readonly denyByAddress: AddressIndex<CompiledDenyRule>;
  readonly deniesAddresses: boolean;
  /** Whether the policy takes this name out of all blocklists. */
  readonly isNotBlocked: (name: Hostname) => boolean;
}

/**
 * A policy ready to decide by, made by `compilePolicy`. Everything reachable from it is frozen, and its maps are
 * closed over by the look-ups, so nobody who holds one can change what it permits. A copy (`{...policy}`) is
 * no policy: it lacks the private member for the compiler and the methods at run time.
 */
export class CompiledPolicy {
  readonly state = "loaded";
  readonly identity: PolicyIdentity;
  readonly mode: "enforce" | "learn";
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  readonly deniesFrom: EpochMillis;
  readonly allow: readonly CompiledAllowRule[];
  readonly deny: readonly CompiledDenyRule[];
  /** Some deny rule names an address. */
  readonly deniesAddresses: boolean;
  readonly #fields: CompiledPolicyFields;

  constructor(fields: CompiledPolicyFields) {
    this.identity = fields.identity;
    this.mode = fields.mode;
    this.issuedAt = fields.issuedAt;
    this.expiresAt = fields.expiresAt;
    this.deniesFrom = fields.deniesFrom;
    this.allow = fields.allow;
    this.deny = fields.deny;
    this.deniesAddresses = fields.deniesAddresses;
    this.#fields = fields;
    Object.freeze(this);
  }

  /** The allow rules that name this host; a literal address only by `addresses`, never by a host pattern. */
  allowFor(host: Host): readonly CompiledAllowRule[] {
    return host.kind === "name" ? this.#fields.allowByHost(host.text) : this.#fields.allowByAddress(host.text);
  }

  /** Addresses cannot be taken out: a rule names them with their port. */
  isNotBlocked(host: Host): boolean {
    return host.kind === "name" && this.#fields.isNotBlocked(host.text);
  }

  denyFor(host: Host): readonly CompiledDenyRule[] {
    return host.kind === "name" ? this.#fields.denyByHost(host.text) : this.#fields.denyByAddress(host.text);
  }
}

/** No policy has been accepted yet: everything is denied with `policy_missing`. */
export interface MissingPolicy {
  readonly state: "missing";
  readonly identity: undefined;
}

export type PolicySnapshot = CompiledPolicy | MissingPolicy;

export const DENY_ALL: MissingPolicy = Object.freeze({ state: "missing", identity: undefined });
