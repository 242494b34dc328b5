import type { SecureContext } from "node:tls";
import type { Clock } from "../core/base/clock.ts";
import { assertNever } from "../core/base/assert-never.ts";
import type { Result } from "../core/base/result.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import type { DialPermit, NamePermit } from "../core/policy/permit.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { createBufferPool } from "../edge/upstream/buffer-pool.ts";
import { createDeadlineWatch, type DeadlineWatch } from "../edge/upstream/deadline-watch.ts";
import { dial, dialTunnel, type DialProblem, type Link, type TunnelLink } from "../edge/upstream/dial.ts";
import { type Alpn, platformTrust, secure, type SecureLink, type SecureProblem } from "../edge/upstream/secure-dial.ts";
import { relayTunnel, type TunnelOrigin } from "../edge/upstream/tunnel.ts";
import type { Exchange } from "./exchange.ts";

/** The ways out, with the router's own limits filled in. */
export interface UpstreamRooms {
  readonly watch: DeadlineWatch;
  dialTunnel(permit: DialPermit, signal: AbortSignal): Promise<Result<TunnelLink, DialProblem>>;
  dialPlain(permit: DialPermit, signal: AbortSignal): Promise<Result<Link, DialProblem>>;
  /** TLS over `dialPlain`, verified for the judged host; `alpn` in the order of preference. */
  dialSecure(
    permit: DialPermit,
    signal: AbortSignal,
    alpn: readonly Alpn[],
  ): Promise<Result<SecureLink, SecureProblem>>;
  /** Relays to the end, and settles the exchange. */
  relay(agent: AgentSocket, link: TunnelOrigin, exchange: Exchange, permit: NamePermit): Promise<void>;
}

/** Large read buffers, all tunnels together: half of what a pod with 100 MB to spare can give. */
const POOLED_BYTES = 16 * 1024 * 1024;

/** `trust`: what origins' certificates are verified by; asked when one is first dialled. */
export function createUpstreamRooms(
  clock: Clock,
  limits: RouterConfig["limits"],
  trust: () => SecureContext = platformTrust(),
): UpstreamRooms {
  const pool = createBufferPool(POOLED_BYTES);
  const watch = createDeadlineWatch(clock);
  const dialPlain: UpstreamRooms["dialPlain"] = (permit, signal) =>
    dial(permit, { clock, timeout: limits.connectTimeout, signal });
  return {
    watch,
    dialTunnel: (permit, signal) => dialTunnel(permit, { clock, timeout: limits.connectTimeout, signal }, pool),
    dialPlain,
    async dialSecure(permit, signal, alpn) {
      const dialled = await dialPlain(permit, signal);
      if (!dialled.ok) return dialled;
      const { host } = permit.name;
      return secure(dialled.value, { host, context: trust(), alpn, clock, timeout: limits.connectTimeout, signal });
    },
    async relay(agent, link, exchange, permit) {
      const { socket, early } = agent.release();
      const tunnel = relayTunnel(socket, link, {
        early,
        limits: {
          bytesOut: permit.limits.bytesOut,
          bytesIn: permit.limits.bytesIn,
          idle: permit.limits.idle ?? limits.idle,
          lifetime: permit.limits.lifetime ?? limits.lifetime,
        },
        watch,
      });
      exchange.onCut((reason) => tunnel.cut(reason));
      const end = await tunnel.ended;
      exchange.bytesOut = end.bytesOut;
      exchange.bytesIn = end.bytesIn;
      switch (end.cause) {
        case "closed":
          exchange.completed();
          return;
        case "agent_reset":
        case "origin_reset":
          exchange.aborted(undefined, end.cause);
          return;
        case "idle_timeout":
        case "lifetime_limit":
        case "byte_limit":
          exchange.aborted(end.cause);
          return;
        case "cut":
          exchange.aborted(end.reason);
          return;
        default:
          assertNever(end);
      }
    },
  };
}
