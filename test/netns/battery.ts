import { PORTS, ROUTER_UID, type Family } from "../../init-egress-guard/settings.ts";
import { NODE, NODE_LINK_LOCAL, NODE_RESOLVER, NODE_UNKNOWN, POD, SQUATTED } from "./lab.ts";

/** Whom the guard must keep inside: an application, root without capabilities, another UID, an OpenShift UID. */
export const AGENT_UIDS = [1_000, 0, 4_242, 1_000_660_000];

/**
 * What the one who tries must be told. `refused`: an error within 100 ms. `kept`: anything but an answer from outside
 * or from a squatter (dropped by design, led to the router, or the kernel's own error). Otherwise: this very answer.
 */
export type Expected = "refused" | "kept" | { readonly answer: string };

export interface Case {
  readonly id: string;
  readonly family: Family;
  /** A UID in the pod, `raw` (UID 0 with CAP_NET_RAW), or `outside`. */
  readonly actor: string;
  /** Whatever must have happened first is in `hold` (before conntrack forgets all) or `before`. */
  readonly phase: "hold" | "before" | "go";
  readonly attempt: Readonly<Record<string, unknown>> & { readonly kind: string };
  readonly expected: Expected;
  /** A frame for one of these addresses, outside, is this attempt's. */
  readonly remote: readonly string[];
  /** Whether such frames may leave. */
  readonly mayLeave: boolean;
}

const FAMILIES = ["ipv4", "ipv6"] as const;
const LOOPBACK = { ipv4: "127.0.0.1", ipv6: "::1" } as const;
export const ROUTER = String(ROUTER_UID);
export const ORPHAN_BYTES = 400_000;

/**
 * Each attempt has an address of its own outside, so that a frame says whose it is; no two batteries share one, since
 * what an earlier one has set off may be sent again much later.
 */
