import type { SecureContext } from "node:tls";
import type { Clock } from "../core/base/clock.ts";
import { assertNever } from "../core/base/assert-never.ts";
import { fail, type Result } from "../core/base/result.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import type { DialPermit, NamePermit } from "../core/policy/permit.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { createBufferPool } from "../edge/upstream/buffer-pool.ts";
import { createDeadlineWatch, type DeadlineWatch } from "../edge/upstream/deadline-watch.ts";
import { dial, dialTunnel, type Link } from "../edge/upstream/dial.ts";
import type { ParentDialProblem } from "../edge/upstream/parent-dial.ts";
import { type Alpn, platformTrust, secure, type SecureLink, type SecureProblem } from "../edge/upstream/secure-dial.ts";
import { relayTunnel, type TunnelOrigin } from "../edge/upstream/tunnel.ts";
import type { Exchange } from "./exchange.ts";
import type { Proxies } from "./proxies.ts";

/**
 * The ways out, with the router's own limits filled in. Where the permit's rule names a parent proxy, each of them leads
 * through it, and to a refusal where that fails: never around it.
 */
export interface UpstreamRooms {
  readonly watch: DeadlineWatch;
  /** Read through the pool where no parent is in between; else as a stream, with what the origin sent early in front. */
  dialTunnel(permit: DialPermit, signal: AbortSignal): Promise<Result<Link & TunnelOrigin, ParentDialProblem>>;
  /** For a protocol in which the client speaks first. */
  dialPlain(permit: DialPermit, signal: AbortSignal): Promise<Result<Link, ParentDialProblem>>;
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

/**
 * `trust`: what origins' certificates are verified by; asked when one is first dialled. Without `proxies` nothing is
 * reached for a rule that names one.
 */
export function createUpstreamRooms(
  clock: Clock,
  limits: RouterConfig["limits"],
  trust: () => SecureContext = platformTrust(),
  proxies?: Pick<Proxies, "dial">,
): UpstreamRooms {
  const pool = createBufferPool(POOLED_BYTES);
  const watch = createDeadlineWatch(clock);
  const timeout = limits.connectTimeout;

  async function dialParent(proxy: string, permit: DialPermit, signal: AbortSignal): ReturnType<Proxies["dial"]> {
    if (proxies !== undefined) return proxies.dial(proxy, permit, { timeout, signal });
    return fail({ reason: "upstream_unreachable", detail: `No parent proxy is configured as ${proxy}.` });
  }

  async function dialPlain(permit: DialPermit, signal: AbortSignal): ReturnType<UpstreamRooms["dialPlain"]> {
    const { proxy } = permit.name;
    if (proxy === undefined) return dial(permit, { clock, timeout, signal });
    const dialled = await dialParent(proxy, permit, signal);
    if (!dialled.ok || dialled.value.socket.readableLength === 0) return dialled;
    // An answer that was there before its request is a forged one.
    dialled.value.socket.destroy();
    const detail = `Parent proxy ${proxy}: octets came behind its answer before anything was asked.`;
    return fail({ reason: "upstream_invalid", detail });
  }

  return {
    watch,
    async dialTunnel(permit, signal) {
      const { proxy } = permit.name;
      return proxy === undefined
        ? dialTunnel(permit, { clock, timeout, signal }, pool)
        : dialParent(proxy, permit, signal);
    },
    dialPlain,
    async dialSecure(permit, signal, alpn) {
      const dialled = await dialPlain(permit, signal);
      if (!dialled.ok) return dialled;
      const { host } = permit.name;
      return secure(dialled.value, { host, context: trust(), alpn, clock, timeout, signal });
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
