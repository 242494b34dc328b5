import type { Api } from "./api.ts";

export interface MeterOptions {
  readonly api: Api;
  /** The answer is a stream: SSE, NDJSON or AWS event stream, as the API has it. Of no account where it has none. */
  readonly streaming: boolean;
  /** chat, completions: the client did not ask for usage, so the extra chunk (choices: [] with usage) is taken out of the stream. */
  readonly dropUsageFrame: boolean;
  /** Streams are handed on at the ends of frames only, so that they can be cut there. `dropUsageFrame` implies it. */
  readonly wholeFrames: boolean;
}
