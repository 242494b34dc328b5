import { answerRefusal, establishedResponse } from "./answer.ts";
import type { TunnelDoor } from "./tunnel-door.ts";

/** CONNECT (RFC 9110 section 9.3.6): told in HTTP until it is open. */
export const CONNECT_DOOR: TunnelDoor = {
  name: "connect",
  startsTls: false,
  open: (agent, exchange) => void agent.write(establishedResponse(exchange.start.request)),
  refuse: (agent, exchange, refused) => answerRefusal(agent, exchange, refused),
};
