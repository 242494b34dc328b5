import { assertNever } from "../../core/base/assert-never.ts";
import { millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { LeakPattern } from "../../core/credential/leak-pattern.ts";
import type { Provider } from "../../core/models/inference-policy.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import type { DeadlineWatch } from "../../edge/upstream/deadline-watch.ts";
import { relayTunnel, type TunnelEnd, type TunnelOrigin } from "../../edge/upstream/tunnel.ts";
import type { Call } from "./call.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
import { RealtimeGate } from "./realtime-gate.ts";
import type { RealtimeMeter } from "./realtime-meter.ts";

export interface RelayedSession {
  readonly origin: TunnelOrigin;
  readonly provider: Provider;
  readonly meter: RealtimeMeter;
  /** What must not reach the agent; undefined: nothing is secret. */
  readonly secrets: LeakPattern | undefined;
  readonly watch: DeadlineWatch;
}

/** Why a connection ended otherwise than by itself; `reason` undefined: a peer ended it. */
export interface Broken {
  readonly reason: Reason | undefined;
  readonly detail: string | undefined;
}

/** How long a provider may take to close after the agent has: its last frames may be under way. */
const LINGER = millis(1_000);

/**
 * Relays frames both ways to their end, within the limits of provider and router. Undefined: it ended by itself. The
 * agent's octets pass as they are, the provider's are looked into first.
 */
export async function relayRealtime(
  rooms: InferenceRooms,
  agent: AgentSocket,
  call: Call,
  { origin, provider, meter, secrets, watch }: RelayedSession,
): Promise<Broken | undefined> {
  const gate = new RealtimeGate(secrets, meter);
  let fault: string | undefined;
  const { socket, early } = agent.release();
  const reading: TunnelOrigin["reading"] = {
    deliver(sink) {
      origin.socket.on("data", (chunk: Buffer) => {
        if (fault !== undefined) return;
        fault = gate.push(chunk, (octets) => {
          if (!sink(bufferOf(octets), ignore)) origin.socket.pause();
        });
        if (fault !== undefined) tunnel.cut("upstream_invalid");
      });
    },
  };
  const { timeouts } = provider;
  const tunnel = relayTunnel(
    socket,
    { socket: origin.socket, reading },
    {
      early,
      limits: {
        bytesOut: undefined,
        bytesIn: undefined,
        idle: millis(Math.min(timeouts.idle, rooms.limits.idle)),
        lifetime: millis(Math.min(timeouts.total, rooms.limits.lifetime)),
      },
      watch,
    },
  );
  call.onCut(() => tunnel.cut(call.cutReason ?? "draining"));
  let timer: NodeJS.Timeout | undefined;
  const left = (): void => {
    // Nobody reads what the provider still says.
    timer = setTimeout(() => socket.destroy(), LINGER);
  };
  if (socket.readableEnded) left();
  else socket.once("end", left);
  const end = await tunnel.ended;
  clearTimeout(timer);
  call.facts.bytesOut = end.bytesOut;
  call.facts.bytesIn = end.bytesIn;
  return brokenBy(end, fault);
}

function brokenBy(end: TunnelEnd, fault: string | undefined): Broken | undefined {
  switch (end.cause) {
    case "closed":
      return undefined;
    case "agent_reset":
      return { reason: undefined, detail: "The agent left." };
    case "origin_reset":
      return { reason: undefined, detail: "The provider broke the connection." };
    case "idle_timeout":
    case "lifetime_limit":
    case "byte_limit":
      return { reason: end.cause, detail: undefined };
    case "cut":
      return { reason: end.reason, detail: fault ?? "The router ended the connection." };
    default:
      return assertNever(end);
  }
}

/** The same memory. */
function bufferOf(octets: Uint8Array): Buffer {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
}

function ignore(): void {
  // The buffer was made for this read, and is nobody's to give back.
}
