import type { Rule, TablePlan } from "./rule-set.ts";
import { type Family, type GuardSettings, PORTS } from "./settings.ts";

/**
 * Cloud metadata services and link-local addresses: refused to the router too, its resolver apart. A workload's
 * identity must not be had through the proxy by any mistake of policy.
 */
const METADATA: Readonly<Record<Family, readonly (readonly [id: string, range: string, whose: string])[]>> = {
  ipv4: [
    ["link-local", "169.254.0.0/16", "link-local: AWS, GCP, Azure and most other metadata services"],
    ["azure", "168.63.129.16/32", "Azure's platform address"],
    ["alibaba", "100.100.100.200/32", "Alibaba Cloud metadata"],
    ["oracle", "192.0.0.192/32", "Oracle Cloud metadata"],
  ],
  ipv6: [
    ["link-local", "fe80::/10", "link-local: the node and its neighbours"],
    ["aws", "fd00:ec2::/32", "AWS metadata and time"],
    ["gcp", "fd20:ce::254/128", "GCP metadata"],
  ],
};

/** The table that closes the pod. */
export function filterTable(settings: GuardSettings, family: Family): TablePlan {
  return {
    table: "filter",
    chains: [
      { name: "SLUICE-REFUSE", hook: undefined, rules: refuse(family) },
      { name: "SLUICE-OUTPUT", hook: "OUTPUT", rules: output(settings, family) },
      {
        name: "SLUICE-INPUT",
        hook: "INPUT",
        rules: [
          {
            id: "in-midflow",
            reason:
              "A connection older than the guard would go on as a reply: what begins in mid-flow is not a beginning.",
            match: "! -i lo -p tcp -m conntrack --ctstate NEW -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN",
            verdict: "DROP",
          },
        ],
      },
      {
        name: "SLUICE-FORWARD",
        hook: "FORWARD",
        rules: [
          {
            id: "forward",
            reason: "Pods do not route: a routing header sent to oneself would come out with no owner.",
            match: "",
            verdict: "DROP",
          },
        ],
      },
    ],
  };
}

/** TCP by a reset: an ICMP error leaves an IPv6 connect waiting for its retransmission. */
function refuse(family: Family): readonly Rule[] {
  return [
    {
      id: "refuse-tcp",
      reason: "Refused at once, not after a timeout.",
      match: "-p tcp",
      verdict: "REJECT --reject-with tcp-reset",
    },
    {
      id: "refuse-rest",
      reason: "Whatever is not TCP, QUIC and ping included, is told so at once.",
      match: "",
      verdict: `REJECT --reject-with ${family === "ipv4" ? "icmp-admin-prohibited" : "icmp6-adm-prohibited"}`,
    },
  ];
}

function output(settings: GuardSettings, family: Family): readonly Rule[] {
  const router = `-m owner --uid-owner ${settings.routerUid}`;
  const notRouter = `-m owner ! --uid-owner ${settings.routerUid}`;
  // The negated range matches what has no owner: the kernel's own packets, and those of sockets already closed.
  const owned = `-m owner --uid-owner 0-${settings.lastUid}`;
  const unowned = `-m owner ! --uid-owner 0-${settings.lastUid}`;
  const ports = Object.values(PORTS).toSorted((a, b) => a - b);
  return [
    {
      id: "spoofed-source",
      reason:
        "Sent from a foreign address, over loopback too: the answer, whoever gives it, would leave for that address.",
      match: `${owned} -m addrtype ! --src-type LOCAL`,
      verdict: "DROP",
    },
    {
      id: "squat-tcp",
      reason: "Nobody but the router answers on, or connects from, the router's ports, even while it restarts.",
      match: `-p tcp -m tcp --tcp-flags SYN SYN -m multiport --sports ${ports.join(",")} ${notRouter}`,
      verdict: "REJECT --reject-with tcp-reset",
    },
    {
      id: "squat-dns",
      reason: "Nobody but the router answers DNS.",
      match: `-p udp -m udp --sport ${PORTS.dns} ${notRouter}`,
      verdict: "SLUICE-REFUSE",
    },
    {
      id: "admin",
      reason: "Metrics and status are for the cluster: not for the agent, on loopback or on the pod's own address.",
      match: `-p tcp -m tcp --dport ${PORTS.admin} --tcp-flags SYN SYN ${notRouter}`,
      verdict: "REJECT --reject-with tcp-reset",
    },
    {
      id: "loopback",
      reason: "The pod talks to itself; to its own addresses only, so that no foreign DNAT turns this into a way out.",
      match: "-o lo -m addrtype --dst-type LOCAL",
      verdict: "ACCEPT",
    },
    ...(settings.redirect
      ? [
          {
            id: "redirected",
            reason:
              "What the nat table has led to the router: by its mark, since a socket bound to eth0 can name loopback too.",
            match: `-d ${family === "ipv4" ? "127.0.0.1/32" : "::1/128"} -m conntrack --ctstate DNAT`,
            verdict: "ACCEPT",
          },
        ]
      : []),
    {
      id: "reply",
      reason: "Answers to connections that came in: probes, scrapes. Never UDP: a closed port's flow can be adopted.",
      match: "! -p udp -m conntrack --ctstate ESTABLISHED --ctdir REPLY",
      verdict: "ACCEPT",
    },
    {
      id: "orphan",
      reason:
        "The last segments of connections the router has closed: without an owner, and never the first of a flow.",
      match: `-p tcp ${unowned} -m conntrack --ctstate ESTABLISHED --ctdir ORIGINAL`,
      verdict: "ACCEPT",
    },
    ...(family === "ipv6"
      ? [
          {
            id: "neighbour-solicitation",
            reason: "IPv6 finds its neighbours by packets that no process owns.",
            match: `-p ipv6-icmp -m icmp6 --icmpv6-type 135 ${unowned}`,
            verdict: "ACCEPT",
          },
          {
            id: "neighbour-advertisement",
            reason: "IPv6 is found by its neighbours likewise.",
            match: `-p ipv6-icmp -m icmp6 --icmpv6-type 136 ${unowned}`,
            verdict: "ACCEPT",
          },
        ]
      : []),
    ...(["udp", "tcp"] as const).map((protocol) => ({
      id: `router-dns-${protocol}`,
      reason:
        "The router's resolver may be on a link-local or a metadata address (NodeLocal DNSCache, cloud resolvers).",
      match: `-p ${protocol} -m ${protocol} --dport 53 ${router}`,
      verdict: "ACCEPT",
    })),
    ...METADATA[family].map(([id, range, whose]) => ({
      id: `metadata-${id}`,
      reason: `Refused to the router too: ${whose}.`,
      match: `-d ${range}`,
      verdict: "SLUICE-REFUSE",
    })),
    { id: "router", reason: "The one UID that may leave.", match: router, verdict: "ACCEPT" },
    { id: "rest", reason: "Everybody and everything else stays.", match: "", verdict: "SLUICE-REFUSE" },
  ];
}
