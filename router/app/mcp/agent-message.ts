import { fail, ok, type Result } from "../../core/base/result.ts";
import { mirrorProblem } from "../../core/mcp/mirrored-fields.ts";
import { RPC_ERROR } from "../../core/mcp/rpc-error.ts";
import { readRpcMessage, type RpcId, type RpcMessage } from "../../core/mcp/rpc-message.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import { type RequestBody, RequestBodyError } from "../../edge/listeners/request-body.ts";
import type { HeldBodies } from "../inference/held-bodies.ts";
import type { McpRefusal } from "./mcp-refusal.ts";

/** A message of the agent's as it came. */
export interface AgentMessage extends Disposable {
  readonly message: RpcMessage;
  readonly chunks: readonly Uint8Array[];
  readonly length: number;
}

export interface MessageProblem {
  readonly refusal: McpRefusal;
  readonly id: RpcId | undefined;
}

/** Octets of a message of the agent's. */
const MOST_BODY = 4 * 1024 * 1024;
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
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body.chunks()) {
      if (held + chunk.length > MOST_BODY) {
        return refused({ id: undefined, refusal: { reason: "request_too_large", sentence: TOO_LARGE } });
      }
      if (!bodies.grow(chunk.length)) return refused({ id: undefined, refusal: { reason: "overloaded" } });
      held += chunk.length;
      chunks.push(chunk);
    }
  } catch (error) {
    release();
    if (error instanceof RequestBodyError) return malformed(error.detail, {});
    throw error;
  }
  const read = readRpcMessage(chunks);
  if (!read.ok) {
    const { kind, sentence, id } = read.problem;
    const code = kind === "parse" ? RPC_ERROR.parse : RPC_ERROR.invalidRequest;
    return refused({ id, refusal: { reason: "malformed_request", code, sentence } });
  }
  const message = read.value;
  const differs = mirrorProblem(request, message);
  if (differs !== undefined) {
    const id = message.kind === "request" ? message.id : undefined;
    return refused({ id, refusal: { reason: "malformed_request", code: RPC_ERROR.headerMismatch, sentence: differs } });
  }
  return ok({ message, chunks, length: held, [Symbol.dispose]: release });
}

const TOO_LARGE = `A message has at most ${MOST_BODY} octets.`;

function malformed(sentence: string, more: { readonly status?: number }): Result<never, MessageProblem> {
  return fail({ id: undefined, refusal: { reason: "malformed_request", sentence, ...more } });
}