class Addresses {
  #next = 0;
  of(family: Family): string {
    this.#next += 1;
    const [high, low] = [this.#next >> 8, this.#next & 255];
    // No group of zeros: two spellings would be one address.
    return family === "ipv4" ? `198.18.${high}.${low}` : `2001:db8:${(high + 1).toString(16)}:${(low + 1).toString(16)}::1`;
  }
}

const addresses = new Addresses();

/** Every attempt, of these UIDs. */
export function battery(uids: readonly number[]): readonly Case[] {
  const cases: Case[] = [];
  for (const family of FAMILIES) {
    for (const [index, uid] of uids.entries()) {
      cases.push(...agentCases(family, uid, index));
    }
    const first = String(uids[0]);
    cases.push(...rawCases(family), ...routerCases(family, first), ...outsideCases(family));
  }
  return cases;
}

function agentCases(family: Family, uid: number, index: number): readonly Case[] {
  const cases: Case[] = [];
  const v6 = family === "ipv6";
  const own = POD[family][0];
  const add = (name: string, expected: Expected, attempt: Case["attempt"], remote: readonly string[] = [], more: Partial<Case> = {}) => {
    const id = `${family} UID ${uid}: ${name}`;
    cases.push({
      id, family, actor: String(uid), phase: "go", expected, remote, mayLeave: false, ...more,
      attempt: { payload: `LEAK ${id}`, ...attempt },
    });
  };
  /** To an address of this attempt's own. */
  const out = (name: string, expected: Expected, attempt: Case["attempt"]) => {
    const to = addresses.of(family);
    add(name, expected, { ...attempt, to }, [to]);
  };
  const router = (port: number): Expected => ({ answer: `router:${port}` });

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
  out("from the loopback address", "refused", { kind: "udp", port: 9_999, bind: LOOPBACK[family] });
  out("bound to eth0", "refused", { kind: "tcp", port: 9_999, device: "eth0" });
  out("bound to eth0, TCP 443", "kept", { kind: "tcp", port: 443, device: "eth0", wait: 0.2 });
  out("bound to eth0, TCP 80", "kept", { kind: "tcp", port: 80, device: "eth0", wait: 0.2 });
  out("bound to eth0, UDP 53", "kept", { kind: "udp", port: 53, device: "eth0" });
  out("UNICAST_IF, UDP 53", "kept", { kind: "udp", port: 53, unicastIf: "eth0" });
  out("PKTINFO device, UDP 53", "kept", { kind: "udp", port: 53, pktinfo: [own, "eth0"] });
  out("bound to eth0 once redirected", router(PORTS.tls), { kind: "tcp", port: 443, deviceAfter: "eth0" });
  out("closed once redirected, with data unsent", router(PORTS.tls), { kind: "tcp", port: 443, bulk: 200_000 });
  out("a second socket on the router's closed UDP port", "refused", { kind: "udp", port: 9_999, bindPort: 21_000 + index });

  const loopback = LOOPBACK[family];
  add("loopback, bound to eth0, TCP", "kept", { kind: "tcp", to: loopback, port: 9_999, device: "eth0", wait: 0.2 }, [loopback]);
  add("loopback, bound to eth0, TCP 443", "kept", { kind: "tcp", to: loopback, port: 443, device: "eth0", wait: 0.2 }, [loopback]);
  add("loopback, bound to eth0, UDP", "refused", { kind: "udp", to: loopback, port: 9_999, device: "eth0" }, [loopback]);
  add("loopback, UNICAST_IF, UDP", "refused", { kind: "udp", to: loopback, port: 9_999, unicastIf: "eth0" }, [loopback]);
  add("loopback, PKTINFO device, UDP", "refused", { kind: "udp", to: loopback, port: 9_999, pktinfo: [own, "eth0"] }, [loopback]);

  for (const port of [PORTS.forward, PORTS.agentApi]) {
    add(`the router's ${port}`, router(port), { kind: "tcp", to: loopback, port });
  }
  for (const to of [loopback, own]) {
    for (const port of [7_000, 443]) add(`its own listener on ${to} port ${port}`, { answer: "agent" }, { kind: "tcp", to, port });
  }
  for (const to of [loopback, own, POD[family][1]]) add(`admin on ${to}`, "refused", { kind: "tcp", to, port: PORTS.admin });

  spoofs(family, add);
  squats(family, index, add);
  adoptions(family, index, add);

  const group = v6 ? `ff05::${index + 1}:1` : `239.1.${index}.1`;
  add("joins a group", { answer: "joined" }, { kind: "join", to: group }, [group]);
  const scope = v6 ? "%eth0" : "";
  add("multicast", "refused", { kind: "udp", to: `${group}${scope}`, port: 9_999 }, [group]);
  // Redirected over IPv4; over IPv6 it could only be lost.
  add("multicast 53", v6 ? "refused" : "kept", { kind: "udp", to: `${group}${scope}`, port: 53 }, [group]);
  if (v6) {
    for (const port of [9_999, 443, 80, 53]) {
      add(`link-local TCP ${port}`, "refused", { kind: "tcp", to: `${NODE_LINK_LOCAL}%eth0`, port }, [NODE_LINK_LOCAL]);
    }
    for (const port of [9_999, 443, 53]) {
      add(`link-local UDP ${port}`, "refused", { kind: "udp", to: `${NODE_LINK_LOCAL}%eth0`, port }, [NODE_LINK_LOCAL]);
    }
    const beyond = addresses.of(family);
    add("a routing header by way of itself", "kept", { kind: "udp", to: beyond, port: 9_999, segments: [POD.ipv6[1], beyond] }, [beyond]);
    const metadata = `fd00:ec2::${index + 1}:254`;
    add("metadata", "refused", { kind: "tcp", to: metadata, port: 9_999 }, [metadata]);
  } else {
    for (const [name, expected, attempt] of [
      ["mapped, TCP", "refused", { kind: "tcp", port: 9_999 }],
      ["mapped, TCP 443 is the router's", router(PORTS.tls), { kind: "tcp", port: 443 }],
      ["mapped, UDP", "refused", { kind: "udp", port: 9_999 }],
    ] as const) {
      const to = addresses.of(family);
      add(name, expected, { ...attempt, to: `::ffff:${to}` }, [to]);
    }
    const metadata = `169.254.169.${index + 1}`;
    add("metadata", "refused", { kind: "tcp", to: metadata, port: 9_999 }, [metadata]);
    add("metadata 80 is the router's", router(PORTS.http), { kind: "tcp", to: metadata, port: 80 }, [metadata]);
    for (const [to, port] of [["10.77.0.255", 9_999], ["255.255.255.255", 9_998]] as const) {
      add(`broadcast ${to}`, "refused", { kind: "udp", to, port, broadcast: true }, [to]);
    }
    add("broadcast 53", "kept", { kind: "udp", to: "255.255.255.255", port: 53, broadcast: true }, ["255.255.255.255"]);
  }
  return cases;
}

type Add = (
  name: string,
  expected: Expected,
  attempt: Case["attempt"],
  remote?: readonly string[],
  more?: Partial<Case>,
) => void;

/** Sent from somebody else's address over loopback: what answers would leave for that address. */
function spoofs(family: Family, add: Add): void {
  const targets = [
    ["the router's DNS", { kind: "udp", port: PORTS.dns }],
    ["a closed UDP port", { kind: "udp", port: 9_997 }],
    ["the router's proxy", { kind: "tcp", port: PORTS.forward, wait: 0.2 }],
    ["a closed TCP port", { kind: "tcp", port: 9_997, wait: 0.2 }],
    ["an echo request", { kind: "ping" }],
  ] as const;
  for (const to of [LOOPBACK[family], POD[family][0]]) {
    for (const [name, attempt] of targets) {
      const source = addresses.of(family);
      add(`from a foreign address, to ${name} on ${to}`, "kept", { ...attempt, to, bind: source, freebind: true }, [source]);
    }
    const source = addresses.of(family);
    const attempt = { kind: "udp", to, port: PORTS.dns, pktinfo: [source, ""], freebind: true };
    add(`PKTINFO from a foreign address, to ${to}`, "kept", attempt, [source]);
  }
}

function squats(family: Family, index: number, add: Add): void {
  const [to, from] =
    family === "ipv4" ? [`127.0.0.${index + 2}`, `127.0.1.${index + 2}`] : [SQUATTED[index] ?? "", SQUATTED[index + 4] ?? ""];
  for (const port of Object.values(PORTS)) {
    // The admin port is refused as a destination before it matters whose answer it would be.
    add(`listens on the router's ${port}`, "kept", { kind: "squat", transport: "tcp", to, port });
    add(`connects from the router's ${port}`, "refused", { kind: "tcp", to, port: 7_000, bind: from, bindPort: port, reuse: true, reset: true });
  }
  add("answers DNS", "kept", { kind: "squat", transport: "udp", to, port: PORTS.dns });
  if (index > 0) return;
  const open = { kind: "squat_outside", to: POD[family][1], port: PORTS.admin };
  add("listens on the admin port towards outside", "kept", open);
  add("is held from before", { answer: "held" }, { kind: "hold_listen", to: POD[family][0], port: 7_001, name: `old ${family}` }, [], {
    phase: "hold",
  });
  add("goes on with a connection unknown to conntrack", "kept", { kind: "held_send", name: `old ${family}`, delay: 0.06 });
}

/** The router's flows, just closed: their ports are free, their conntrack entries still there. */
function adoptions(family: Family, index: number, add: Add): void {
  for (const [name, kind, port, base, expected] of [
    ["UDP port", "udp", 9_999, 22_000, "refused"],
    ["UDP port to DNS", "udp", 53, 22_100, { answer: `router:${PORTS.dns}` }],
    ["TCP port", "tcp", 9_999, 22_200, "refused"],
    ["TCP port to 443", "tcp", 443, 22_300, { answer: `router:${PORTS.tls}` }],
  ] as const) {
    const to = addresses.of(family);
    const common = { kind, to, port, bindPort: base + index + (family === "ipv6" ? 10 : 0), reuse: kind === "tcp", reset: true };
    add(`(the router first uses a ${name})`, { answer: "outside" }, { ...common, payload: "" }, [], { actor: ROUTER, phase: "before" });
    add(`takes the router's closed ${name}`, expected, common, [to]);
  }
}

function rawCases(family: Family): readonly Case[] {
  const cases: Case[] = [];
  const add = (name: string, expected: Expected, attempt: Case["attempt"], remote: readonly string[]) => {
    const id = `${family} CAP_NET_RAW: ${name}`;
    cases.push({ id, family, actor: "raw", phase: "go", expected, remote, mayLeave: false, attempt: { payload: `LEAK ${id}`, ...attempt } });
  };
  const own = POD[family][0];
  if (family === "ipv6") {
    for (const type of [135, 136, 128]) {
      const to = addresses.of(family);
      add(`ICMPv6 type ${type} to outside`, "refused", { kind: "raw6", to, type }, [to]);
    }
    return cases;
  }
  for (const port of [PORTS.forward, 9_997, 0]) {
    for (const to of [own, LOOPBACK.ipv4]) {
      const from = addresses.of(family);
      add(`forged source to ${to} port ${port}`, "kept", { kind: "raw", from, to, port }, [from]);
    }
  }
  const to = addresses.of(family);
  add("a datagram made by hand", "refused", { kind: "raw", from: own, to, port: 9_999 }, [to]);
  for (const hop of [POD.ipv4[1], LOOPBACK.ipv4]) {
    const beyond = addresses.of(family);
    add(`source route by way of ${hop}`, "kept", { kind: "udp", to: beyond, port: 9_999, sourceRoute: hop }, [beyond]);
  }
  return cases;
}

function routerCases(family: Family, agent: string): readonly Case[] {
  const cases: Case[] = [];
  const outside = { answer: "outside" };
  const add = (name: string, expected: Expected, attempt: Case["attempt"], more: Partial<Case> = {}) => {
    const mayLeave = expected !== "refused";
    const to = String(attempt["to"]).replace(/%.*/, "");
    cases.push({
      id: `${family} router: ${name}`, family, actor: ROUTER, phase: "go", expected, attempt,
      remote: attempt["to"] === undefined ? [] : [to], mayLeave, ...more,
    });
  };
  for (const port of [9_999, 443, 80, 53]) {
    add(`TCP ${port}`, outside, { kind: "tcp", to: addresses.of(family), port });
  }
  for (const port of [9_999, 53]) {
    add(`UDP ${port}`, outside, { kind: "udp", to: addresses.of(family), port });
  }
  const metadata =
    family === "ipv4"
      ? ["169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192"]
      : [`${NODE_RESOLVER}%eth0`, "fd00:ec2::254", "fd20:ce::254"];
  for (const to of metadata) {
    add(`resolver on ${to}, UDP`, outside, { kind: "udp", to, port: 53 });
    add(`resolver on ${to}, TCP`, outside, { kind: "tcp", to, port: 53 });
    add(`metadata ${to}, TCP`, "refused", { kind: "tcp", to, port: 9_999 }, { remote: [] });
    add(`metadata ${to}, UDP`, "refused", { kind: "udp", to, port: 9_999, payload: `LEAK router to ${to}` }, { remote: [] });
  }
  for (const to of [LOOPBACK[family], POD[family][0]]) {
    add(`its admin port on ${to}`, { answer: `router:${PORTS.admin}` }, { kind: "tcp", to, port: PORTS.admin });
  }
  add("its proxy", { answer: `router:${PORTS.forward}` }, { kind: "tcp", to: LOOPBACK[family], port: PORTS.forward });
  add("a neighbour it must find", outside, { kind: "tcp", to: NODE_UNKNOWN[family], port: 9_999 });
  const to = addresses.of(family);
  add("closes with data unsent", outside, { kind: "tcp", to, port: 9_998, bulk: ORPHAN_BYTES, payload: "end of life" });
  // The agent's redirected query first, then the router's from the same port to the same resolver.
  const resolver = addresses.of(family);
  const shared = { kind: "udp", to: resolver, port: 53, bindPort: family === "ipv4" ? 23_000 : 23_001, connected: true };
  add("(the agent first asks)", { answer: `router:${PORTS.dns}` }, shared, { actor: agent, phase: "before", remote: [] });
  add("asks the resolver from the port that the agent used", outside, shared);
  return cases;
}

/** What comes in: probes, scrapes, and what must not be answered. */
function outsideCases(family: Family): readonly Case[] {
  const cases: Case[] = [];
  const [own, second] = POD[family];
  const add = (name: string, expected: Expected, attempt: Case["attempt"], more: Partial<Case> = {}) => {
    cases.push({
      id: `${family} outside: ${name}`, family, actor: "outside", phase: "go", expected,
      remote: [NODE[family]], mayLeave: true, attempt, ...more,
    });
  };
  add("a probe of the agent is answered", { answer: "agent" }, { kind: "tcp", to: own, port: 7_000 });
  add("a probe of a closed port is refused", "refused", { kind: "tcp", to: own, port: 7_999 });
  add("a scrape of the router is answered", { answer: `router:${PORTS.admin}` }, { kind: "tcp", to: own, port: PORTS.admin });
  add("a ping is answered", { answer: "pong" }, { kind: "ping", to: own });
  add("finds a neighbour", { answer: "agent" }, { kind: "tcp", to: second, port: 7_000 });
  add("UDP to the agent is not answered", "kept", { kind: "udp", to: own, port: 7_000 });
  add("is not deceived on the admin port", "kept", { kind: "tcp", to: second, port: PORTS.admin, retry: 0.4, wait: 0.3 });
  add("(holds a connection)", { answer: "held" }, { kind: "hold_connect", to: own, port: 7_001, name: `old ${family}` }, { phase: "hold" });
  add("goes on with it", { answer: "sent" }, { kind: "held_send", name: `old ${family}`, payload: "poke", linger: 0.7 });
  return cases;
}
