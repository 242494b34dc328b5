import { HeldOctets } from "../../core/base/held-octets.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { RpcId } from "../../core/mcp/rpc-message.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import { type RequestBody, RequestBodyError } from "../../edge/listeners/request-body.ts";
import type { HeldBodies } from "../inference/held-bodies.ts";
import type { McpRefusal } from "./mcp-refusal.ts";

/** A message of the agent's as it came. */
export interface AgentMessage extends Disposable {
  readonly octets: Uint8Array;
}

export interface MessageProblem {
  readonly refusal: McpRefusal;
  readonly id: RpcId | undefined;
}

/** Octets of a message of the agent's. */
const MOST_BODY = 1024 * 1024;
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** Reads the message that a request carries, whole: a later member can change what an earlier one means. */
export async function readAgentMessage(
  request: HttpForwardRequest,
  body: RequestBody,
  bodies: HeldBodies,
): Promise<Result<AgentMessage, MessageProblem>> {
  const [type, ...types] = fieldValues(request, "content-type");
  if (type === undefined || types.length > 0 || !JSON_TYPE.test(type)) {
    return malformed("The Content-Type of a message is application/json, in UTF-8.", { status: 415 });
  }
  if (fieldValues(request, "content-encoding").length > 0) {
    return malformed("A message has no Content-Encoding.", { status: 415 });
  }
  let held = 0;
  const release = (): void => bodies.release(held);
  const refused = (problem: MessageProblem): Result<never, MessageProblem> => {
    release();
    return fail(problem);
  };
  const octets = new HeldOctets();
  try {
    for await (const chunk of body.chunks()) {
      if (octets.length + chunk.length > MOST_BODY) {
        return refused({ id: undefined, refusal: { reason: "request_too_large", sentence: TOO_LARGE } });
      }
      octets.push(chunk);
      const more = octets.size - held;
      if (!bodies.grow(more)) return refused({ id: undefined, refusal: { reason: "overloaded" } });
      held += more;
    }
  } catch (error) {
    release();
    if (error instanceof RequestBodyError) return malformed(error.detail, {});
    throw error;
  }
  const pieces = octets.take();
  const [only = NOTHING, ...others] = pieces;
  return ok({ octets: others.length === 0 ? only : Buffer.concat(pieces), [Symbol.dispose]: release });
}

const NOTHING = new Uint8Array(0);
const TOO_LARGE = `A message has at most ${MOST_BODY} octets.`;

function malformed(sentence: string, more: { readonly status?: number }): Result<never, MessageProblem> {
  return fail({ id: undefined, refusal: { reason: "malformed_request", sentence, ...more } });
}
