import { connect, createServer, type Socket } from "node:net";
import { systemClock } from "../../router/app/clock.ts";
import { bytes, millis } from "../../router/core/base/quantity.ts";
import { type BufferPool, createBufferPool } from "../../router/edge/upstream/buffer-pool.ts";
import { createDeadlineWatch, type DeadlineWatch } from "../../router/edge/upstream/deadline-watch.ts";
import { dial, dialTunnel } from "../../router/edge/upstream/dial.ts";
import { relayTunnel, type TunnelRelay } from "../../router/edge/upstream/tunnel.ts";
import { dialPermit } from "./dial-permit.ts";

export interface TunnelSetup {
  readonly early?: readonly string[];
  readonly bytesOut?: number;
  readonly bytesIn?: number;
  readonly idle?: number;
  readonly lifetime?: number;
  /** False: the origin's socket is read as a stream, as after a WebSocket handshake. */
  readonly pooled?: boolean;
  /** What happens before the relay takes over. */
  readonly beforeRelay?: (sockets: Omit<OpenTunnel, "relay">) => Promise<void>;
}

export interface OpenTunnel {
  readonly relay: TunnelRelay;
  /** The agent's own end. */
  readonly agent: Socket;
  /** The relay's ends. */
  readonly accepted: Socket;
  readonly upstream: Socket;
}

export interface TunnelDoor {
  readonly pool: BufferPool;
  readonly watch: DeadlineWatch;
  open(originPort: number, setup?: TunnelSetup): Promise<OpenTunnel>;
  close(): Promise<void>;
}

/** A listener that turns each of its connections into a tunnel to an origin on loopback. */
export async function tunnelDoor(period = 10): Promise<TunnelDoor> {
  const pool = createBufferPool(4 << 20);
  const watch = createDeadlineWatch(systemClock, millis(period));
  const waiting: ((socket: Socket) => void)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    waiting.shift()?.(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    pool,
    watch,
    async open(originPort, setup = {}) {
      const arrival = new Promise<Socket>((resolve) => waiting.push(resolve));
      const agent = connect({ host: "127.0.0.1", port: address.port, allowHalfOpen: true });
      sockets.add(agent);
      agent.on("error", () => undefined);
      const accepted = await arrival;
      const options = { clock: systemClock, timeout: millis(2_000), signal: new AbortController().signal };
      const permit = dialPermit(originPort);
      const link = setup.pooled === false ? await dial(permit, options) : await dialTunnel(permit, options, pool);
      if (!link.ok) throw new Error(link.problem.detail);
      await setup.beforeRelay?.({ agent, accepted, upstream: link.value.socket });
      const relay = relayTunnel(accepted, link.value, {
        early: (setup.early ?? []).map((text) => Buffer.from(text)),
        limits: {
          bytesOut: setup.bytesOut === undefined ? undefined : bytes(setup.bytesOut),
          bytesIn: setup.bytesIn === undefined ? undefined : bytes(setup.bytesIn),
          idle: millis(setup.idle ?? 60_000),
          lifetime: millis(setup.lifetime ?? 60_000),
        },
        watch,
      });
      return { relay, agent, accepted, upstream: link.value.socket };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
