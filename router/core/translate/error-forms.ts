import type { Json } from "../json/json.ts";
import { asObject, type JsonObject, textOf } from "./json-object.ts";
import type { TranslatedError } from "./translation.ts";

interface ErrorForm {
  /** `error.type` and status of Anthropic. */
  readonly anthropic: string;
  readonly anthropicStatus: number;
  /** `error.type`, `error.code` and status of OpenAI. */
  readonly openai: string;
  readonly code: string | null;
  readonly openaiStatus: number;
}

const form = (
  anthropic: string,
  anthropicStatus: number,
  openai: string,
  code: string | null,
  openaiStatus: number,
): ErrorForm => ({ anthropic, anthropicStatus, openai, code, openaiStatus });

const INVALID = form("invalid_request_error", 400, "invalid_request_error", null, 400);
const CONTEXT = form("invalid_request_error", 400, "invalid_request_error", "context_length_exceeded", 400);
const UNAUTHENTICATED = form("authentication_error", 401, "invalid_request_error", "invalid_api_key", 401);
const MONEY = form("billing_error", 402, "insufficient_quota", "insufficient_quota", 429);
const FORBIDDEN = form("permission_error", 403, "invalid_request_error", "permission_denied", 403);
const NOT_FOUND = form("not_found_error", 404, "invalid_request_error", "model_not_found", 404);
const CONFLICT = form("conflict_error", 409, "invalid_request_error", "conflict", 409);
const TOO_LARGE = form("request_too_large", 413, "invalid_request_error", "request_too_large", 413);
const RATE = form("rate_limit_error", 429, "requests", "rate_limit_exceeded", 429);
const FAULT = form("api_error", 500, "server_error", null, 500);
const TIMEOUT = form("timeout_error", 504, "server_error", "timeout", 504);
const OVERLOADED = form("overloaded_error", 529, "server_error", "server_is_overloaded", 503);

/** `error.type` of Anthropic (ai-gateways.md section 4.2). */
const BY_ANTHROPIC_TYPE: ReadonlyMap<string, ErrorForm> = new Map(
  [INVALID, UNAUTHENTICATED, MONEY, FORBIDDEN, NOT_FOUND, CONFLICT, TOO_LARGE, RATE, FAULT, TIMEOUT, OVERLOADED].map(
    (one) => [one.anthropic, one],
  ),
);

/** `error.code` or `error.type` of OpenAI, Azure and what is compatible with them. */
const BY_OPENAI_NAME: ReadonlyMap<string, ErrorForm> = new Map([
  ["context_length_exceeded", CONTEXT],
  ["content_filter", INVALID],
  ["invalid_api_key", UNAUTHENTICATED],
  ["insufficient_quota", MONEY],
  ["credit_balance_exhausted", MONEY],
  ["organization_spend_limit_exceeded", MONEY],
  ["project_spend_limit_exceeded", MONEY],
  ["organization_usage_limit_exceeded", MONEY],
  ["billing_hard_limit_reached", MONEY],
  ["model_not_found", NOT_FOUND],
  ["DeploymentNotFound", NOT_FOUND],
  ["rate_limit_exceeded", RATE],
  ["tokens", RATE],
  ["requests", RATE],
  ["server_is_overloaded", OVERLOADED],
  ["slow_down", OVERLOADED],
  ["timeout", TIMEOUT],
]);

/** The less exact names, after the status was asked. */
const BY_OPENAI_TYPE: ReadonlyMap<string, ErrorForm> = new Map([
  ["invalid_request_error", INVALID],
  ["BadRequestError", INVALID],
  ["server_error", FAULT],
]);

const BY_STATUS: ReadonlyMap<number, ErrorForm> = new Map([
  [401, UNAUTHENTICATED],
  [402, MONEY],
  [403, FORBIDDEN],
  [404, NOT_FOUND],
  [408, TIMEOUT],
  [409, CONFLICT],
  [413, TOO_LARGE],
  [429, RATE],
  [503, OVERLOADED],
  [504, TIMEOUT],
  [529, OVERLOADED],
]);

function formOfStatus(status: number): ErrorForm {
  return BY_STATUS.get(status) ?? (status >= 400 && status < 500 ? INVALID : FAULT);
}

const MAXIMUM_MESSAGE = 4096;

function messageOf(body: Json | undefined, found: ErrorForm): string {
  const outer = asObject(body);
  const inner = outer?.["error"];
  const message = textOf(asObject(inner)?.["message"]) ?? textOf(inner) ?? textOf(outer?.["message"]);
  return message?.slice(0, MAXIMUM_MESSAGE).toWellFormed() ?? `The model provider answered with ${found.anthropic}.`;
}

/** What Anthropic says of a prompt that does not fit has no name of its own. */
const TOO_LONG = "prompt is too long";

/** `status` is undefined in a stream. */
function anthropicErrorForm(body: Json | undefined, status: number | undefined): ErrorForm {
  const type = textOf(asObject(asObject(body)?.["error"])?.["type"]);
  const found = (type === undefined ? undefined : BY_ANTHROPIC_TYPE.get(type)) ?? formOfStatus(status ?? 500);
  return found === INVALID && messageOf(body, found).includes(TOO_LONG) ? CONTEXT : found;
}

/** `status` is undefined in a stream, where some origins write it as the error's code. */
function openaiErrorForm(body: Json | undefined, status: number | undefined): ErrorForm {
  const outer = asObject(body);
  const error = asObject(outer?.["error"]) ?? outer;
  const code = error?.["code"];
  const names = [textOf(code), textOf(error?.["type"])].filter((name) => name !== undefined);
  for (const name of names) {
    const found = BY_OPENAI_NAME.get(name);
    if (found !== undefined) return found;
  }
  const told = status ?? (typeof code === "number" || typeof code === "string" ? Number(code) : Number.NaN);
  if (told >= 400 && told < 600) return formOfStatus(told);
  for (const name of names) {
    const found = BY_OPENAI_TYPE.get(name);
    if (found !== undefined) return found;
  }
  return FAULT;
}

/** `{"error":{"message","type","param","code"}}` of what Anthropic answered or sent as `event: error`. */
export function openaiError(body: Json | undefined, status: number | undefined): TranslatedError {
  const found = anthropicErrorForm(body, status);
  const error: JsonObject = {
    message: messageOf(body, found),
    type: found.openai,
    param: null,
    code: found.code,
  };
  return { status: found.openaiStatus, body: { error } };
}

/**
 * `{"type":"error","error":{"type","message"},"request_id"}` of what an OpenAI-compatible origin answered or sent in a
 * stream. A prompt that does not fit is told in the words by which Anthropic's callers know it.
 */
export function anthropicError(body: Json | undefined, status: number | undefined): TranslatedError {
  const found = openaiErrorForm(body, status);
  const message = messageOf(body, found);
  const error: JsonObject = {
    type: found.anthropic,
    message: found === CONTEXT && !message.includes(TOO_LONG) ? `${TOO_LONG}: ${message}` : message,
  };
  return { status: found.anthropicStatus, body: { type: "error", error, request_id: null } };
}
