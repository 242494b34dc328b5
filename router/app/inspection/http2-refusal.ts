import type { Reason } from "../../core/base/reason.ts";
import { REASONS } from "../../core/base/reason.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { Http2Answer, Http2AnswerHead } from "../../edge/inspection/http2-answer.ts";
import { type Refusal, refusalResponse } from "../../edge/listeners/refusal.ts";
import type { Exchange } from "../exchange.ts";
import { howToAsk } from "../governance/how-to-ask.ts";
import type { Refused } from "../refused.ts";

/** Settles the exchange as refused, and tells the agent. */
export function refuseHttp2(answer: Http2Answer, exchange: Exchange, refused: Refused, grpc: boolean): void {
  exchange.refused(refused.reason, refused.policy, refused.rule, refused.detail);
  answerHttp2Refusal(answer, exchange, refused, grpc);
}

/** Tells the agent of a refusal, whose exchange is settled already, or is about to be. */
export function answerHttp2Refusal(answer: Http2Answer, exchange: Exchange, refused: Refused, grpc: boolean): void {
  const how = refused.askable === true && exchange.request !== undefined ? howToAsk(exchange.request) : undefined;
  const refusal = { ...refused, request: exchange.start.request, ...(how === undefined ? {} : { howToRequest: how }) };
  const said = http2Refusal(refusal, grpc);
  answer.refuse(said.head, said.content);
}

/** The refusal's own status, fields and body (one place says what they are: `refusalResponse`), as HTTP/2 says them. */
export function http2Refusal(
  refusal: Refusal,
  grpc: boolean,
): { readonly head: Http2AnswerHead; readonly content: string } {
  const text = refusalResponse(refusal, false);
  const end = text.indexOf("\r\n\r\n");
  const [line = "", ...lines] = text.slice(0, end).split("\r\n");
  const fields: Field[] = [];
  for (const each of lines) {
    const colon = each.indexOf(": ");
    const name = each.slice(0, colon).toLowerCase();
    // `Connection` is of HTTP/1.1; the answer writes the request's id itself.
    if (name === "connection" || name === "sluice-request-id") continue;
    if (grpc && name.startsWith("content-")) continue;
    fields.push({ name, rawName: name, value: each.slice(colon + 2) });
  }
  if (!grpc)
    return { head: { status: Number(line.split(" ")[1]), fields, whole: false }, content: text.slice(end + 4) };
  const sentence = REASONS[refusal.reason].sentence;
  const message = refusal.detail === undefined ? sentence : `${sentence} ${refusal.detail}`;
  const trailersOnly = [
    { name: "content-type", rawName: "content-type", value: "application/grpc" },
    { name: "grpc-status", rawName: "grpc-status", value: String(grpcStatus(refusal.reason)) },
    { name: "grpc-message", rawName: "grpc-message", value: percentEncoded(message) },
  ];
  return { head: { status: 200, fields: [...trailersOnly, ...fields], whole: true }, content: "" };
}

const INTERNAL = 13;
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;

/** gRPC's codes (grpc/doc/statuscodes.md): UNAVAILABLE is what clients ask again by themselves. */
export function grpcStatus(reason: Reason): number {
  switch (REASONS[reason].status) {
    case 400:
      return INVALID_ARGUMENT;
    case 403:
    case 421:
      return PERMISSION_DENIED;
    case 413:
    case 429:
      return RESOURCE_EXHAUSTED;
    case 502:
    case 503:
      return UNAVAILABLE;
    default:
      return INTERNAL;
  }
}

/** gRPC over HTTP/2, "Status-Message": visible ASCII and space, but the percent sign. */
function percentEncoded(text: string): string {
  return text.replace(/[^ -$&-~]/gu, (character) => encodeURIComponent(character.toWellFormed()));
}
