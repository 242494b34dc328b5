import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { refusalAlert, refusalResponse } from "../edge/listeners/refusal.ts";
import type { Refused } from "./refused.ts";
import type { Exchange } from "./exchange.ts";
import { howToAsk } from "./governance/how-to-ask.ts";

/** What a CONNECT that was permitted and dialled is told. */
export function establishedResponse(request: string): string {
  return `HTTP/1.1 200 Connection established\r\nSluice-Request-Id: ${request}\r\n\r\n`;
}

/** Settles the exchange as refused and tells the agent, in HTTP; `keepAlive` leaves the connection to its next request. */
export function answerRefusal(
  agent: AgentSocket,
  exchange: Exchange,
  refused: Refused,
  keepAlive = false,
  withBody = true,
): void {
  exchange.refused(refused.reason, refused.policy, refused.rule, refused.detail);
  const how = refused.askable === true && exchange.request !== undefined ? howToAsk(exchange.request) : undefined;
  const refusal = { ...refused, request: exchange.start.request, ...(how === undefined ? {} : { howToRequest: how }) };
  const text = refusalResponse(refusal, keepAlive, withBody);
  if (keepAlive) agent.write(text);
  else agent.finish(text);
}

/** Settles the exchange as refused where HTTP is not, or no more, spoken: TLS is told in TLS, anything else by closing. */
export function alertRefusal(agent: AgentSocket, exchange: Exchange, refused: Refused): void {
  exchange.refused(refused.reason, refused.policy, refused.rule, refused.detail);
  agent.finish(refusalAlert(refused.reason));
}
