import { fail, ok, type Result } from "../../core/base/result.ts";
import type { ModelFailureCause, ModelRequest, ModelSink, ModelTimeouts } from "../../edge/upstream/model-call.ts";
import type { ModelClient } from "../../edge/upstream/model-client.ts";

export interface WholeAnswer {
  readonly status: number;
  readonly body: string;
}

/** One request whose answer is read whole, at most `most` octets of it: to a token endpoint, or for a moderation. */
export function wholeAnswer(
  client: ModelClient,
  request: ModelRequest,
  timeouts: ModelTimeouts,
  most: number,
  signal: AbortSignal,
): Promise<Result<WholeAnswer, ModelFailureCause>> {
  const { promise, resolve } = Promise.withResolvers<Result<WholeAnswer, ModelFailureCause>>();
  const parts: Buffer[] = [];
  let status = 0;
  let length = 0;
  const sink: ModelSink = {
    head(given) {
      status = given;
    },
    data(chunk) {
      length += chunk.length;
      if (length <= most) parts.push(chunk);
      else call.abort();
      return true;
    },
    end(end) {
      signal.removeEventListener("abort", abort);
      if (end.cause === "completed") resolve(ok({ status, body: Buffer.concat(parts).toString("utf8") }));
      else resolve(fail(length > most ? "upstream_invalid" : end.cause));
    },
  };
  const call = client.send(request, sink, timeouts);
  const abort = (): void => call.abort();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  return promise;
}
