import { type EpochMillis, epochMillis, type Millis, type Port } from "../base/quantity.ts";
import { frozenCopy } from "../base/frozen-copy.ts";
import type { DetectorRule } from "../behavior/detector.ts";
import type { McpServer } from "../mcp/mcp-server.ts";
import { serverPlaces } from "../mcp/server-places.ts";
import type { Peer, Trust } from "../peer/trust.ts";
import type { PolicyIdentity } from "../policy/permit.ts";
import { type Authority, formatAuthority } from "../wire/authority.ts";
import type { Host } from "../wire/host.ts";
import { ACTION_KINDS, type ActionKind } from "./action-kind.ts";
import { type CompiledRule, compileRule } from "./compiled-rule.ts";
import type { GovernancePolicyDocument } from "./governance-policy.ts";
import type { JudgedAction } from "./judged-action.ts";
import { indexRules, type RuleIndex } from "./rule-index.ts";
import type { PatternCache } from "./text-test.ts";
import type { AppliedLimit } from "./verdict.ts";

/** What is kept of one kind of action. */
interface KindTable {
  /** In document order. */
  readonly rules: readonly CompiledRule[];
  readonly candidates: RuleIndex;
  readonly limits: readonly AppliedLimit[];
  readonly delegated: boolean;
}

interface Tables {
  readonly kinds: ReadonlyMap<ActionKind, KindTable>;
  readonly mcp: ReadonlyMap<string, McpServer>;
  readonly mcpPlaces: ReturnType<typeof serverPlaces>;
  readonly peers: ReadonlyMap<string, Peer>;
  /** By canonical `host:port`. */
  readonly peersAt: ReadonlyMap<string, Peer>;
}

/**
 * A policy ready to decide by, made by `compileGovernancePolicy`. Everything reachable from it is frozen, and its maps are
 * closed over. A copy (`{...policy}`) is no policy: it lacks the private member for the compiler and the methods at run
 * time.
 */
export class CompiledGovernancePolicy {
  readonly state = "loaded";
  readonly identity: PolicyIdentity;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  /** `expiresAt` and the operator's grace: from here on everything is denied. */
  readonly deniesFrom: EpochMillis;
  /** Until then what would be refused is allowed; undefined: the policy enforces. Never after `expiresAt`: the grace keeps rules alive, and no mode that lets all pass. */
  readonly observesUntil: EpochMillis | undefined;
  /** Its signature was verified. */
  readonly signed: boolean;
  readonly rules: readonly CompiledRule[];
  readonly limits: GovernancePolicyDocument["limits"];
  readonly deniedTools: "remove" | "refuse";
  readonly mcp: readonly McpServer[];
  readonly detectors: readonly DetectorRule[];
  readonly liftBefore: EpochMillis | undefined;
  /** Without the graph where the policy is not signed: nobody is connected then. */
  readonly trust: Trust;
  readonly requests: GovernancePolicyDocument["requests"];
  readonly #tables: Tables;

  constructor(
    identity: PolicyIdentity,
    deniesFrom: EpochMillis,
    signed: boolean,
    document: GovernancePolicyDocument,
    rules: readonly CompiledRule[],
  ) {
    this.identity = identity;
    this.issuedAt = document.issuedAt;
    this.expiresAt = document.expiresAt;
    this.deniesFrom = deniesFrom;
    this.observesUntil =
      document.mode === "observe" && document.observeUntil !== undefined
        ? epochMillis(Math.min(document.observeUntil, document.expiresAt))
        : undefined;
    this.signed = signed;
    this.rules = rules;
    this.limits = document.limits;
    this.deniedTools = document.deniedTools;
    this.mcp = document.mcp;
    this.detectors = document.behavior;
    this.liftBefore = document.liftBefore;
    this.trust = signed ? document.trust : Object.freeze({ ...document.trust, graph: Object.freeze([]) });
    this.requests = document.requests;
    this.#tables = tablesOf(document, rules);
    Object.freeze(this);
  }

  /** All rules about this kind, in document order. */
  rulesOf(kind: ActionKind): readonly CompiledRule[] {
    return this.#kind(kind).rules;
  }

