import { epochMillis, type Millis } from "../base/quantity.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { AddressAndPort, EgressPolicyDocument, HostPattern } from "./egress-policy.ts";
import { indexHosts } from "./host-index.ts";
import { parsePathPattern, type PathPattern } from "./path-pattern.ts";
import { type AddressIndex, type CompiledAllowRule, type CompiledDenyRule, CompiledPolicy } from "./snapshot.ts";

/**
 * Turns a parsed document into the tables that `decide` reads. `digest` is `sha256:` and 64 hex digits over the bytes
 * as signed; `expiryGrace` is the operator's, not the document's. The document's arrays are copied, never shared.
 * Throws where the document's parser should have refused (a path pattern it did not check).
 */
export function compilePolicy(document: EgressPolicyDocument, digest: string, expiryGrace: Millis): CompiledPolicy {
  const allow = document.allow.map((rule, order): CompiledAllowRule =>
    Object.freeze({
      order,
      id: rule.id,
      line: rule.line,
      hosts: frozenHosts(rule.hosts),
      addresses: frozenAddresses(rule.addresses),
      ports: Object.freeze([...rule.ports]),
      methods: frozenList(rule.http.methods),
      paths: compiledPaths(rule.http.paths),
      obligations: Object.freeze({
        protocol: rule.protocol,
        allowMissingSni: rule.allowMissingSni,
        allowEch: rule.allowEch,
        inspect: rule.inspect,
      }),
      limits: Object.freeze({ ...rule.limits }),
      headers: Object.freeze(
        rule.http.headers.map(({ name, values }) => Object.freeze({ name, values: Object.freeze([...values]) })),
      ),
      handling: Object.freeze({
        bodyBytes: rule.http.bodyBytes,
        inject: Object.freeze(rule.inject.map((injection) => Object.freeze({ ...injection }))),
        proxy: rule.proxy,
      }),
    }),
  );
  const deny = document.deny.map((rule, order): CompiledDenyRule =>
    Object.freeze({
      order,
      id: rule.id,
      line: rule.line,
      hosts: frozenHosts(rule.hosts),
      addresses: frozenAddresses(rule.addresses),
      ports: frozenList(rule.ports),
      methods: frozenList(rule.http.methods?.map((method) => method.toUpperCase())),
      paths: compiledPaths(rule.http.paths),
    }),
  );
  const notBlocked = indexHosts([{ order: 0, hosts: frozenHosts(document.notBlocked) }]);
  return new CompiledPolicy({
    identity: Object.freeze({ name: document.name, version: document.version, digest }),
    mode: document.mode,
    issuedAt: document.issuedAt,
    expiresAt: document.expiresAt,
    deniesFrom: epochMillis(document.expiresAt + expiryGrace),
    allow: Object.freeze(allow),
    deny: Object.freeze(deny),
    allowByHost: indexHosts(allow),
    denyByHost: indexHosts(deny),
    allowByAddress: indexAddresses(allow),
    denyByAddress: indexAddresses(deny),
    deniesAddresses: deny.some((rule) => rule.addresses.length > 0),
    isNotBlocked: (name) => notBlocked(name).length > 0,
  });
}

function indexAddresses<Rule extends { readonly addresses: readonly AddressAndPort[] }>(
  rules: readonly Rule[],
): AddressIndex<Rule> {
  const table = new Map<IpAddress, Rule[]>();
  for (const rule of rules) {
    for (const { address } of rule.addresses) {
      const bucket = table.get(address);
      if (bucket === undefined) table.set(address, [rule]);
      else if (bucket.at(-1) !== rule) bucket.push(rule);
    }
  }
  for (const bucket of table.values()) Object.freeze(bucket);
  return (address) => table.get(address) ?? none;
}

const none: readonly never[] = Object.freeze([]);

function compiledPaths(texts: readonly string[] | undefined): readonly PathPattern[] | undefined {
  if (texts === undefined) return undefined;
  return Object.freeze(
    texts.map((text) => {
      const pattern = parsePathPattern(text);
      if (!pattern.ok) throw new Error(`a path pattern came unchecked: ${pattern.problem}`);
      return pattern.value;
    }),
  );
}

function frozenList<Item>(items: readonly Item[] | undefined): readonly Item[] | undefined {
  return items === undefined ? undefined : Object.freeze([...items]);
}

function frozenHosts(hosts: readonly HostPattern[]): readonly HostPattern[] {
  return Object.freeze(hosts.map((host) => Object.freeze({ kind: host.kind, name: host.name })));
}

function frozenAddresses(addresses: readonly AddressAndPort[]): readonly AddressAndPort[] {
  return Object.freeze(addresses.map(({ address, port }) => Object.freeze({ address, port })));
}
