import { assertNever } from "../base/assert-never.ts";
import { addressOctets } from "../wire/ip-address.ts";
import type { Host } from "../wire/host.ts";
import type { AddressAndPort, HostPattern } from "./egress-policy.ts";
import { embeddedIpv4 } from "./embedded-ipv4.ts";

/** Why a rule that does not name this host looks as if it might; undefined where nobody would think so. */
export function nearMiss(
  rule: { readonly hosts: readonly HostPattern[]; readonly addresses: readonly AddressAndPort[] },
  host: Host,
): string | undefined {
  if (host.kind === "name") {
    for (const pattern of rule.hosts) {
      const miss = patternMiss(pattern, host.text);
      if (miss !== undefined) return miss;
    }
    return undefined;
  }
  const inside = embeddedIpv4(addressOctets(host.text));
  const named = rule.addresses.find(({ address }) => inside.includes(address));
  return named === undefined
    ? undefined
    : `It names ${named.address}; ${host.text} is another address that carries it.`;
}

function patternMiss({ kind, name }: HostPattern, host: string): string | undefined {
  switch (kind) {
    case "exact":
      if (host.endsWith(`.${name}`)) return `It names ${name} alone, not the names below it.`;
      return name.endsWith(`.${host}`) ? `It names ${name}, not ${host} itself.` : undefined;
    case "one-label":
      if (host === name) return `"*.${name}" does not match ${name} itself.`;
      return host.endsWith(`.${name}`) ? `"*.${name}" matches one label more, not several.` : undefined;
    case "deep":
      return host === name ? `"**.${name}" does not match ${name} itself.` : undefined;
    default:
      return assertNever(kind);
  }
}
