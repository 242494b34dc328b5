import type { AddressAndPort } from "../../router/core/policy/egress-policy.ts";
import { isIpv6, parseIpAddress } from "../../router/core/wire/ip-address.ts";
import { cidrContains, parseCidr } from "../../router/core/wire/cidr.ts";
import { LABEL } from "../pod/names.ts";
import { type DesiredObject, managedMetadata, NAME } from "./managed.ts";

/** What the pods of one policy may send to, as far as a NetworkPolicy can say it. */
export interface EgressNeeds {
  /** `every`: no list of ports says it (learn mode). */
  readonly ports: ReadonlySet<number> | "every";
  /** Named one by one; also where they are special-use addresses. */
  readonly addresses: readonly AddressAndPort[];
}

export const NO_NEEDS: EgressNeeds = { ports: new Set(), addresses: [] };

export interface NetworkPolicySettings {
  /** The controller's own. */
  readonly namespace: string;
  readonly monitoringNamespaces: readonly string[];
  readonly ingress: "allow" | "deny";
  readonly egressCidrs: readonly string[];
  /** DNS servers: `address`, `address:port`, `[address]:port`. */
  readonly resolverServers: readonly string[];
  /** Of those without a port. */
  readonly resolverPort: number;
}

type Peer = Readonly<Record<string, unknown>>;
interface PolicyPort {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly port: number;
  readonly endPort?: number;
}

const ADMIN_PORT = 18_090;
const LAST_PORT = 65_535;
/** Of the API server: its Service's, and what it listens on. */
const API_PORTS = [443, 6443];
/** Of NodeLocal DNSCache: link-local, so that it is named. */
const NODE_LOCAL_DNS = "169.254.20.10";
/** Where clouds tell pods who they are (special-use.ts). Only a rule's exact address leads there. */
const NOWHERE = [
  "169.254.0.0/16",
  "100.100.100.200/32",
  "168.63.129.16/32",
  "192.0.0.192/32",
  "fe80::/10",
  "fd00:ec2::/32",
  "fd20:ce::254/128",
  "fd00:42::42/128",
];
/** More ranges of ports are one: the router judges them all the same. */
const MOST_RANGES = 1_000;
/** Some CNIs take no ipBlock for pods of the same cluster. */
const ANY_POD: Peer = { namespaceSelector: {} };

/** Of the NetworkPolicy for the pods that use this policy. */
export function networkPolicyName(policyName: string): string {
  return `${NAME.networkPolicyPrefix}${policyName}`;
}

/**
 * The second layer for the pods that use one policy: standard NetworkPolicy, egress on the ports that the policy names, DNS
 * and the API server; nothing else, and never the metadata services. What a host's name leads to it cannot say: the router does.
 */
export function networkPolicy(
  namespace: string,
  policyName: string,
  needs: EgressNeeds,
  settings: NetworkPolicySettings,
): DesiredObject {
  const inbound = ingress(settings);
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: managedMetadata(namespace, networkPolicyName(policyName)),
    spec: {
      podSelector: { matchLabels: { [LABEL.injected]: "true", [LABEL.policyName]: policyName } },
      policyTypes: ["Egress", ...(inbound === undefined ? [] : ["Ingress"])],
      egress: egress(needs, settings),
      ...(inbound === undefined ? {} : { ingress: inbound }),
    },
  };
}

