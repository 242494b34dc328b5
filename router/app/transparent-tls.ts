import { type Port, portOf } from "../core/base/quantity.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { readOpening } from "../edge/listeners/opening.ts";
import { closeRefusedTunnel } from "./answer.ts";
import { type ListenerDoor, overTheCap, type Tell, type Walk } from "./listener-door.ts";
import { clientHelloIn, unseen } from "./tls-door.ts";
import type { TunnelDoor } from "./tunnel-door.ts";

const HTTPS_PORT = portOf(443) as Port;

/** In TLS where the agent speaks it, and otherwise by closing. */
const tell: Tell = (agent, exchange, refused) => refuseInTls(agent, exchange, refused);

/** Nothing is said before the origin speaks: the agent believes that it talks to the origin. */
const TRANSPARENT_DOOR: TunnelDoor = { startsTls: true, open: () => undefined, refuse: tell };

/**
 * Redirected port 443. Where the agent wanted to connect to is never looked at: the server's name in the ClientHello is
 * judged, and resolved here.
 */
export function transparentTlsDoor(walk: Walk): ListenerDoor {
  async function serve(agent: AgentSocket): Promise<void> {
    const { rooms } = walk;
    const opening = await readOpening(agent, rooms.clock.monotonic() + rooms.limits.headTimeout, clientHelloIn);
    if (opening.state !== "seen") {
      const { reason, detail } = unseen(opening.state);
    }
  }
  return { serve, turnAway: (agent) => walk.refuseUnread(agent, overTheCap(walk), tell) };
}
