import { type Family, PORTS } from "../../init-egress-guard/settings.ts";
import { agentCases } from "./agent-cases.ts";
import { adder, anywhere, type Case, LOOPBACK, ORPHAN_BYTES, OUTSIDE, ROUTER, router } from "./case.ts";
import { NODE, NODE_RESOLVER, NODE_UNKNOWN, POD } from "./lab.ts";

/** Whom the guard must keep inside: an application, root without capabilities, another UID, an OpenShift UID. */
export const AGENT_UIDS = [1_000, 0, 4_242, 1_000_660_000];

/** Every attempt of these UIDs, and of everybody else in the world. */
export function battery(uids: readonly number[]): readonly Case[] {
  const [first = 0] = uids;
  return (["ipv4", "ipv6"] as const).flatMap((family) => [
    ...uids.flatMap((uid, index) => agentCases(family, uid, index)),
    ...rawCases(family),
    ...routerCases(family, first),
    ...outsideCases(family),
  ]);
}

/** What needs CAP_NET_RAW: beyond the guard's promise where frames are made by hand (AF_PACKET), but not here. */
function rawCases(family: Family): readonly Case[] {
  const cases: Case[] = [];
  const add = adder(cases, family, "raw", false);
  const own = POD[family][0];
  if (family === "ipv6") {
    for (const type of [135, 136, 128]) {
      const to = anywhere(family);
      add(`ICMPv6 type ${type} to outside`, "refused", { kind: "raw6", to, type }, [to]);
    }
    return cases;
  }
  for (const port of [PORTS.forward, 9_997, 0]) {
    for (const to of [own, LOOPBACK.ipv4]) {
      const from = anywhere(family);
      add(`forged source to ${to} port ${port}`, "kept", { kind: "raw", from, to, port }, [from]);
    }
  }
  const to = anywhere(family);
  add("a datagram made by hand", "refused", { kind: "raw", from: own, to, port: 9_999 }, [to]);
  for (const hop of [POD.ipv4[1], LOOPBACK.ipv4]) {
    const beyond = anywhere(family);
    add(`source route by way of ${hop}`, "kept", { kind: "udp", to: beyond, port: 9_999, sourceRoute: hop }, [beyond]);
  }
  return cases;
}

/** The one who may leave, and what it may not either. */
function routerCases(family: Family, agent: number): readonly Case[] {
  const cases: Case[] = [];
  const add = adder(cases, family, ROUTER, true);
  for (const [kind, port] of [
    ["tcp", 9_999],
    ["tcp", 443],
    ["tcp", 80],
    ["tcp", 53],
    ["udp", 9_999],
    ["udp", 53],
  ] as const) {
    const to = anywhere(family);
    add(`${kind} ${port}`, OUTSIDE, { kind, to, port }, [to]);
  }
  const metadata =
    family === "ipv4"
      ? ["169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192"]
      : [`${NODE_RESOLVER}%eth0`, "fd00:ec2::254", "fd20:ce::254"];
  for (const to of metadata) {
    for (const kind of ["tcp", "udp"]) {
      add(`resolver on ${to}, ${kind}`, OUTSIDE, { kind, to, port: 53 }, [to.replace(/%.*/, "")]);
      add(`metadata ${to}, ${kind}`, "refused", { kind, to, port: 9_999, payload: `LEAK ${kind} ${to}` });
    }
  }
  for (const to of [LOOPBACK[family], POD[family][0]]) {
    add(`its admin port on ${to}`, router(PORTS.admin), { kind: "tcp", to, port: PORTS.admin });
  }
  add("its proxy", router(PORTS.forward), { kind: "tcp", to: LOOPBACK[family], port: PORTS.forward });
  const neighbour = NODE_UNKNOWN[family];
  add("a neighbour it must find", OUTSIDE, { kind: "tcp", to: neighbour, port: 9_999 }, [neighbour]);
  const slow = anywhere(family);
  const bulk = { bulk: ORPHAN_BYTES, payload: "end of life" };
  add("closes with data unsent", OUTSIDE, { kind: "tcp", to: slow, port: 9_998, ...bulk }, [slow]);
  const resolver = anywhere(family);
  const flow = { kind: "udp", to: resolver, port: 53, bindPort: family === "ipv4" ? 23_000 : 23_001, connected: true };
  add("(the agent first asks)", router(PORTS.dns), flow, [], { actor: String(agent), phase: "before" });
  add("asks the resolver from the port that the agent used", OUTSIDE, flow, [resolver]);
  return cases;
}

/** What comes in: probes, scrapes, and what must not be answered. */
function outsideCases(family: Family): readonly Case[] {
  const cases: Case[] = [];
  const [own, second] = POD[family];
  const node = [NODE[family]];
  const add = adder(cases, family, "outside", true);
  add("a probe of the agent is answered", { answer: "agent" }, { kind: "tcp", to: own, port: 7_000 }, node);
  add("a probe of the agent's 443 is answered", { answer: "agent" }, { kind: "tcp", to: own, port: 443 }, node);
  add("a probe of a closed port is refused", "refused", { kind: "tcp", to: own, port: 7_999 }, node);
  add("a scrape of the router is answered", router(PORTS.admin), { kind: "tcp", to: own, port: PORTS.admin }, node);
  add("a ping is answered", { answer: "pong" }, { kind: "ping", to: own }, node);
  add("finds a neighbour", { answer: "agent" }, { kind: "tcp", to: second, port: 7_000 }, node);
  add("UDP to the agent is not answered", "kept", { kind: "udp", to: own, port: 7_000 }, node);
  const again = { retry: 0.4, wait: 0.3 };
  add("is not deceived on the admin port", "kept", { kind: "tcp", to: second, port: PORTS.admin, ...again }, node);
  const held = { name: `old ${family}` };
  add("(holds a connection)", { answer: "held" }, { kind: "hold_connect", to: own, port: 7_001, ...held }, node, {
    phase: "hold",
  });
  add("goes on with it", { answer: "sent" }, { kind: "held_send", payload: "poke", linger: 0.7, ...held }, node);
  return cases;
}
