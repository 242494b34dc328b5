import { quoted } from "../document/quoted.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { compileNetwork } from "../policy/network.ts";
import { formatAuthority, parseAuthority } from "../wire/authority.ts";
import { parseCidr } from "../wire/cidr.ts";
import { type Hostname, parseHostname } from "../wire/hostname.ts";
import { parseIpAddress } from "../wire/ip-address.ts";

/** A host name in its canonical spelling. */
export const hostname: Shape<Hostname> = refined(
  text({ maximum: 253 }),
  (given, node, report) => {
    const name = parseHostname(given);
    if (!name.ok) {
      report.add(node, "bad_host", `${quoted(given)}: ${name.problem}`);
    } else if (name.value !== given) {
      report.add(node, "host_not_canonical", `Write the host as ${quoted(name.value)}.`);
    } else {
      return name.value;
    }
    return undefined;
  },
  { pattern: "^[a-z0-9_][a-z0-9_.-]*$" },
);

/** `10.0.0.0/8` or `fd00::/8`, in the canonical spelling. */
export const network: Shape<string> = refined(
  text({ maximum: 64 }),
  (given, node, report) => {
    const cidr = parseCidr(given);
    if (cidr === undefined) {
      const message = `${quoted(given)} is no network such as 10.0.0.0/8 or fd00::/8, without bits beyond the prefix.`;
      report.add(node, "bad_network", message);
    } else if (cidr.text !== given) {
      report.add(node, "address_not_canonical", `Write the network as ${quoted(cidr.text)}.`);
      return undefined;
    }
    return cidr?.text;
  },
  { pattern: "^[0-9a-f.:]+/[0-9]{1,3}$" },
);

/** The same, and one that RFC 6052 allows as a NAT64 prefix. */
export const nat64Prefix: Shape<string> = refined(network, (given, node, report) => {
  const compiled = compileNetwork({ deny: [], own: [], nat64Prefixes: [given], listenerPorts: [] });
  if (compiled.ok) return given;
  for (const { message } of compiled.problem) report.add(node, "bad_nat64_prefix", `${quoted(given)}: ${message}`);
  return undefined;
});

/** A DNS server: `10.0.0.10`, `10.0.0.10:5353`, `fd00::10` or `[fd00::10]:5353`, in the canonical spelling. */
export const serverAddress: Shape<string> = refined(
  text({ maximum: 64 }),
  (given, node, report) => {
    const canonical = parseIpAddress(given) ?? addressWithPort(given);
    if (canonical === undefined) {
      report.add(node, "bad_address", `${quoted(given)} is no address, with or without a port.`);
    } else if (canonical !== given) {
      report.add(node, "address_not_canonical", `Write the address as ${quoted(canonical)}.`);
      return undefined;
    }
    return canonical;
  },
  { pattern: "^[\\[\\]0-9a-f.:]+$" },
);

function addressWithPort(given: string): string | undefined {
  const authority = parseAuthority(given, undefined);
  return authority.ok && authority.value.host.kind === "address" ? formatAuthority(authority.value) : undefined;
}
