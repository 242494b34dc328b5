import type { TablePlan } from "./rule-set.ts";
import { type Family, type GuardSettings, PORTS } from "./settings.ts";

/** The only hook where the true device is known: a redirected packet of a socket bound to eth0 keeps its route. */
export function mangleTable(family: Family): TablePlan {
  return {
    table: "mangle",
    chains: [
      {
        name: "SLUICE-POSTROUTING",
        hook: "POSTROUTING",
        rules: [
          {
            id: "loopback-on-the-wire",
            reason: "A loopback destination on another device: redirected, but bound to that device.",
            match: `${family === "ipv4" ? "-d 127.0.0.0/8" : "-d ::1/128"} ! -o lo`,
            verdict: "DROP",
          },
        ],
      },
    ],
  };
}

/**
 * The agent's redirected datagrams and the router's own may share addresses and ports; in one conntrack zone the
 * router's query would follow the agent's redirection back to the router. No other UDP leaves, so all that comes
 * in is the router's.
 */
export function rawTable(settings: GuardSettings): TablePlan {
  return {
    table: "raw",
    chains: [
      {
        name: "SLUICE-OUTPUT",
        hook: "OUTPUT",
        rules: [
          {
            id: "zone-out",
            reason: "The router's own datagrams are tracked apart from those redirected to it.",
            match: `! -o lo -p udp -m owner --uid-owner ${settings.routerUid}`,
            verdict: "CT --zone 1",
          },
        ],
      },
      {
        name: "SLUICE-PREROUTING",
        hook: "PREROUTING",
        rules: [
          {
            id: "zone-in",
            reason: "Their answers likewise.",
            match: "! -i lo -p udp",
            verdict: "CT --zone 1",
          },
        ],
      },
    ],
  };
}

/** Ports 443, 80 and 53 lead to the router. A redirect to a port where nobody listens is refused at once. */
export function natTable(settings: GuardSettings, family: Family): TablePlan {
  const redirects = [
    { protocol: "tcp", from: 443, to: PORTS.tls, what: "TLS, judged by its SNI" },
    { protocol: "tcp", from: 80, to: PORTS.http, what: "HTTP, judged by its Host" },
    { protocol: "udp", from: 53, to: PORTS.dns, what: "DNS, answered by policy" },
    { protocol: "tcp", from: 53, to: PORTS.dns, what: "DNS over TCP, answered by policy" },
  ] as const;
  // Redirected, such a packet keeps its link-local scope and is lost on the wire side; not redirected, it is refused.
  const exempt = family === "ipv6" ? ["fe80::/10", "ff00::/8"] : [];
  return {
    table: "nat",
    chains: [
      {
        name: "SLUICE-OUTPUT",
        hook: "OUTPUT",
        rules: [
          { id: "nat-loopback", reason: "The pod's own services stay reachable.", match: "-o lo", verdict: "RETURN" },
          {
            id: "nat-router",
            reason: "The router's own connections go where it dials.",
            match: `-m owner --uid-owner ${settings.routerUid}`,
            verdict: "RETURN",
          },
          ...exempt.map((range) => ({
            id: `nat-${range === "fe80::/10" ? "link-local" : "multicast"}`,
            reason: "Cannot be redirected, only lost; the filter table refuses it at once.",
            match: `-d ${range}`,
            verdict: "RETURN",
          })),
          ...redirects.map(({ protocol, from, to, what }) => ({
            id: `redirect-${protocol}-${from}`,
            reason: `${what}.`,
            match: `-p ${protocol} -m ${protocol} --dport ${from}`,
            verdict: `REDIRECT --to-ports ${to}`,
          })),
        ],
      },
    ],
  };
}
