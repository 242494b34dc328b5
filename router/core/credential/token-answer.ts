import { type EpochMillis, type Millis, millis } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { parseUtcTime } from "./utc-time.ts";

/** A request to whoever issues tokens; who that is, the caller knows. */
export interface TokenHttpRequest {
  readonly method: "GET" | "POST";
  /** Begins with "/", escaped. */
  readonly path: string;
  /** Without "?"; may be empty. */
  readonly query: string;
  /** Names in lower case. `host` and `content-length` are the sender's. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Empty for none. It holds a secret. */
  readonly body: string;
}

export interface TokenHttpAnswer {
  readonly status: number;
  /** As UTF-8. The endpoint chose it. */
  readonly body: string;
}

/** A token that a provider takes as `authorization: Bearer`. */
export interface IssuedToken {
  readonly token: string;
  /** From the moment the request was sent; more than nothing, a day at most. */
  readonly life: Millis;
}

/** UTF-16 units of an answer that is read at all. */
export const MAXIMUM_TOKEN_ANSWER = 65_536;
/** A token that is said to live longer is renewed after a day all the same. */
export const MAXIMUM_TOKEN_LIFE = millis(86_400_000);

/** RFC 6750 section 2.1, `b64token`; the length is what common servers take as a header. */
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]{8,16384}={0,8}$/;

/** A token that can stand in a header and in a body of `application/x-www-form-urlencoded` or JSON. */
export function isBearerToken(text: string): boolean {
  return BEARER_TOKEN.test(text);
}

/** RFC 6749 section 5.2, RFC 8693 section 2.2.2, and what Entra ID and Google add to them. */
const ERROR_CODES = new Set(
  (
    "access_denied interaction_required invalid_client invalid_grant invalid_request invalid_resource invalid_scope " +
    "invalid_target server_error temporarily_unavailable unauthorized_client unsupported_grant_type"
  ).split(" "),
);

/** The fields of an answer with status 200. The problem repeats nothing of it but a known code. */
export function readJsonAnswer(answer: TokenHttpAnswer): Result<Readonly<Record<string, unknown>>, string> {
  if (answer.body.length > MAXIMUM_TOKEN_ANSWER) return fail("The answer is too large.");
  const fields = parseObject(answer.body);
  if (answer.status !== 200) return fail(`Status ${answer.status}${codeOf(fields)}.`);
  if (fields === undefined) return fail("The answer is no JSON object.");
  // Some answer 200 and mean otherwise.
  if (fields["error"] !== undefined) return fail(`Status 200 with an error${codeOf(fields)}.`);
  return ok(fields);
}

/** RFC 6749 section 5.1: `access_token`, `token_type` Bearer, and `expires_in`, without which nothing is taken. */
export function readTokenAnswer(answer: TokenHttpAnswer): Result<IssuedToken, string> {
  const fields = readJsonAnswer(answer);
  if (!fields.ok) return fields;
  const { access_token: token, token_type: type, expires_in: expiresIn } = fields.value;
  if (typeof token !== "string" || !isBearerToken(token)) return fail("The answer holds no usable token.");
  if (typeof type !== "string" || type.toLowerCase() !== "bearer") return fail("The token is of an unknown type.");
  const life = lifeOf(expiresIn);
  return life === undefined ? fail("The answer does not say how long the token lives.") : ok({ token, life });
}

/** What is left until an instant of ISO 8601, in UTC; undefined where the text is none or the instant has passed. */
export function lifeUntil(instant: unknown, now: EpochMillis): Millis | undefined {
  const end = typeof instant === "string" ? parseUtcTime(instant) : undefined;
  const left = end === undefined ? 0 : end - now;
  return left > 0 ? millis(Math.min(left, MAXIMUM_TOKEN_LIFE)) : undefined;
}

/** Whole seconds, more than none; the instance metadata service writes them as a text. */
function lifeOf(seconds: unknown): Millis | undefined {
  const value = typeof seconds === "string" && /^[0-9]{1,9}$/.test(seconds) ? Number(seconds) : seconds;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value <= 0) return undefined;
  return millis(Math.min(value * 1_000, MAXIMUM_TOKEN_LIFE));
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

/** A code of a closed list and the number of an Entra error: neither can carry what was sent. */
function codeOf(fields: Readonly<Record<string, unknown>> | undefined): string {
  if (fields === undefined) return "";
  const { error, error_codes: numbers } = fields;
  const code = typeof error === "string" && ERROR_CODES.has(error) ? `, ${error}` : "";
  const first: unknown = Array.isArray(numbers) ? numbers[0] : undefined;
  const known = typeof first === "number" && Number.isInteger(first) && first > 0 && first < 10_000_000;
  return known ? `${code} (AADSTS${first})` : code;
}
