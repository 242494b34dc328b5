import { connect, type Socket, type TcpNetConnectOpts } from "node:net";
import type { Clock } from "../../core/base/clock.ts";
import { millis, type Millis, type Port } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { DialPermit } from "../../core/policy/permit.ts";
import { type IpAddress, parseIpAddress } from "../../core/wire/ip-address.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { interleaveFamilies } from "./happy-eyeballs.ts";
import { type PooledReading, pooledReading } from "./pooled-reading.ts";

/** A connected socket, paused, with its errors caught: whoever holds it looks at `socket.destroyed`. */
export interface Link {
  readonly socket: Socket;
  /** The one of the permit's addresses that it leads to; undefined: a parent proxy was given the name. */
  readonly address: IpAddress | undefined;
  readonly port: Port;
  /** From the first attempt to the connection. */
  readonly connectMillis: Millis;
}

/** One that no proxy is in between. */
export interface DirectLink extends Link {
  readonly address: IpAddress;
}

/** A link for a tunnel: its socket is read through the pool, and gives no `data` events. */
export interface TunnelLink extends DirectLink {
  readonly reading: PooledReading;
}

export interface DialOptions {
  readonly clock: Clock;
  /** For all attempts together. */
  readonly timeout: Millis;
  readonly signal: AbortSignal;
  /** Until the next attempt starts beside one that has not answered; default 250 ms (RFC 8305 section 5). */
  readonly attemptDelay?: Millis;
}

export interface DialProblem {
  readonly reason: "upstream_unreachable";
  /** For logs: the addresses tried and what each said. */
  readonly detail: string;
}

const ATTEMPT_DELAY = millis(250);
/** Silence before the kernel probes whether the origin is still there. */
const KEEP_ALIVE_MILLIS = 30_000;

/** Connects for plain HTTP. */
export async function dial(permit: DialPermit, options: DialOptions): Promise<Result<DirectLink, DialProblem>> {
  return race(permit, options, (to) => ({ socket: connect(to) }));
}

/** Connects for a tunnel. */
export async function dialTunnel(
  permit: DialPermit,
  options: DialOptions,
  pool: BufferPool,
): Promise<Result<TunnelLink, DialProblem>> {
  return race(permit, options, (to) => {
    const reading = pooledReading(pool);
    const socket = connect({ ...to, onread: reading.onread });
    reading.adopt(socket);
    return { socket, reading };
  });
}

/**
 * Happy Eyeballs version 2 (RFC 8305) among the permit's addresses and no others. The first connection wins; the
 * rest are destroyed. A value that `core/policy` did not mint opens nothing, nor does a permit for a parent proxy (which
 * may hold no address): it throws.
 */
async function race<Opened extends { readonly socket: Socket }>(
  permit: DialPermit,
  options: DialOptions,
  open: (to: TcpNetConnectOpts) => Opened,
): Promise<Result<Opened & DirectLink, DialProblem>> {
  if (!DialPermit.isMinted(permit)) throw new TypeError("dial needs a DialPermit minted by policy");
  // Second line: who asks for a parent proxy gets it or nothing.
  if (permit.name.proxy !== undefined)
    throw new TypeError("this permit is for a parent proxy, never for a direct dial");
  const { clock, signal } = options;
  const { port } = permit.name;
  const queue = [...interleaveFamilies(permit.addresses)];
  const attempts = new Set<Socket>();
  const failures: string[] = [];
  const began = clock.monotonic();
  return new Promise((resolve) => {
    let nextAttempt: NodeJS.Timeout | undefined;
    const deadline = setTimeout(() => lose(`no answer within ${options.timeout} ms`), options.timeout);
    const onAbort = (): void => lose("given up");
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) lose("given up");
    else attempt();

    function attempt(): void {
      const address = queue.shift();
      if (address === undefined) {
        if (attempts.size === 0) lose();
        return;
      }
      const opened = open(destination(address, port));
      const { socket } = opened;
      attempts.add(socket);
      socket.pause();
      socket.on("error", (error) => {
        if (attempts.delete(socket)) failed(`${address} ${reasonOf(error)}`);
      });
      socket.once("connect", () => {
        if (!attempts.delete(socket)) return;
        // Second line: connected to what was admitted, however the options were read.
        const reached = socket.remoteAddress ?? "";
        if ((reached !== address && parseIpAddress(reached) !== address) || socket.remotePort !== port) {
          socket.destroy();
          // Without an address: reset before we could look.
          failed(`${address} ${socket.remoteAddress === undefined ? "was closed at once" : "reached another address"}`);
          return;
        }
        settle();
        const connectMillis = millis(clock.monotonic() - began);
        resolve(ok({ ...opened, address, port, connectMillis }));
      });
      clearTimeout(nextAttempt);
      if (queue.length > 0) nextAttempt = setTimeout(attempt, options.attemptDelay ?? ATTEMPT_DELAY);
    }

    function failed(failure: string): void {
      failures.push(failure);
      attempt();
    }

    function lose(...more: readonly string[]): void {
      settle();
      resolve(fail({ reason: "upstream_unreachable", detail: [...failures, ...more].join(", ") }));
    }

    function settle(): void {
      clearTimeout(nextAttempt);
      clearTimeout(deadline);
      signal.removeEventListener("abort", onAbort);
      for (const socket of attempts) socket.destroy();
      attempts.clear();
    }
  });
}

function destination(address: IpAddress, port: Port): TcpNetConnectOpts {
  return {
    host: address,
    port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MILLIS,
    // A literal is never looked up; should Node ever come to ask, there is no answer.
    lookup: (_name, _options, callback) => callback(new Error("dial resolves no names"), []),
  };
}

function reasonOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
