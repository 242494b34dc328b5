import type { Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import type { JsonObject } from "./json-object.ts";
import type { Refusal } from "./refusal.ts";

export interface TranslationTarget {
  /** The provider's own name of the model. */
  readonly model: string;
  /** The most output tokens of a call: the cap where the request names none or a larger one. */
  readonly maxOutput: number;
  /**
   * False: the target refuses `temperature`, `top_p` and `top_k` (Claude Opus 4.7 and later), and they are left out.
   * Otherwise they are carried over.
   */
  readonly sampling?: boolean;
}

export interface ResponseContext {
  /** As the caller named it. */
  readonly model: string;
  /** The response's id, in the form of the caller's API. */
  readonly id: string;
  readonly createdSeconds: number;
}

export interface StreamContext extends ResponseContext {
  /** The caller asked for usage (`stream_options.include_usage`); means nothing to messages, which always tells it. */
  readonly includeUsage: boolean;
}

/** An error in the form of an API, with the status that goes with it there. */
export interface TranslatedError {
  readonly status: number;
  readonly body: JsonObject;
}

/** From one API, which the caller speaks, to another, which the target speaks, and back. Nothing here throws. */
export interface Translation {
  /** The request body for the target's API. The values of `body` may be anything. */
  request(body: JsonObject, target: TranslationTarget): Result<JsonObject, Refusal>;
  /** A whole response of the target as the caller's API writes it; the problem says in a sentence why it is none. */
  response(body: Json, context: ResponseContext): Result<JsonObject, string>;
  /** A response whose status is not 2xx; `body` is undefined where it was not JSON. */
  error(body: Json | undefined, status: number): TranslatedError;
  stream(context: StreamContext): StreamTranslation;
}

/** One stream of the target as it becomes one of the caller. */
export interface StreamTranslation {
  /**
   * Takes the event name and data of one whole frame of the target; gives the text to send, which may be "". After a
   * problem, which says in a sentence what was wrong, or an error of the target, nothing more is given.
   */
  frame(event: string | undefined, data: string): Result<string, string>;
  /** The body ended in order: what closes the stream natively if all of the answer came, otherwise "". */
  end(): string;
  /** All of the answer came and what closes it natively was given. */
  readonly complete: boolean;
  /** What the target said was wrong, in the caller's words. */
  readonly error: { readonly type: string; readonly message: string } | undefined;
}
