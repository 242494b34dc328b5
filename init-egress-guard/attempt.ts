import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { AttemptOutcome, GuardCheck } from "../router/core/guard/proof.ts";

/** What the prover may not be able to do: TCP or UDP to an address outside. */
export type Attempt = Pick<GuardCheck, "family" | "transport" | "address" | "port"> & {
  /** The rules lead this one to the router: it may be answered, by loopback. */
  readonly redirected: boolean;
};

/** A refusal comes within a few milliseconds; what has not come by then was not one. */
const DEADLINE_MS = 1_000;
/** Other packets of the pod (neighbour discovery, answers to probes) may leave during an attempt; then it is repeated. */
const TRIES = 5;

/**
 * How the guard refuses, and what little else does: a reset, and for UDP an error of the very call that sends, which
 * only this host's own filter gives.
 */
const REFUSED = { tcp: "ECONNREFUSED", udp: "EPERM" } as const;
const NO_ROUTE: ReadonlySet<string> = new Set(["ENETUNREACH", "EADDRNOTAVAIL"]);

/**
 * Tries to leave, and judges by two witnesses: what the system answered, and whether any device but loopback sent a
 * packet meanwhile (a gateway, too, may answer with a reset or an unreachable: by then the packet has left).
 */
export async function attempt(what: Attempt, netDev: string): Promise<GuardCheck> {
  for (let tries = 1; ; tries += 1) {
    const before = sentPackets(netDev);
    const began = performance.now();
    const said = await (what.transport === "tcp" ? tcp(what) : udp(what));
    const milliseconds = Math.round(performance.now() - began);
    const quiet = sentPackets(netDev) === before;
    if (!quiet && !said.timedOut && tries < TRIES) continue;
    const { family, transport, address, port } = what;
    return { family, transport, address, port, outcome: judge(what, said, quiet), error: said.error, milliseconds };
  }
}

interface Said {
  readonly error: string;
  readonly timedOut: boolean;
}

function judge(what: Attempt, said: Said, quiet: boolean): AttemptOutcome {
  if (!quiet) return "left";
  if (said.timedOut) return "timed_out";
  if (said.error === REFUSED[what.transport]) return "refused";
  if (NO_ROUTE.has(said.error)) return "no_route";
  return said.error === "" && what.redirected ? "redirected" : "left";
}

async function tcp({ address, port }: Attempt): Promise<Said> {
  const said = Promise.withResolvers<Said>();
  const socket = connect({ host: address, port, timeout: DEADLINE_MS });
  socket.once("connect", () => said.resolve({ error: "", timedOut: false }));
  socket.once("timeout", () => said.resolve({ error: "", timedOut: true }));
  socket.once("error", (error: NodeJS.ErrnoException) => said.resolve({ error: error.code ?? "", timedOut: false }));
  try {
    return await said.promise;
  } finally {
    socket.destroy();
  }
}

/** The kernel refuses the sender itself, as the packet is sent; an answer from outside would come later. */
async function udp({ family, address, port }: Attempt): Promise<Said> {
  const said = Promise.withResolvers<Said>();
  const socket = createSocket(family === "ipv4" ? "udp4" : "udp6");
  socket.once("error", (error: NodeJS.ErrnoException) => said.resolve({ error: error.code ?? "", timedOut: false }));
  socket.send("sluice guard prove", port, address, (error: NodeJS.ErrnoException | null) => {
    said.resolve({ error: error?.code ?? "", timedOut: false });
  });
  try {
    return await said.promise;
  } finally {
    socket.close();
  }
}

/** Packets sent by every device but loopback, from `/proc/net/dev` (proc_pid_net(5): the tenth number). */
export function sentPackets(netDev: string): number {
  let sent = 0;
  for (const line of readFileSync(netDev, "utf8").split("\n")) {
    const [device = "", numbers] = line.split(":");
    if (numbers === undefined || device.trim() === "lo") continue;
    sent += Number(numbers.trim().split(/\s+/)[9]);
  }
  return sent;
}
