import type { Bytes } from "../core/base/quantity.ts";
import type { RequestFraming } from "../core/wire/request-framing.ts";
import type { RequestBody } from "../edge/listeners/request-body.ts";

/** A request's content came to be longer than its rule allows; the message is for the agent. */
export class ContentTooLong extends Error {}

/** What is wrong with a request that says beforehand how long its content is; undefined: nothing. */
export function contentProblem(framing: RequestFraming, limit: Bytes | undefined): string | undefined {
  return limit !== undefined && framing.kind === "length" && framing.length > limit ? sentence(limit) : undefined;
}

/** The content as it comes; what would take it over the limit is not given on, nor anything behind it. */
export async function* contentUpTo(limit: Bytes, body: RequestBody): AsyncGenerator<Uint8Array, void> {
  let length = 0;
  for await (const piece of body.chunks()) {
    length += piece.length;
    if (length > limit) throw new ContentTooLong(sentence(limit));
    yield piece;
  }
}

function sentence(limit: Bytes): string {
  return `The rule allows ${limit} octets of content in a request.`;
}
