import { millis } from "../../core/base/quantity.ts";
import { readClientHello } from "../../core/wire/client-hello.ts";
import { acceptTls } from "../../edge/inspection/agent-tls.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import type { Alpn } from "../../edge/upstream/secure-dial.ts";
import { lostMeanwhile } from "../admission.ts";
import type { InspectionRoom } from "../corridor-rooms.ts";
import { injectedFields } from "./injected-fields.ts";
import type { Inspected, InspectionRooms } from "./inspected.ts";
import { serveInspectedHttp1 } from "./inspected-http1.ts";
import { serveInspectedHttp2 } from "./inspected-http2.ts";

/**
 * Ends TLS for tunnels that are inspected. The origin comes first: what it chooses of the protocols that the agent offers
 * is what the agent gets, so that no version of HTTP is translated into another. Where it is not reached, or is not to be
 * trusted, the agent's handshake is completed all the same, so that each request can be told why.
 */
export function createInspectionRoom(rooms: InspectionRooms): InspectionRoom {
  return {
    inject: (permit) => injectedFields(rooms.secrets, permit),
    async serve(agent, exchange, permit, dial, authority) {
      const offered = await offeredProtocols(agent);
      const origin = await rooms.upstream.dialSecure(dial, exchange.signal, offered);
      rooms.counts.origin(origin.ok ? "completed" : origin.problem.reason);
      if (origin.ok) {
        exchange.address = origin.value.address;
        exchange.connect = origin.value.connectMillis;
      }
      const lost = lostMeanwhile(rooms.admission, exchange);
      if (lost !== undefined || exchange.signal.aborted) {
        if (origin.ok) origin.value.socket.destroy();
        exchange.aborted(lost);
        agent.abort();
        return;
      }
      const { socket, early, ended } = agent.release();
      const accepted = await acceptTls(socket, early, {
        context: rooms.leaves.contextFor(permit),
        alpn: agreed(offered, origin),
        timeout: rooms.limits.headTimeout,
        // Who has closed its end cannot finish a handshake.
        signal: ended ? AbortSignal.abort() : exchange.signal,
      });
      rooms.counts.agent(accepted.ok ? "completed" : accepted.problem.kind);
      if (!accepted.ok) {
        if (origin.ok) origin.value.socket.destroy();
        exchange.aborted(exchange.cutReason, accepted.problem.detail);
        return;
      }
      await serveInside(rooms, { agent: accepted.value, origin, authority, permit, dial, exchange });
    },
  };
}

/** Of the ClientHello that the tls door let through, and gave back: HTTP's versions, in the agent's order. */
async function offeredProtocols(agent: AgentSocket): Promise<readonly Alpn[]> {
  const octets = await agent.read(1);
  // Gone; the handshake will say so.
  if (typeof octets === "string") return [];
  agent.unread(octets);
  const seen = readClientHello(octets, octets.length);
  return seen.state === "complete" ? seen.hello.alpn.filter((name) => name === "h2" || name === "http/1.1") : [];
}

function agreed(offered: readonly Alpn[], origin: Inspected["origin"]): Alpn | undefined {
  if (origin.ok) return origin.value.alpn;
  return offered.includes("http/1.1") ? "http/1.1" : offered[0];
}

/** To the end of the connection, within the life that its rule allows. */
async function serveInside(rooms: InspectionRooms, inspected: Inspected): Promise<void> {
  const { agent, exchange, permit } = inspected;
  const unwatch = rooms.upstream.watch.watch({
    // Silence is the requests' matter.
    idle: millis(Infinity),
    lifetime: permit.limits.lifetime ?? rooms.limits.lifetime,
    carried: () => 0,
    expire: (cause) => exchange.cut(cause),
  });
  try {
    if (agent.alpnProtocol === "h2") await serveInspectedHttp2(rooms, inspected);
    else await serveInspectedHttp1(rooms, inspected);
  } finally {
    unwatch();
  }
  if (exchange.cutReason === undefined) exchange.completed();
  else exchange.aborted(exchange.cutReason);
}
