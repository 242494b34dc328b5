import {
  NO_ACCEPTABLE_METHOD,
  SOCKS_REPLY,
  socksReply,
  socksReplyOf,
  WITHOUT_AUTHENTICATION,
} from "../core/wire/socks-reply.ts";
import { readSocksGreeting, readSocksRequest } from "../core/wire/socks.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { type Opening, readOpening } from "../edge/listeners/opening.ts";
import type { Tell, Walk } from "./listener-door.ts";
import type { TunnelDoor } from "./tunnel-door.ts";

/** SOCKS5 has one octet for a reason; the whole of it is on record. */
const SOCKS_DOOR: TunnelDoor = {
  name: "socks",
  startsTls: false,
  open: (agent) => void agent.write(socksReply(SOCKS_REPLY.succeeded)),
  refuse: (agent, exchange, refused) => saying(socksReply(socksReplyOf(refused.reason)))(agent, exchange, refused),
};

function saying(lastWord: Uint8Array | undefined): Tell {
  return (agent, exchange, refused) => {
    exchange.refused(refused.reason, refused.policy, refused.rule, refused.detail);
    agent.finish(lastWord);
  };
}

/**
 * SOCKS5 (RFC 1928), CONNECT only and without authentication: a credential that nobody checks is not asked for, so that
 * no agent sends one. What the client sends behind its request is the tunnel's.
 */
export async function serveSocks(agent: AgentSocket, walk: Walk): Promise<void> {
  const deadline = performance.now() + walk.timing.headMillis;
  const refuse = (detail: string, lastWord: Uint8Array | undefined): void =>
    walk.refuseUnread(agent, "socks", { reason: "malformed_request", detail }, saying(lastWord));

  const greeting = await readOpening(agent, walk.timing.headMillis, readSocksGreeting);
  if (greeting.state !== "seen") return refuse(unseen(greeting), undefined);
  const offer = greeting.seen;
  if (offer.state === "malformed") return refuse(offer.problem, NO_ACCEPTABLE_METHOD);
  if (!offer.open) return refuse("The client insists on authentication, and there is none here.", NO_ACCEPTABLE_METHOD);
  agent.unread(greeting.octets.subarray(offer.end));
  agent.write(WITHOUT_AUTHENTICATION);

  const asking = await readOpening(agent, deadline - performance.now(), readSocksRequest);
  if (asking.state !== "seen") return refuse(unseen(asking), socksReply(SOCKS_REPLY.failure));
  const asked = asking.seen;
  if (asked.state === "malformed") return refuse(asked.problem, socksReply(asked.reply));
  agent.unread(asking.octets.subarray(asked.end));
  await walk.tunnel(agent, SOCKS_DOOR, asked.authority);
}

/** SOCKS4 has no names that all its clients send, and no IPv6: its clients go, and why is on record. */
export function refuseSocks4(agent: AgentSocket, walk: Walk): void {
  const detail = "SOCKS4 is not spoken here; SOCKS5 is.";
  walk.refuseUnread(agent, "socks", { reason: "malformed_request", detail }, saying(undefined));
}

function unseen(opening: Exclude<Opening<unknown>, { readonly state: "seen" }>): string {
  return opening.state === "timeout" ? "The SOCKS request did not end in time." : "The SOCKS request is cut short.";
}
