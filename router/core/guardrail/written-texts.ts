import { eachJsonToken, type JsonToken } from "./json-strings.ts";

export type Phase = "input" | "output";

/** Where in a body a pattern must look. */
export interface BodyTexts {
  /** All that can hold a text: in a request every name, string and number, so that nothing can be hidden beside a message. */
  readonly all: readonly JsonToken[];
  /** Of those the strings that a person or a model wrote, tool calls and results included: these may be masked. */
  readonly written: readonly JsonToken[];
  /** Values of `logprobs`, which spell the text once more. Of an answer. */
  readonly logprobs: readonly { readonly start: number; readonly end: number }[];
  /** The request holds token numbers instead of text, which nobody can read here. */
  readonly hasTokenIds: boolean;
}

/** What the APIs use to name, type and point, by member; never a message. */
const STRUCTURAL = new Set(
  (
    "model role type id object name tool_call_id tool_use_id toolUseId call_id item_id response_id previous_response_id " +
    "media_type mime_type mimeType format detail status finish_reason finishReason stop_reason stopReason done_reason " +
    "signature thoughtSignature encrypted_content data service_tier system_fingerprint obfuscation modelVersion " +
    "responseId model_version created_at createTime category probability severity effort language"
  ).split(" "),
);
/** Within objects of these names everything is the model's or the tool's own, whatever its members are called. */
const FREE = new Set(["input", "args", "arguments", "response", "result", "output", "json"]);
/** At the top they are the API's own. */
const FREE_FROM_DEPTH = 2;
/** Some 25 MB while a body of 8 MiB is judged; a prompt has some hundred, a long history some ten thousand. */
const MAXIMUM_TOKENS = 200_000;
const TOKEN_IDS = new Set(["prompt", "input", "context"]);

/** The texts of a request or an answer of any API. Undefined: it is not JSON, or holds more than anybody would say. */
export function bodyTexts(body: string, phase: Phase): BodyTexts | undefined {
  const all: JsonToken[] = [];
  const written: JsonToken[] = [];
  const logprobs: { start: number; end: number }[] = [];
  const tokenIds: JsonToken[] = [];
  let count = 0;
  let depth = 0;
  let free = Number.POSITIVE_INFINITY;
  let spelled: { readonly start: number; readonly depth: number } | undefined;
  const isJson = eachJsonToken(
    body,
    (token) => {
      count += 1;
      if (count > MAXIMUM_TOKENS) return;
      const isWritten = token.kind === "string" && (depth >= free || isWrittenMember(token.member));
      if (isWritten) written.push(token);
      if (phase === "input" || isWritten) all.push(token);
      if (token.kind === "number" && depth >= 2 && depth <= 3 && TOKEN_IDS.has(token.member)) tokenIds.push(token);
    },
    (step, at, member) => {
      if (step === "end") {
        depth -= 1;
        if (depth < free) free = Number.POSITIVE_INFINITY;
        if (depth === spelled?.depth) {
          logprobs.push({ start: spelled.start, end: at });
          spelled = undefined;
        }
        return;
      }
      if (member === "logprobs" && phase === "output") spelled ??= { start: at, depth };
      if (step === "object" && depth >= FREE_FROM_DEPTH && isFreeMember(member)) free = Math.min(free, depth + 1);
      depth += 1;
    },
  );
  return isJson && count <= MAXIMUM_TOKENS
    ? { all, written, logprobs, hasTokenIds: tokenIds.length > 0 && phase === "input" }
    : undefined;
}

export function isWrittenMember(member: string): boolean {
  return !STRUCTURAL.has(member);
}

export function isFreeMember(member: string): boolean {
  return FREE.has(member);
}
