import type { Port } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type Cidr, parseCidr } from "../wire/cidr.ts";
import { addressOctets, type IpAddress } from "../wire/ip-address.ts";
import { covers } from "./address-block.ts";
import { embeddedIpv4, nat64PrefixLengths, nat64Target } from "./embedded-ipv4.ts";
import { type AddressClass, classifyAddress, classifyOctets } from "./special-use.ts";

/** What the operator and the pod itself know of the network around them. Closed over: nobody can change it. */
export interface NetworkFacts {
  /** The class of an address here: own and operator's ranges refused, declared NAT64 seen through. */
  classify(address: IpAddress): AddressClass;
  /** The address and every IPv4 address it carries: what dialling it may reach under another spelling. */
  aliases(address: IpAddress): readonly IpAddress[];
  /** Whether dialling it would reach this router. */
  isOwnListener(address: IpAddress, port: Port): boolean;
}

export interface NetworkInput {
  /** Pod, node and service ranges: CIDR text. */
  readonly deny: readonly string[];
  /** Every address of the pod. */
  readonly own: readonly IpAddress[];
  /** Declared by the operator or discovered (RFC 7050): CIDR text. */
  readonly nat64Prefixes: readonly string[];
  /** Every port this router listens on. */
  readonly listenerPorts: readonly Port[];
}

export interface NetworkProblem {
  readonly code: "deny_not_a_network" | "nat64_not_a_network" | "nat64_wrong_length" | "nat64_special_use";
  readonly value: string;
  /** One sentence. */
  readonly message: string;
}

/** All problems at once; never a half-compiled network. */
export function compileNetwork(input: NetworkInput): Result<NetworkFacts, readonly NetworkProblem[]> {
  const problems: NetworkProblem[] = [];
  const denied = input.deny.flatMap((text): readonly Cidr[] => {
    const cidr = parseCidr(text);
    if (cidr !== undefined) return [cidr];
    problems.push({
      code: "deny_not_a_network",
      value: text,
      message: "A denied range is a network such as 10.0.0.0/8.",
    });
    return [];
  });
  const nat64 = input.nat64Prefixes.flatMap((text): readonly Cidr[] => {
    const parsed = parseNat64Prefix(text);
    if (parsed.ok) return [parsed.value];
    problems.push(parsed.problem);
    return [];
  });
  return problems.length > 0
    ? fail(problems)
    : ok(facts(denied, new Set(input.own), nat64, new Set(input.listenerPorts)));
}

/**
 * RFC 6052 section 2.2. A prefix lies in global unicast or unique-local space or is one of the two set aside for
 * NAT64; anything else special (mapped, 6to4, link-local, ...) is a mistake that would lend its addresses a meaning.
 */
function parseNat64Prefix(text: string): Result<Cidr, NetworkProblem> {
  const problem = (code: NetworkProblem["code"], message: string): Result<Cidr, NetworkProblem> =>
    fail({ code, value: text, message });
  const cidr = parseCidr(text);
  if (cidr?.octets.length !== 16) return problem("nat64_not_a_network", "A NAT64 prefix is an IPv6 network.");
  if (!nat64PrefixLengths.includes(cidr.prefixLength) || cidr.octets[8] !== 0) {
    return problem(
      "nat64_wrong_length",
      "A NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits, and bits 64 to 71 are zero.",
    );
  }
  const { global, name } = classifyOctets(cidr.octets);
  if (!global && !nat64Homes.has(name)) {
    return problem("nat64_special_use", `This NAT64 prefix lies in ${name} space.`);
  }
  return ok(cidr);
}

const nat64Homes: ReadonlySet<string> = new Set(["nat64-well-known", "nat64-local-use", "unique-local"]);

const globalThroughNat64: AddressClass = Object.freeze({
  global: true,
  name: "global",
  source: "RFC 6052 section 3.1",
});
const ownAddress: AddressClass = Object.freeze({ global: false, name: "own-address", source: "this pod" });
const operatorRange: AddressClass = Object.freeze({ global: false, name: "operator-range", source: "network.deny" });
const nat64Malformed: AddressClass = Object.freeze({
  global: false,
  name: "nat64-malformed",
  source: "RFC 6052 section 2.2",
});

function facts(
  denied: readonly Cidr[],
  own: ReadonlySet<IpAddress>,
  nat64: readonly Cidr[],
  listenerPorts: ReadonlySet<Port>,
): NetworkFacts {
  /** One reading for each declared prefix around the address; undefined where a translator's output it is not. */
  const translated = (octets: Uint8Array): readonly (IpAddress | undefined)[] =>
    nat64.filter((prefix) => covers(prefix, octets)).map((prefix) => nat64Target(octets, prefix.prefixLength));

  function classify(address: IpAddress): AddressClass {
    if (own.has(address)) return ownAddress;
    const octets = addressOctets(address);
    if (denied.some((range) => covers(range, octets))) return operatorRange;
    const targets = translated(octets);
    if (targets.length === 0) return classifyOctets(octets);
    // Inside several prefixes, the worst reading counts.
    let worst = globalThroughNat64;
    for (const target of targets) {
      const reading = target === undefined ? nat64Malformed : classify(target);
      if (!reading.global) worst = reading;
    }
    return worst;
  }

  function aliases(address: IpAddress): readonly IpAddress[] {
    const octets = addressOctets(address);
    const targets = translated(octets).filter((target) => target !== undefined);
    return [address, ...embeddedIpv4(octets), ...targets];
  }

  return Object.freeze({
    classify,
    aliases,
    isOwnListener: (address: IpAddress, port: Port) =>
      listenerPorts.has(port) && aliases(address).some((alias) => own.has(alias) || reachesSelf(alias)),
  });
}

/** Loopback, and the unspecified addresses, which Linux connects to loopback as well. */
function reachesSelf(address: IpAddress): boolean {
  const { name } = classifyAddress(address);
  return name === "loopback" || name === "unspecified" || name === "this-network";
}

/** Nothing known but the registries: what command-line verbs judge by, outside of any pod. */
export const BARE_NETWORK: NetworkFacts = facts([], new Set(), [], new Set());
