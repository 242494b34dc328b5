import { HeldOctets } from "../../core/base/held-octets.ts";
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
  const octets = new HeldOctets();
  let status = 0;
  let isTooLong = false;
  const sink: ModelSink = {
    head(given) {
      status = given;
    },
    data(chunk) {
      isTooLong ||= octets.length + chunk.length > most;
      if (isTooLong) call.abort();
      else octets.push(chunk);
      return true;
    },
    end(end) {
      signal.removeEventListener("abort", abort);
      if (end.cause === "completed") resolve(ok({ status, body: Buffer.concat(octets.take()).toString("utf8") }));
      else resolve(fail(isTooLong ? "upstream_invalid" : end.cause));
    },
  };
  const call = client.send(request, sink, timeouts);
  const abort = (): void => call.abort();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  return promise;
}
