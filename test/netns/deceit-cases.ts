import { type Family, PORTS } from "../../init-egress-guard/settings.ts";
import { type Add, anywhere, LOOPBACK, OUTSIDE, ROUTER, router } from "./case.ts";
import { POD, SQUATTED } from "./lab.ts";

/** Sent from somebody else's address over loopback: what answers would leave for that address. */
export function spoofs(family: Family, add: Add): void {
  for (const to of [LOOPBACK[family], POD[family][0]]) {
    for (const [name, attempt] of [
      ["the router's DNS", { kind: "udp", port: PORTS.dns }],
      ["a closed UDP port", { kind: "udp", port: 9_997 }],
      ["the router's proxy", { kind: "tcp", port: PORTS.forward, wait: 0.2 }],
      ["a closed TCP port", { kind: "tcp", port: 9_997, wait: 0.2 }],
      ["whoever answers a ping", { kind: "ping" }],
    ] as const) {
      const bind = anywhere(family);
      add(`from a foreign address, to ${name} on ${to}`, "kept", { ...attempt, to, bind, freebind: true }, [bind]);
    }
    const source = anywhere(family);
    const attempt = { kind: "udp", to, port: PORTS.dns, pktinfo: [source, ""], freebind: true };
    add(`PKTINFO from a foreign address, to ${to}`, "kept", attempt, [source]);
  }
}

/** In the router's place while it restarts; on addresses where it does not listen, so that it need not. */
export function squats(family: Family, index: number, add: Add): void {
  const [to, bind] =
    family === "ipv4"
      ? [`127.0.0.${index + 2}`, `127.0.1.${index + 2}`]
      : [SQUATTED[index] ?? "", SQUATTED[index + 4] ?? ""];
  for (const port of Object.values(PORTS)) {
    add(`listens on the router's ${port}`, "kept", { kind: "squat", transport: "tcp", to, port });
    const own = { bind, bindPort: port, reuse: true, reset: true };
    add(`connects from the router's ${port}`, "refused", { kind: "tcp", to, port: 7_000, ...own });
  }
  add("answers DNS", "kept", { kind: "squat", transport: "udp", to, port: PORTS.dns });
  if (index > 0) return;
  add("listens on the admin port towards outside", "kept", {
    kind: "squat_outside",
    to: POD[family][1],
    port: PORTS.admin,
  });
  const held = { name: `old ${family}` };
  const listen = { kind: "hold_listen", to: POD[family][0], port: 7_001, ...held };
  add("(is held from before)", { answer: "held" }, listen, [], { phase: "hold" });
  add("goes on with a connection unknown to conntrack", "kept", { kind: "held_send", delay: 0.06, ...held });
}

/** The router's flows, just closed: their ports are free, their conntrack entries still there. */
export function adoptions(family: Family, index: number, add: Add): void {
  for (const [name, kind, port, base, expected] of [
    ["UDP port", "udp", 9_999, 22_000, "refused"],
    ["UDP port to DNS", "udp", 53, 22_100, router(PORTS.dns)],
    ["TCP port", "tcp", 9_999, 22_200, "refused"],
    ["TCP port to 443", "tcp", 443, 22_300, router(PORTS.tls)],
  ] as const) {
    const to = anywhere(family);
    const bindPort = base + index + (family === "ipv6" ? 10 : 0);
    const flow = { kind, to, port, bindPort, reuse: kind === "tcp", reset: true };
    add(`(the router first uses a ${name})`, OUTSIDE, { ...flow, payload: "" }, [], { actor: ROUTER, phase: "before" });
    add(`takes the router's closed ${name}`, expected, flow, [to]);
  }
}
