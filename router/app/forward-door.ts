import { type ForwardRequest, forwardRequest } from "../core/wire/forward-request.ts";
import { serveRequests } from "../edge/listeners/request-loop.ts";
import { answerRefusal } from "./answer.ts";
import { CONNECT_DOOR } from "./connect-door.ts";
import { type ListenerDoor, overTheCap, type Walk } from "./listener-door.ts";
import { PlainHttp } from "./plain-http.ts";

/** The explicit proxy: CONNECT and absolute-form HTTP. */
export function forwardDoor(walk: Walk): ListenerDoor {
  return {
    async serve(agent) {
      using plain = new PlainHttp(walk.rooms, agent);
      await serveRequests<ForwardRequest>(agent, {
        ...walk.timing,
        interpret: forwardRequest,
        refuse: (problem) => walk.refuseUnread(agent, problem, answerRefusal),
        serve: async (request) => {
          if (request.kind === "http") return plain.serve(request);
          await walk.tunnel(agent, CONNECT_DOOR, request.authority, request.trace);
          return "done";
        },
      });
    },
    turnAway: (agent) => walk.refuseUnread(agent, overTheCap(walk), answerRefusal),
  };
}
