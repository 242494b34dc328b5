import { randomBytes } from "node:crypto";
import type { Family } from "../../init-egress-guard/settings.ts";
import { type RunTool, toolRunner } from "../../init-egress-guard/tool.ts";
import { Actor } from "./actor.ts";
import { IP, must, system, SYSTEM_PATH } from "./system.ts";

/** The pod's addresses (the second of each is for squatting and for being found), and the node's end of the link. */
export const POD: Readonly<Record<Family, readonly [string, string]>> = {
  ipv4: ["10.77.0.2", "10.77.0.3"],
  ipv6: ["fd77::2", "fd77::3"],
};
export const NODE: Readonly<Record<Family, string>> = { ipv4: "10.77.0.1", ipv6: "fd77::1" };
export const NODE_LINK_LOCAL = "fe80::1";
/** The same node, as the router's resolver on a link-local address. */
export const NODE_RESOLVER = "fe80::53";
/** On the link, in nobody's cache: to reach it, the pod must solicit its neighbour. */
export const NODE_UNKNOWN: Readonly<Record<Family, string>> = { ipv4: "10.77.0.9", ipv6: "fd77::9" };

/** More addresses of the pod, on loopback: there another process can listen on the router's ports. */
export const SQUATTED = Array.from({ length: 8 }, (_, index) => `fd77:5::${index + 1}`);

/**
 * A pod's network namespace and the world outside it, joined by a veth pair. Outside, every address there is
 * answers (metadata services included), so that whatever leaves also arrives.
 */
export class Lab implements AsyncDisposable {
  readonly pod: string;
  readonly outside: string;
  readonly #actors: Actor[] = [];

  constructor() {
    const tag = randomBytes(3).toString("hex");
    this.pod = `slx${tag}p`;
    this.outside = `slx${tag}o`;
    try {
      this.#build(`slx${tag}`);
    } catch (error) {
      this.#deleteNamespaces();
      throw error;
    }
    this.#actors.push(new Actor(this.outside, "sniffer.py", [`slx${tag}`], []));
  }

  #build(link: string): void {
    must(IP, ["netns", "add", this.pod]);
    must(IP, ["netns", "add", this.outside]);
    must(IP, ["link", "add", "eth0", "netns", this.pod, "type", "veth", "peer", "name", link, "netns", this.outside]);
    this.#sysctl(this.pod, [
      // Worst case: whatever a process with a writable /proc/sys could switch on is on.
      "net.ipv4.ip_forward=1",
      "net.ipv4.conf.all.accept_source_route=1",
      "net.ipv4.conf.lo.accept_source_route=1",
      "net.ipv4.conf.eth0.accept_source_route=1",
      "net.ipv4.conf.all.accept_local=1",
      "net.ipv4.conf.all.route_localnet=1",
      "net.ipv4.conf.all.rp_filter=0",
      "net.ipv4.ping_group_range=0 2147483647",
      "net.ipv4.ip_unprivileged_port_start=0",
      "net.ipv6.conf.all.disable_ipv6=0",
      "net.ipv6.conf.all.forwarding=1",
      "net.ipv6.conf.all.seg6_enabled=1",
      "net.ipv6.conf.lo.seg6_enabled=1",
      "net.ipv6.conf.eth0.seg6_enabled=1",
      "net.ipv6.conf.eth0.accept_dad=0",
    ]);
    this.#sysctl(this.outside, [
      "net.ipv6.conf.all.disable_ipv6=0",
      "net.ipv4.conf.all.rp_filter=0",
      "net.ipv4.ping_group_range=0 2147483647",
    ]);
    const pod = (args: string) => must(IP, ["-n", this.pod, ...args.split(" ")]);
    const outside = (args: string) => must(IP, ["-n", this.outside, ...args.split(" ")]);
    outside(`link set ${link} addrgenmode none`);
    pod("link set eth0 addrgenmode none");
    pod("link set lo up");
    pod("link set eth0 up");
    outside("link set lo up");
    outside(`link set ${link} up`);
    pod(`addr add ${POD.ipv4[0]}/24 dev eth0`);
    pod(`addr add ${POD.ipv4[1]}/24 dev eth0`);
    for (const address of [POD.ipv6[0], "fe80::2"]) pod(`addr add ${address}/64 dev eth0 nodad`);
    // Deprecated: never chosen as a source, so nobody learns it but by solicitation.
    pod(`addr add ${POD.ipv6[1]}/64 dev eth0 nodad preferred_lft 0`);
    for (const address of SQUATTED) pod(`addr add ${address}/128 dev lo`);
    for (const address of [NODE.ipv4, NODE_UNKNOWN.ipv4]) outside(`addr add ${address}/24 dev ${link}`);
    for (const address of [NODE.ipv6, NODE_LINK_LOCAL]) outside(`addr add ${address}/64 dev ${link} nodad`);
    for (const address of [NODE_UNKNOWN.ipv6, NODE_RESOLVER])
      outside(`addr add ${address}/64 dev ${link} nodad preferred_lft 0`);
    pod(`route add default via ${NODE.ipv4}`);
    pod(`-6 route add default via ${NODE.ipv6}`);
    // Every address is local outside, save the pod's own.
    for (const [flag, own] of [
      ["-4", ["10.77.0.2/31"]],
      ["-6", ["fd77::2/127", "fe80::2/128"]],
    ] as const) {
      for (const range of own) outside(`${flag} rule add pref 50 to ${range} lookup main`);
      outside(`${flag} rule add pref 100 lookup local`);
      outside(`${flag} rule del pref 0`);
      outside(`${flag} route add local default dev lo table local`);
    }
  }

  #deleteNamespaces(): void {
    for (const namespace of [this.pod, this.outside]) system(IP, ["netns", "del", namespace]);
  }

  #sysctl(namespace: string, settings: readonly string[]): void {
    must(IP, ["netns", "exec", namespace, "sysctl", "-q", "-w", ...settings]);
  }

  get sniffer(): Actor {
    const [first] = this.#actors;
    if (first === undefined) throw new Error("the lab is closed");
    return first;
  }

  actor(where: "pod" | "outside", identity: readonly string[] = []): Actor {
    const actor = new Actor(where === "pod" ? this.pod : this.outside, "actor.py", [], identity);
    this.#actors.push(actor);
    return actor;
  }

  /** The guard's tools, in the pod's namespace. */
  runInPod(): RunTool {
    const run = toolRunner({ PATH: SYSTEM_PATH, LC_ALL: "C" });
    return async (program, args, stdin) => {
      const outcome = await run(IP, ["netns", "exec", this.pod, program, ...args], stdin);
      const absent = outcome.status === "exited" && outcome.stderr.startsWith(`exec of "${program}" failed`);
      return absent ? { status: "missing" } : outcome;
    };
  }

  /** A command in the pod's namespace, as root: its standard output. */
  inPod(program: string, ...args: readonly string[]): string {
    return must(IP, ["netns", "exec", this.pod, program, ...args]);
  }

  /** Both ends forget which neighbour has which address. */
  forgetNeighbours(): void {
    for (const namespace of [this.pod, this.outside]) must(IP, ["-n", namespace, "neigh", "flush", "all"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#actors.splice(0).map((actor) => actor.end()));
    this.#deleteNamespaces();
  }
}
