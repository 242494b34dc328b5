import { NO_LIMITS } from "../../../../router/core/policy/limits.ts";
import { bytes, epochMillis, millis, portOf, type Port } from "../../../../router/core/base/quantity.ts";
import { compilePolicy } from "../../../../router/core/policy/compile.ts";
import { decide } from "../../../../router/core/policy/decide.ts";
import type {
  AllowRule,
  DenyRule,
  EgressPolicyDocument,
  HostPattern,
} from "../../../../router/core/policy/egress-policy.ts";
import type { EgressRequest } from "../../../../router/core/policy/egress-request.ts";
import { compileNetwork, type NetworkFacts, type NetworkInput } from "../../../../router/core/policy/network.ts";
import type { NamePermit } from "../../../../router/core/policy/permit.ts";
import type { CompiledPolicy } from "../../../../router/core/policy/snapshot.ts";
import { parseAuthority } from "../../../../router/core/wire/authority.ts";
import { type IpAddress, parseIpAddress } from "../../../../router/core/wire/ip-address.ts";

/** Documents by hand, in the spelling of a policy file. Nothing here is lenient: what does not parse throws. */
export const DIGEST = `sha256:${"ab".repeat(32)}`;
export const ISSUED = epochMillis(Date.UTC(2026, 10, 20));
export const EXPIRES = epochMillis(Date.UTC(2027, 1, 20));
export const NOON = epochMillis(Date.UTC(2026, 11, 1, 12));

export function port(value: number): Port {
  const found = portOf(value);
  if (found === undefined) throw new Error(`not a port: ${value}`);
  return found;
}

export function ip(text: string): IpAddress {
  const found = parseIpAddress(text);
  if (found === undefined) throw new Error(`not an address: ${text}`);
  return found;
}

export function hostPattern(text: string): HostPattern {
  if (text.startsWith("**.")) return { kind: "deep", name: text.slice(3) };
  if (text.startsWith("*.")) return { kind: "one-label", name: text.slice(2) };
  return { kind: "exact", name: text };
}

function addressAndPort(text: string): { readonly address: IpAddress; readonly port: Port } {
  const colon = text.lastIndexOf(":");
  return { address: ip(text.slice(0, colon).replace(/^\[|\]$/g, "")), port: port(Number(text.slice(colon + 1))) };
}

export interface RuleText {
  readonly id: string;
  readonly hosts?: readonly string[];
  readonly addresses?: readonly string[];
  readonly ports?: readonly number[];
  readonly protocol?: "tls" | "http" | "tcp";
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
  readonly allowMissingSni?: boolean;
  readonly allowEch?: boolean;
  readonly connectionsPerMinute?: number;
  readonly inspect?: boolean;
  readonly headers?: AllowRule["http"]["headers"];
  readonly proxy?: string;
}

export function allowRule(rule: RuleText): AllowRule {
  return {
    id: rule.id,
    hosts: (rule.hosts ?? []).map(hostPattern),
    addresses: (rule.addresses ?? []).map(addressAndPort),
    ports: (rule.ports ?? (rule.hosts === undefined ? [] : [443])).map(port),
    protocol: rule.protocol ?? "tls",
    allowMissingSni: rule.allowMissingSni ?? false,
    allowEch: rule.allowEch ?? false,
    inspect: rule.inspect ?? false,
    inject: [],
    proxy: rule.proxy,
    http: { methods: rule.methods, paths: rule.paths, headers: rule.headers ?? [], bodyBytes: undefined },
    limits: {
      ...NO_LIMITS,
      bytesOut: bytes(1024),
      bytesIn: undefined,
      lifetime: millis(3_600_000),
      idle: undefined,
      connectionsPerMinute: rule.connectionsPerMinute,
    },
    line: 1,
  };
}

export function denyRule(rule: Omit<RuleText, "protocol">): DenyRule {
  return {
    id: rule.id,
    hosts: (rule.hosts ?? []).map(hostPattern),
    addresses: (rule.addresses ?? []).map(addressAndPort),
    ports: rule.ports?.map(port),
    http: { methods: rule.methods, paths: rule.paths },
    line: 1,
  };
}

export interface PolicyText {
  readonly allow?: readonly RuleText[];
  readonly deny?: readonly RuleText[];
  readonly mode?: "enforce" | "learn";
  readonly notBlocked?: readonly string[];
}

export function policyDocument(policy: PolicyText): EgressPolicyDocument {
  return {
    name: "research-agent",
    version: 7,
    issuedAt: ISSUED,
    expiresAt: EXPIRES,
    audience: { namespaces: ["research"], agents: ["*"] },
    mode: policy.mode ?? "enforce",
    allow: (policy.allow ?? []).map(allowRule),
    deny: (policy.deny ?? []).map(denyRule),
    notBlocked: (policy.notBlocked ?? []).map(hostPattern),
  };
}

export function compiled(policy: PolicyText, grace = 0): CompiledPolicy {
  return compilePolicy(policyDocument(policy), DIGEST, millis(grace));
}

/** `CONNECT host:port` or `METHOD http(s)://host[:port]/path`. */
export function request(text: string): EgressRequest {
  const [method = "", target = ""] = text.split(" ");
  if (method === "CONNECT") {
    const authority = parseAuthority(target, undefined);
    if (!authority.ok) throw new Error(authority.problem);
    return { via: "tunnel", ...authority.value };
  }
  const [, authorityText = "", path = ""] = /^https?:\/\/([^/]*)(.*)$/s.exec(target) ?? [];
  const secure = target.startsWith("https:");
  const authority = parseAuthority(authorityText, port(secure ? 443 : 80));
  if (!authority.ok) throw new Error(authority.problem);
  return { via: "http", ...(secure ? { secure } : {}), ...authority.value, method, path };
}

export function permitFor(policy: PolicyText, text: string): NamePermit {
  const decision = decide(compiled(policy), request(text), NOON);
  if (decision.effect === "deny") throw new Error(`${text} is denied: ${decision.reason}`);
  return decision.permit;
}

export function network(input: Partial<NetworkInput> = {}): NetworkFacts {
  const facts = compileNetwork({ deny: [], own: [], nat64Prefixes: [], listenerPorts: [], ...input });
  if (!facts.ok) throw new Error(facts.problem.map((problem) => problem.code).join());
  return facts.value;
}
