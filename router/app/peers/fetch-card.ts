import { millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { CardProblem } from "../../core/peer/card-problem.ts";
import { cardPermit, type PeerPolicy } from "../../core/peer/peer-permit.ts";
import type { Peer } from "../../core/peer/trust.ts";
import type { ModelRequest } from "../../edge/upstream/model-call.ts";
import { createModelClient } from "../../edge/upstream/model-client.ts";
import { admitEndpoint, type ConnectionRooms } from "../inference/provider-routes.ts";
import { wholeAnswer } from "../inference/whole-answer.ts";
import { MOST_CARD_OCTETS } from "./verify-card.ts";

const CONNECT = millis(5_000);
const TIMEOUTS = { firstByte: millis(5_000), idle: millis(5_000), total: millis(10_000) };

/**
 * One GET for a peer's card, over TLS and a connection of its own, admitted as any other that leaves the pod. No redirect
 * is followed.
 */
export async function fetchCard(
  rooms: ConnectionRooms,
  policy: PeerPolicy,
  peer: Peer,
  signal: AbortSignal,
): Promise<Result<Uint8Array, CardProblem>> {
  const { card } = peer;
  if (card === undefined) return fail("not_fetched");
  const { host, port } = card.endpoint;
  const client = createModelClient({
    scheme: "https",
    host,
    port,
    tls: { ca: undefined, serverName: undefined },
    open: (given) => admitEndpoint(rooms, host, given, () => cardPermit(policy, peer, rooms.egress(), rooms.time())),
    clock: rooms.clock,
    timeout: CONNECT,
    connections: 1,
  });
  try {
    const request: ModelRequest = {
      method: "GET",
      path: card.path,
      headers: ["accept", "application/json", "user-agent", "sluice"],
      body: [],
      length: 0,
    };
    const answer = await wholeAnswer(client, request, TIMEOUTS, MOST_CARD_OCTETS, signal);
    // Cut at its most octets, or no HTTP at all.
    if (!answer.ok) return fail(answer.problem === "upstream_invalid" ? "malformed" : "unreachable");
    const { status, body } = answer.value;
    if (status === 200) return ok(Buffer.from(body));
    return fail(status >= 500 ? "unreachable" : "bad_status");
  } finally {
    client.destroy();
  }
}