  /** See `RuleIndex`. */
  candidates(judged: JudgedAction): readonly (readonly CompiledRule[])[] {
    return this.#kind(judged.action.kind).candidates(judged);
  }

  /** The policy's own limits on this kind, which no rule needs to name. */
  limitsOf(kind: ActionKind): readonly AppliedLimit[] {
    return this.#kind(kind).limits;
  }

  /** Where no rule matches, the kind's own policy decides. */
  delegates(kind: ActionKind): boolean {
    return this.#kind(kind).delegated;
  }

  mcpServer(id: string): McpServer | undefined {
    return this.#tables.mcp.get(id);
  }

  /** See `serverPlaces`. */
  isMcpServer(host: Host, port: Port): boolean {
    return this.#tables.mcpPlaces(host, port);
  }

  peer(id: string): Peer | undefined {
    return this.#tables.peers.get(id);
  }

  /** The peer that is spoken to there: what leads to it is `mesh.send`. */
  peerAt(endpoint: Authority): Peer | undefined {
    return this.#tables.peersAt.get(formatAuthority(endpoint));
  }

  #kind(kind: ActionKind): KindTable {
    const table = this.#tables.kinds.get(kind);
    if (table === undefined) throw new Error("a kind of action that there is not");
    return table;
  }
}

function tablesOf(document: GovernancePolicyDocument, rules: readonly CompiledRule[]): Tables {
  const { delegate } = document;
  const kinds = ACTION_KINDS.map((kind): readonly [ActionKind, KindTable] => {
    const own = Object.freeze(rules.filter((rule) => rule.actions.includes(kind)));
    const limits = Object.freeze(document.limits.filter(({ actions }) => actions?.has(kind) ?? true));
    const delegated = (kind === "egress" || kind === "inference") && delegate.has(kind);
    return [kind, { rules: own, candidates: indexRules(kind, own), limits, delegated }];
  });
  const endpoints = document.trust.peers.flatMap((peer) =>
    peer.endpoints.map((endpoint): readonly [string, Peer] => [formatAuthority(endpoint), peer]),
  );
  return {
    kinds: new Map(kinds),
    mcp: unique(document.mcp.map((server) => [server.id, server])),
    mcpPlaces: serverPlaces(document.mcp),
    peers: unique(document.trust.peers.map((peer) => [peer.id, peer])),
    peersAt: unique(endpoints),
  };
}

/** Throws where the parser should have refused: two things of one name. */
function unique<Value>(entries: readonly (readonly [string, Value])[]): ReadonlyMap<string, Value> {
  const table = new Map(entries);
  if (table.size !== entries.length) throw new Error("names of a governance policy came unchecked");
  return table;
}

/** No policy has been accepted yet: everything is denied with `policy_missing`. */
export interface MissingGovernancePolicy {
  readonly state: "missing";
  readonly identity: undefined;
}

export type GovernanceSnapshot = CompiledGovernancePolicy | MissingGovernancePolicy;

export const NO_GOVERNANCE: MissingGovernancePolicy = Object.freeze({ state: "missing", identity: undefined });

/**
 * Turns a parsed document into what actions are judged by. `digest` is `sha256:` and 64 hex digits over the bytes as
 * signed; `expiryGrace` is the operator's, not the document's. The document is copied, never shared. Throws where its
 * parser should have refused (a pattern it did not check, an id that stands twice).
 */
export function compileGovernancePolicy(
  document: GovernancePolicyDocument,
  digest: string,
  expiryGrace: Millis,
  { signed }: { readonly signed: boolean } = { signed: false },
): CompiledGovernancePolicy {
  const { name, version, expiresAt } = document;
  const copy = frozenCopy(document);
  const patterns: PatternCache = new Map();
  const rules = Object.freeze(copy.rules.map((rule, order) => compileRule(rule, order, patterns)));
  unique(rules.map((rule) => [rule.id, rule]));
  return new CompiledGovernancePolicy(
    Object.freeze({ name, version, digest }),
    epochMillis(expiresAt + expiryGrace),
    signed,
    copy,
    rules,
  );
}
