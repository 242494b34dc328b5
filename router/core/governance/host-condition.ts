import { assertNever } from "../base/assert-never.ts";
import { covers, knownBlock } from "../policy/address-block.ts";
import type { HostPattern } from "../policy/egress-policy.ts";
import { indexHosts } from "../policy/host-index.ts";
import type { Hostname } from "../wire/hostname.ts";
import type { JudgedAction } from "./judged-action.ts";
import { NO, type Truth, UNKNOWN, YES } from "./truth.ts";

/** From here on patterns are looked up and not tried one by one. */
const MANY = 8;

/**
 * A name is held against patterns, a literal address against ranges. An IPv6 address that carries an IPv4 address of a
 * range is unknown: no allow rule takes it for that address, and no deny rule is got around by it.
 */
export function hostCondition(
  patterns: readonly HostPattern[],
  ranges: readonly string[],
): (judged: JudgedAction) => Truth {
  const matchesName = patterns.length < MANY ? oneByOne(patterns) : byIndex(patterns);
  const blocks = ranges.map(knownBlock);
  return (judged) => {
    const { action } = judged;
    if (action.kind !== "egress" || action.host === undefined) return UNKNOWN;
    if (action.host.kind === "name") return matchesName(action.host.text) ? YES : NO;
    if (blocks.length === 0) return NO;
    const [own, ...carried] = judged.addresses();
    if (own !== undefined && blocks.some((block) => covers(block, own))) return YES;
    return carried.some((octets) => blocks.some((block) => covers(block, octets))) ? UNKNOWN : NO;
  };
}

function byIndex(patterns: readonly HostPattern[]): (name: Hostname) => boolean {
  const index = indexHosts([{ order: 0, hosts: patterns }]);
  return (name) => index(name).length > 0;
}

function oneByOne(patterns: readonly HostPattern[]): (name: Hostname) => boolean {
  const tests = patterns.map(({ kind, name }): ((host: Hostname) => boolean) => {
    const below = `.${name}`;
    switch (kind) {
      case "exact":
        return (host) => host === name;
      case "one-label":
        return (host) => host.endsWith(below) && host.indexOf(".") === host.length - below.length;
      case "deep":
        return (host) => host.endsWith(below);
      default:
        return assertNever(kind);
    }
  });
  return (host) => {
    for (const test of tests) if (test(host)) return true;
    return false;
  };
}
