import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Bytes, Millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import { byteMeter, type ByteMeter } from "./byte-meter.ts";
import type { DeadlineWatch } from "./deadline-watch.ts";
import type { PooledReading } from "./pooled-reading.ts";
import { reset } from "./reset.ts";

export interface TunnelLimits {
  /** Octets from the agent to the origin; undefined: no limit. */
  readonly bytesOut: Bytes | undefined;
  /** Octets from the origin to the agent; undefined: no limit. */
  readonly bytesIn: Bytes | undefined;
  /** Without payload in either direction. */
  readonly idle: Millis;
  readonly lifetime: Millis;
}

type HowEnded =
  /** Both sides sent FIN, and everything was passed on. */
  | { readonly cause: "closed" }
  /** Broken: whoever is still there is sent RST, so that nobody takes a cut stream for a whole one. */
  | { readonly cause: "agent_reset" | "origin_reset" | "idle_timeout" | "lifetime_limit" | "byte_limit" }
  | { readonly cause: "cut"; readonly reason: Reason };

/** Octets are those handed on to the other side's socket. */
export type TunnelEnd = HowEnded & { readonly bytesOut: number; readonly bytesIn: number };

export interface TunnelRelay {
  /** Never rejects. */
  readonly ended: Promise<TunnelEnd>;
  /** Breaks both sides before it returns; without effect on a tunnel that has ended. */
  cut(reason: Reason): void;
}

/** The origin's side: a `TunnelLink`, or a socket without `reading` whose next bytes belong to the agent. */
export interface TunnelOrigin {
  readonly socket: Socket;
  readonly reading?: Pick<PooledReading, "deliver">;
}

export interface TunnelOptions {
  /** Read from the agent already, and first to be sent. */
  readonly early: readonly Buffer[];
  readonly limits: TunnelLimits;
  readonly watch: DeadlineWatch;
}

/** Reads of the origin that may wait for a slow agent: one being written, one behind it. */
const MOST_UNWRITTEN = 2;
/** Writes that may wait for a slow peer, however small. */
const MOST_WRITES = 256;

/**
 * Relays bytes both ways, knowing nothing of them, until both sides have ended or something ends both. It owns both
 * sockets from here on. The agent's socket comes paused and was accepted with `allowHalfOpen`, as the origin's was
 * dialled: one side's FIN is passed on after its bytes, and the other direction goes on.
 */
export function relayTunnel(agent: Socket, origin: TunnelOrigin, options: TunnelOptions): TunnelRelay {
  const upstream = origin.socket;
  const outward = byteMeter(options.limits.bytesOut);
  const inward = byteMeter(options.limits.bytesIn);
  const { promise: ended, resolve } = Promise.withResolvers<TunnelEnd>();
  let done = false;
  /** The side that was closed with everything passed on. */
  let closing: Socket | undefined;

  const unwatch = options.watch.watch({
    idle: options.limits.idle,
    lifetime: options.limits.lifetime,
    carried: () => outward.carried + inward.carried,
    expire: (cause) => finish({ cause }),
  });

  watchEnds(agent, upstream, "agent_reset");
  watchEnds(upstream, agent, "origin_reset");
  if (origin.reading === undefined) pump(upstream, agent, (length) => admit(inward, length));
  else pumpPooled(origin.reading);
  pump(agent, upstream, (length) => admit(outward, length));

  for (const chunk of options.early) if (admit(outward, chunk.length)) upstream.write(chunk);
  if (agent.readableEnded) upstream.end();
  upstream.resume();
  agent.resume();
  return { ended, cut: (reason) => finish({ cause: "cut", reason }) };

  function finish(how: HowEnded): void {
    if (done) return;
    done = true;
    unwatch();
    reset(agent);
    reset(upstream);
    resolve({ ...how, bytesOut: outward.carried, bytesIn: inward.carried });
  }

  function watchEnds(socket: Socket, other: Socket, broken: "agent_reset" | "origin_reset"): void {
    const broke = (): void => finish({ cause: broken });
    socket.on("error", broke);
    socket.on("end", () => {
      // Where the other side has ended too, and what it is to have is with the kernel, closing sends the FIN: one
      // system call instead of two, thousands of times a second. TLS has an end of its own to send before that.
      if (other.readableEnded && other.writableLength === 0 && !(other instanceof TLSSocket)) {
        closing = other;
        other.destroy();
      } else other.end();
    });
    socket.on("close", () => {
      if (!socket.readableEnded || !(socket.writableFinished || socket === closing)) broke();
      else if (other.closed) finish({ cause: "closed" });
    });
    if (socket.destroyed) broke();
  }

  function admit(meter: ByteMeter, length: number): boolean {
    if (!done && !meter.admit(length)) finish({ cause: "byte_limit" });
    return !done;
  }

  function pumpPooled(reading: Pick<PooledReading, "deliver">): void {
    let unwritten = 0;
    reading.deliver((bytes, release) => {
      if (!admit(inward, bytes.length)) {
        release();
        return false;
      }
      unwritten += 1;
      agent.write(bytes, () => {
        release();
        unwritten -= 1;
        if (unwritten === MOST_UNWRITTEN - 1) upstream.resume();
      });
      return unwritten < MOST_UNWRITTEN;
    });
  }
}

/** `admit` says whether so many octets may go on. */
function pump(from: Socket, to: Socket, admit: (length: number) => boolean): void {
  /** Writes since nothing waited. */
  let writes = 0;
  from.on("data", (chunk: Buffer) => {
    if (!admit(chunk.length)) return;
    writes = to.writableLength === 0 ? 1 : writes + 1;
    if (writes < MOST_WRITES) {
      if (!to.write(chunk)) from.pause();
      return;
    }
    // A stream counts octets, and a write of one octet takes hundreds of them.
    from.pause();
    writes = 0;
    to.write(chunk, () => from.resume());
  });
  to.on("drain", () => from.resume());
}
