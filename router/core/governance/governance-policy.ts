import type { EpochMillis } from "../base/quantity.ts";
import type { DetectorRule, WorkingHours } from "../behavior/detector.ts";
import type { Limit } from "../limiter/limit.ts";
import type { McpServer } from "../mcp/mcp-server.ts";
import type { Tier, Trust } from "../peer/trust.ts";
import type { HostPattern } from "../policy/egress-policy.ts";
import type { ActionKind } from "./action-kind.ts";

export type Effect = "deny" | "require_approval" | "rate_limit" | "allow";

/** One of them must hold; at least one is there. Patterns are of the linear class and match the whole text. */
export interface TextTest {
  readonly in: readonly string[];
  /** `*` is any run of characters, `?` one. */
  readonly glob: readonly string[];
  readonly pattern: readonly string[];
}

/** Within the range, whose ends belong to it, and in the set; at least one of them is there, an empty set is none. */
export interface NumberTest {
  readonly in: readonly number[];
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** What must hold of one fact. A fact belongs to certain kinds of action (`facts.ts`), and the parser says where it does not. */
export type Condition =
  | { readonly kind: "text"; readonly fact: TextFact; readonly test: TextTest }
  | { readonly kind: "number"; readonly fact: NumberFact; readonly test: NumberTest }
  | { readonly kind: "flag"; readonly fact: "stream"; readonly value: boolean }
  /** `some`: one of them; `every`: all, and none is all. */
  | { readonly kind: "texts"; readonly fact: "argv"; readonly of: "some" | "every"; readonly test: TextTest }
  /** Names by the patterns of the egress policy; addresses (of a literal host) by CIDR, as canonical text. */
  | { readonly kind: "host"; readonly patterns: readonly HostPattern[]; readonly ranges: readonly string[] }
  /** The globs of the egress policy. */
  | { readonly kind: "path"; readonly globs: readonly string[] }
  /** RFC 6901 pointer into a tool's arguments. What is there of another type is missing. */
  | { readonly kind: "argument"; readonly at: string; readonly test: ArgumentTest }
  | { readonly kind: "label"; readonly name: string; readonly test: TextTest }
  | { readonly kind: "time"; readonly hours: WorkingHours }
  /** Of the peer; `from` and all above, or all below `below`. */
  | { readonly kind: "tier"; readonly from: Tier | undefined; readonly below: Tier | undefined };

export type TextFact =
  | "model"
  | "provider"
  | "api"
  | "protocol"
  | "method"
  | "program"
  | "directory"
  | "agent"
  | "image"
  | "server"
  | "tool"
  | "peer"
  | "topic"
  | "operation"
  | "target";

export type NumberFact = "port" | "bytes" | "depth";

export type ArgumentTest =
  | ({ readonly kind: "text" } & TextTest)
  | ({ readonly kind: "number" } & NumberTest)
  | { readonly kind: "flag"; readonly value: boolean };

/** What an agent, or the router for it, must do with what is allowed. */
export interface Obligations {
  /** RFC 6901 pointers into the arguments whose values records and logs show as a digest only. */
  readonly redact: readonly string[];
  /** Octets of the result at most. */
  readonly resultBytes: number | undefined;
  /** `full`: the record holds a digest of the arguments and their redacted text. */
  readonly log: "digest" | "full";
}

export interface GovernanceRule {
  readonly id: string;
  readonly effect: Effect;
  /** Never empty. */
  readonly actions: readonly ActionKind[];
  /** All must hold. */
  readonly when: readonly Condition[];
  /** Empty: nothing is excepted. Else the rule matches unless all of these hold. */
  readonly unless: readonly Condition[];
  /** Of a rate_limit rule, and of no other. */
  readonly limit: Limit | undefined;
  readonly obligations: Obligations;
  /** A sentence for who is refused; undefined: a general one. */
  readonly message: string | undefined;
  readonly line: number;
}

/** A `GovernancePolicy` document after its strict parse. */
export interface GovernancePolicyDocument {
  readonly name: string;
  /** 1 to 2^53-1; rises strictly. */
  readonly version: number;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  readonly audience: { readonly namespaces: readonly string[]; readonly agents: readonly string[] };
  /**
   * `observe`: what rules or their absence refuse is allowed and recorded as what it would have been; loud, and over at
   * `observeUntil`, at most 14 days after `issuedAt`. What other policies refuse stays refused, and so does a quarantine.
   */
  readonly mode: "enforce" | "observe";
  /** There if and only if the mode is observe. */
  readonly observeUntil: EpochMillis | undefined;
  /**
   * Kinds that have an allowlist of their own (EgressPolicy, InferencePolicy): where no rule matches, that alone decides.
   * Deny, approval and rate rules count all the same.
   */
  readonly delegate: ReadonlySet<"egress" | "inference">;
  readonly rules: readonly GovernanceRule[];
  /** Over all rules. */
  readonly limits: readonly (Limit & { readonly id: string; readonly actions: ReadonlySet<ActionKind> | undefined })[];
  /** What happens to a tool that a request to a model declares and no call of which could be allowed. */
  readonly deniedTools: "remove" | "refuse";
  readonly mcp: readonly McpServer[];
  readonly behavior: readonly DetectorRule[];
  /** Quarantines that began before are lifted. */
  readonly liftBefore: EpochMillis | undefined;
  readonly trust: Trust;
  /** What an agent may ask for at run time. */
  readonly requests: {
    /** That wait at the same time; 0: nothing can be asked for. */
    readonly pending: number;
    readonly perMinute: number;
    /** Milliseconds until a request that nobody answered is over. */
    readonly ttl: number;
    /** Milliseconds that a grant lasts at most. */
    readonly grant: number;
  };
}
