import { fail } from "../core/base/result.ts";
import { fieldValues } from "../core/wire/fields.ts";
import { type ForwardRequest, forwardRequest } from "../core/wire/forward-request.ts";
import type { RequestHead } from "../core/wire/message-head.ts";
import { SOCKS4, SOCKS5 } from "../core/wire/socks.ts";
import { serveRequests } from "../edge/listeners/request-loop.ts";
import { HOP_FIELD, HOP_TOKEN } from "../edge/upstream/hop-token.ts";
import { answerRefusal } from "./answer.ts";
import { CONNECT_DOOR } from "./connect-door.ts";
import { type ListenerDoor, overTheCap, type Walk } from "./listener-door.ts";
import { PlainHttp, type SecureWay } from "./plain-http.ts";
import { refuseSocks4, serveSocks } from "./socks-door.ts";

/** The explicit proxy: CONNECT, absolute-form of http and https, and SOCKS5; which it is shows in the first octet. */
export function forwardDoor(walk: Walk): ListenerDoor {
  return {
    async serve(agent) {
      const begun = await agent.read(walk.timing.headMillis);
      if (typeof begun === "string") {
        agent.finish();
        return;
      }
      agent.unread(begun);
      if (begun[0] === SOCKS5) return serveSocks(agent, walk);
      if (begun[0] === SOCKS4) return refuseSocks4(agent, walk);
      using plain = new PlainHttp(walk.rooms, agent, "forward");
      using secure = new PlainHttp(walk.rooms, agent, "forward", secureWay(walk));
      await serveRequests<ForwardRequest>(agent, {
        ...walk.timing,
        interpret: (head) => (cameBack(head) ? fail(CAME_BACK) : forwardRequest(head)),
        refuse: (problem) => walk.refuseUnread(agent, "forward", problem, answerRefusal),
        serve: async (request) => {
          if (request.kind === "http") return plain.serve(request);
          if (request.kind === "https") return secure.serve(request);
          await walk.tunnel(agent, CONNECT_DOOR, request.authority, request.trace);
          return "done";
        },
      });
    },
    turnAway: (agent) => walk.refuseUnread(agent, "forward", overTheCap(walk), answerRefusal),
  };
}

/** As the fetch tool asks: TLS is done here, and the certificate has to be for the host that was judged. */
function secureWay({ rooms: { upstream, inspection } }: Walk): SecureWay {
  return {
    dial: (permit, signal) => upstream.dialSecure(permit, signal, ["http/1.1"]),
    inject: async (permit) => (await inspection?.inject(permit)) ?? fail("This router injects nothing."),
  };
}

const CAME_BACK = {
  reason: "address_not_allowed",
  detail: "This router sent the request to a parent proxy, which leads back to this router.",
} as const;

/** A parent that leads here would have one request go round until no connection is left. */
function cameBack(head: RequestHead): boolean {
  return fieldValues(head, HOP_FIELD.toLowerCase()).includes(HOP_TOKEN);
}
