import { type Port, portOf } from "../core/base/quantity.ts";
import type { Reason } from "../core/base/reason.ts";
import { readClientHello } from "../core/wire/client-hello.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { readOpening } from "../edge/listeners/opening.ts";
import { alertRefusal } from "./answer.ts";
import { type ListenerDoor, overTheCap, type Walk } from "./listener-door.ts";
import { unseen } from "./tls-door.ts";
import type { TunnelDoor } from "./tunnel-door.ts";

const HTTPS_PORT = portOf(443) as Port;

/** Nothing is said when it is open: the agent believes that it talks to the origin, and is told no in TLS. */
const TRANSPARENT_DOOR: TunnelDoor = { name: "tls", startsTls: true, open: () => undefined, refuse: alertRefusal };

/**
 * Redirected port 443. Where the agent wanted to connect to is never looked at: the server's name in the ClientHello is
 * judged, and resolved here.
 */
export function transparentTlsDoor(walk: Walk): ListenerDoor {
  const refuse = (agent: AgentSocket, reason: Reason, detail = ""): void =>
    walk.refuseUnread(agent, "tls", { reason, detail }, alertRefusal);

  async function serve(agent: AgentSocket): Promise<void> {
    const opening = await readOpening(agent, walk.timing.headMillis, readClientHello);
    if (opening.state !== "seen") {
      const { reason, detail } = unseen(opening.state);
      if (reason === undefined) agent.finish();
      else refuse(agent, reason, detail);
      return;
    }
    const { seen, octets } = opening;
    if (seen.state === "not_tls") refuse(agent, "not_tls", "Port 443 is for TLS.");
    else if (seen.state === "malformed") refuse(agent, "malformed_request", seen.problem);
    else if (seen.hello.serverName === undefined)
      refuse(agent, "sni_missing", "Nothing else says which host it is for.");
    else {
      agent.unread(octets);
      const host = { kind: "name", text: seen.hello.serverName } as const;
      await walk.tunnel(agent, TRANSPARENT_DOOR, { host, port: HTTPS_PORT });
    }
  }

  return { serve, turnAway: (agent) => walk.refuseUnread(agent, "tls", overTheCap(walk), alertRefusal) };
}
