import { assertNever } from "../base/assert-never.ts";
import type { Reason } from "../base/reason.ts";
import { octetsOf } from "../json/utf8.ts";
import type { Api } from "./api.ts";
import { ERROR_TYPES } from "./error-type.ts";
import type { ResponseMeter } from "./response-meter.ts";
import { cutParts } from "./stream-cut.ts";
import { bedrockException, ndjsonLine, sseFrame } from "./stream-frame.ts";
import type { Usage } from "./usage.ts";

/** Why a stream that has begun ends without its end. */
export interface StreamError {
  readonly reason: Reason;
  /** One sentence; nothing that the agent or the model wrote. */
  readonly message: string;
  readonly request: string;
  /** The id of the rule that refused. */
  readonly rule?: string | undefined;
  /** responses: the number of the last event that the client got. */
  readonly sequence?: number | undefined;
}

/** What `google.rpc.Code` is as an HTTP status (google/rpc/code.proto). */
const GOOGLE_STATUS: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

/** Exceptions that both streams of Bedrock Runtime have; others are told as the nearest of them. */
const AWS_STREAM_EXCEPTIONS: Readonly<Record<string, string>> = {
  ThrottlingException: "throttlingException",
  InternalServerException: "internalServerException",
  ServiceUnavailableException: "serviceUnavailableException",
  ModelTimeoutException: "modelStreamErrorException",
};

/**
 * An error inside a stream, in the form at which the API's official SDK throws. It follows a whole frame, and nothing
 * follows it: no terminal, no clean end (ai-gateways.md section 4.2). Empty where the API has no stream.
 */
export function errorFrames(api: Api, error: StreamError): Uint8Array {
  const types = ERROR_TYPES[error.reason];
  const { message, reason, request, rule } = error;
  const ruled = { reason, ...(rule === undefined ? {} : { rule }) };
  const more = { ...ruled, request_id: request };
  switch (api) {
    case "chat":
    case "completions":
      return sseFrame(undefined, { error: { message, type: types.openai, param: null, code: types.code, ...more } });
    case "responses": {
      const sequence = (error.sequence ?? -1) + 1;
      const event = { type: "error", code: types.code, message, param: null, sequence_number: sequence, ...more };
      return sseFrame("error", event);
    }
    case "messages": {
      const details = { error_code: types.code, ...ruled };
      return sseFrame("error", {
        type: "error",
        error: { type: types.anthropic, message, details },
        request_id: request,
      });
    }
    case "generate_content": {
      // Google's own servers write it bare. Its SDK takes an error for one only so; in a frame it would pass unseen.
      const details = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", domain: "sluice.dev", ...more }];
      const code = GOOGLE_STATUS[types.google] ?? 500;
      return octetsOf(`${JSON.stringify({ error: { code, message, status: types.google, details } })}\n`);
    }
    case "converse":
    case "invoke":
      return bedrockException(AWS_STREAM_EXCEPTIONS[types.aws] ?? "validationException", message);
    case "ollama_chat":
    case "ollama_generate":
      return ndjsonLine({ error: message, ...more });
    case "embeddings":
    case "count_tokens":
    case "gemini_count_tokens":
    case "gemini_embed":
    case "gemini_embed_batch":
    case "ollama_embed":
      return new Uint8Array(0);
    default:
      return assertNever(api);
  }
}

/**
 * Ends a stream at its budget as its API ends one at the output limit, honestly: finish reason `length` and its like,
 * with the usage so far. To be written where `meter.stop()` is true; the stream then ends cleanly. Empty where the
 * stream's own terminal has been seen. The meter must be that of what the client is given.
 *
 * `usage`: what the call is charged for. Without it: the output that the meter knows, and no word of an input that
 * the provider has not stated.
 */
export function cutFrames(api: Api, meter: ResponseMeter, usage?: Usage): Uint8Array {
  const output = usage?.output ?? Math.max(meter.usage?.output ?? 0, meter.outputSoFar);
  const stated = meter.unstated === "input" ? undefined : meter.usage;
  const charged = usage ?? (stated === undefined ? undefined : { ...stated, output });
  return meter.complete ? new Uint8Array(0) : joined(cutParts(api, meter, output, charged));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
