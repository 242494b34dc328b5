import { type Family, PORTS } from "../../init-egress-guard/settings.ts";
import { adder, anywhere, type Attempt, type Case, type Expected, LOOPBACK, router } from "./case.ts";
import { adoptions, spoofs, squats } from "./deceit-cases.ts";
import { NODE_LINK_LOCAL, POD } from "./lab.ts";

/** Everything that a UID without privilege can try. `index` keeps the ports and addresses of UIDs apart. */
export function agentCases(family: Family, uid: number, index: number): readonly Case[] {
  const cases: Case[] = [];
  const v6 = family === "ipv6";
  const own = POD[family][0];
  const loopback = LOOPBACK[family];
  const add = adder(cases, family, String(uid), false);
  /** To an address of this attempt's own. */
  const out = (name: string, expected: Expected, attempt: Attempt) => {
    const to = anywhere(family);
    add(name, expected, { ...attempt, to }, [to]);
  };

  out("TCP to any port", "refused", { kind: "tcp", port: 9_999 });
  out("TCP 853", "refused", { kind: "tcp", port: 853 });
  out("TCP 443 is the router's", router(PORTS.tls), { kind: "tcp", port: 443 });
  out("TCP 80 is the router's", router(PORTS.http), { kind: "tcp", port: 80 });
  out("TCP 53 is the router's", router(PORTS.dns), { kind: "tcp", port: 53 });
  out("UDP 53 is the router's", router(PORTS.dns), { kind: "udp", port: 53 });
  out("UDP 53, connected, is the router's", router(PORTS.dns), { kind: "udp", port: 53, connected: true });
  out("QUIC", "refused", { kind: "udp", port: 443 });
  out("UDP to any port", "refused", { kind: "udp", port: 9_999 });
  out("UDP, connected", "refused", { kind: "udp", port: 9_999, connected: true });
  out("UDP, corked and closed", { answer: "corked" }, { kind: "udp", port: 9_999, corked: true });
  out("UDP-Lite", "refused", { kind: "udp", port: 9_999, protocol: 136 });
  // ping_v6_sendmsg does not return what became of its packet.
  out("ICMP datagram socket", v6 ? "kept" : "refused", { kind: "ping" });
  out("MPTCP", "refused", { kind: "tcp", port: 9_999, mptcp: true });
  out("MPTCP 443 is the router's", router(PORTS.tls), { kind: "tcp", port: 443, mptcp: true });
  out("TCP fast open", "refused", { kind: "tcp", port: 9_999, fastopen: true });
  out("TCP fast open 443 is the router's", router(PORTS.tls), { kind: "tcp", port: 443, fastopen: true });
  out("SO_MARK", "refused", { kind: "tcp", port: 9_999, mark: 7 });
  out("IP_TRANSPARENT", "refused", { kind: "tcp", port: 9_999, transparent: true });
  out("from the loopback address", "refused", { kind: "udp", port: 9_999, bind: loopback });
  out("bound to loopback", "refused", { kind: "tcp", port: 9_999, device: "lo" });
  out("bound to loopback, TCP 443", "refused", { kind: "tcp", port: 443, device: "lo" });
  out("bound to loopback, UDP", "refused", { kind: "udp", port: 9_999, device: "lo" });
  out("bound to eth0", "refused", { kind: "tcp", port: 9_999, device: "eth0" });
  out("bound to eth0, TCP 443", "kept", { kind: "tcp", port: 443, device: "eth0", wait: 0.2 });
  out("bound to eth0, TCP 80", "kept", { kind: "tcp", port: 80, device: "eth0", wait: 0.2 });
  out("bound to eth0, UDP 53", "kept", { kind: "udp", port: 53, device: "eth0" });
  out("UNICAST_IF, UDP 53", "kept", { kind: "udp", port: 53, unicastIf: "eth0" });
  out("PKTINFO device, UDP 53", "kept", { kind: "udp", port: 53, pktinfo: [own, "eth0"] });
  out("bound to eth0 once redirected", router(PORTS.tls), { kind: "tcp", port: 443, deviceAfter: "eth0" });
  out("closed once redirected, with data unsent", router(PORTS.tls), { kind: "tcp", port: 443, bulk: 200_000 });

  for (const [name, expected, attempt] of [
    ["bound to eth0, TCP", "kept", { kind: "tcp", port: 9_999, device: "eth0", wait: 0.2 }],
    ["bound to eth0, TCP 443", "kept", { kind: "tcp", port: 443, device: "eth0", wait: 0.2 }],
    ["bound to eth0, UDP", "refused", { kind: "udp", port: 9_999, device: "eth0" }],
    ["UNICAST_IF, UDP", "refused", { kind: "udp", port: 9_999, unicastIf: "eth0" }],
    ["PKTINFO device, UDP", "refused", { kind: "udp", port: 9_999, pktinfo: [own, "eth0"] }],
  ] as const) {
    add(`to loopback, ${name}`, expected, { ...attempt, to: loopback }, [loopback]);
  }

  // The pod's own business goes on.
  for (const port of [PORTS.forward, PORTS.agentApi])
    add(`the router's ${port}`, router(port), { kind: "tcp", to: loopback, port });
  for (const to of [loopback, own]) {
    for (const port of [7_000, 443])
      add(`its own listener on ${to}:${port}`, { answer: "agent" }, { kind: "tcp", to, port });
  }
  const held = { name: `loopback ${family}` };
  add(
    "(holds a connection over loopback)",
    { answer: "held" },
    { kind: "hold_connect", to: loopback, port: PORTS.forward, ...held },
    [],
    { phase: "hold" },
  );
  add("goes on with it, unknown to conntrack", { answer: "again" }, { kind: "held_send", ...held, payload: "again" });
  for (const to of [loopback, own]) add(`admin on ${to}`, "refused", { kind: "tcp", to, port: PORTS.admin });

  spoofs(family, add);
  squats(family, index, add);
  adoptions(family, index, add);

  const group = v6 ? `ff05::${index + 1}:1` : `239.1.${index}.1`;
  const scoped = v6 ? `${group}%eth0` : group;
  add("joins a group", { answer: "joined" }, { kind: "join", to: group }, [group]);
  add("multicast", "refused", { kind: "udp", to: scoped, port: 9_999 }, [group]);
  // Redirected over IPv4; over IPv6 it could only be lost.
  add("multicast 53", v6 ? "refused" : "kept", { kind: "udp", to: scoped, port: 53 }, [group]);
  const metadata = v6 ? `fd00:ec2::${index + 1}:254` : `169.254.169.${index + 1}`;
  add("metadata", "refused", { kind: "tcp", to: metadata, port: 9_999 }, [metadata]);
  if (v6) {
    for (const port of [9_999, 443, 80, 53]) {
      add(`link-local TCP ${port}`, "refused", { kind: "tcp", to: `${NODE_LINK_LOCAL}%eth0`, port }, [NODE_LINK_LOCAL]);
    }
    for (const port of [9_999, 443, 53]) {
      add(`link-local UDP ${port}`, "refused", { kind: "udp", to: `${NODE_LINK_LOCAL}%eth0`, port }, [NODE_LINK_LOCAL]);
    }
    const to = anywhere(family);
    add("a routing header by way of itself", "kept", { kind: "udp", to, port: 9_999, segments: [POD.ipv6[1], to] }, [
      to,
    ]);
  } else {
    for (const [name, expected, attempt] of [
      ["mapped, TCP", "refused", { kind: "tcp", port: 9_999 }],
      ["mapped, TCP 443 is the router's", router(PORTS.tls), { kind: "tcp", port: 443 }],
      ["mapped, UDP", "refused", { kind: "udp", port: 9_999 }],
    ] as const) {
      const to = anywhere(family);
      add(name, expected, { ...attempt, to: `::ffff:${to}` }, [to]);
    }
    add("metadata 80 is the router's", router(PORTS.http), { kind: "tcp", to: metadata, port: 80 }, [metadata]);
    for (const to of ["10.77.0.255", "255.255.255.255"]) {
      add(`broadcast ${to}`, "refused", { kind: "udp", to, port: 9_999, broadcast: true }, [to]);
      add(`broadcast ${to} port 53`, "kept", { kind: "udp", to, port: 53, broadcast: true }, [to]);
    }
  }
  return cases;
}
