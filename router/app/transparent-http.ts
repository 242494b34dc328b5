import { type HttpForwardRequest, transparentRequest } from "../core/wire/forward-request.ts";
import { serveRequests } from "../edge/listeners/request-loop.ts";
import { answerRefusal } from "./answer.ts";
import { type ListenerDoor, overTheCap, type Walk } from "./listener-door.ts";
import { PlainHttp } from "./plain-http.ts";

/**
 * Redirected port 80. Where the agent wanted to connect to is never looked at: the Host field of each request is judged,
 * and the name in it resolved here.
 */
export function transparentHttpDoor(walk: Walk): ListenerDoor {
  return {
    async serve(agent) {
      using plain = new PlainHttp(walk.rooms, agent, "http");
      await serveRequests<HttpForwardRequest>(agent, {
        ...walk.timing,
        interpret: transparentRequest,
        refuse: (problem) => walk.refuseUnread(agent, "http", problem, answerRefusal),
        serve: (request) => plain.serve(request),
      });
    },
    turnAway: (agent) => walk.refuseUnread(agent, "http", overTheCap(walk), answerRefusal),
  };
}