function egress({ ports, addresses }: EgressNeeds, settings: NetworkPolicySettings): readonly object[] {
  const { egressCidrs, resolverServers, resolverPort } = settings;
  const anywhere = [...["0.0.0.0/0", "::/0"].map(blockOf), ANY_POD];
  const allowed = egressCidrs.length === 0 ? anywhere : egressCidrs.map(blockOf);
  const named = ports === "every" ? [tcp(1, LAST_PORT)] : portRanges([...ports]).map(([from, to]) => tcp(from, to));
  const servers = resolverServers.flatMap((server) => readServer(server, resolverPort));
  return [
    { to: [...allowed, ...(allowed === anywhere ? [] : [ANY_POD]), hostBlock(NODE_LOCAL_DNS)], ports: dns(53) },
    ...servers.map(({ address, port }) => ({ to: [hostBlock(address)], ports: dns(port) })),
    { to: allowed, ports: API_PORTS.map((port) => tcp(port, port)) },
    ...(named.length === 0 ? [] : [{ to: allowed, ports: named }]),
    ...exactAddresses(addresses),
  ];
}

function exactAddresses(addresses: readonly AddressAndPort[]): readonly object[] {
  const byPort = Map.groupBy(addresses, ({ port }) => port);
  return [...byPort]
    .toSorted(([one], [other]) => one - other)
    .map(([port, all]) => ({
      to: [...new Set(all.map(({ address }) => address))].toSorted().map(hostBlock),
      ports: [tcp(port, port)],
    }));
}

/** Undefined: NetworkPolicy has no say in what comes in. */
function ingress({ ingress: mode, monitoringNamespaces, namespace }: NetworkPolicySettings): object[] | undefined {
  const admin = {
    ports: [tcp(ADMIN_PORT, ADMIN_PORT)],
    ...(monitoringNamespaces.length === 0 ? {} : { from: [namespaces([...monitoringNamespaces, namespace])] }),
  };
  if (mode === "deny") return [admin];
  if (monitoringNamespaces.length === 0) return undefined;
  const others = (["UDP", "SCTP"] as const).map((protocol) => ({ protocol, port: 1, endPort: LAST_PORT }));
  return [{ ports: [tcp(1, ADMIN_PORT - 1), tcp(ADMIN_PORT + 1, LAST_PORT), ...others] }, admin];
}

function namespaces(names: readonly string[]): Peer {
  const values = [...new Set(names)].toSorted();
  return {
    namespaceSelector: { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values }] },
  };
}

/** Without the metadata services that lie in it; where somebody asked for one of those itself, there it is. */
function blockOf(cidr: string): Peer {
  const whole = parseCidr(cidr);
  const except = NOWHERE.filter((text) => {
    const part = parseCidr(text);
    const [address = ""] = text.split("/");
    const first = parseIpAddress(address);
    if (whole === undefined || part === undefined || first === undefined) return false;
    return part.prefixLength > whole.prefixLength && cidrContains(whole, first);
  });
  return { ipBlock: { cidr, ...(except.length === 0 ? {} : { except }) } };
}

function hostBlock(address: string): Peer {
  const parsed = parseIpAddress(address);
  return { ipBlock: { cidr: `${address}/${parsed !== undefined && isIpv6(parsed) ? 128 : 32}` } };
}

function readServer(server: string, usual: number): readonly { readonly address: string; readonly port: number }[] {
  const found = /^(?:\[(?<six>[0-9a-f:.]+)\]|(?<four>[0-9.]+))(?::(?<port>[0-9]{1,5}))?$/.exec(server)?.groups;
  const address = parseIpAddress(found?.["six"] ?? found?.["four"] ?? server);
  return address === undefined ? [] : [{ address, port: Number(found?.["port"] ?? usual) }];
}

function dns(port: number): readonly PolicyPort[] {
  return [
    { protocol: "UDP", port },
    { protocol: "TCP", port },
  ];
}

function tcp(from: number, to: number): PolicyPort {
  return { protocol: "TCP", port: from, ...(to > from ? { endPort: to } : {}) };
}

function portRanges(ports: readonly number[]): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const port of ports.toSorted((one, other) => one - other)) {
    const last = ranges.at(-1);
    if (last !== undefined && port <= last[1] + 1) last[1] = port;
    else ranges.push([port, port]);
  }
  return ranges.length > MOST_RANGES ? [[1, LAST_PORT]] : ranges;
}
