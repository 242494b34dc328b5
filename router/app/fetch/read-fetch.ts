import { type Bytes, bytes, type Millis, millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Json } from "../../core/json/json.ts";
import { type FetchUrl, parseFetchUrl } from "../../core/wire/fetch-url.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { isToken } from "../../core/wire/octet-class.ts";
import type { FetchSettings } from "./fetch-rooms.ts";
import { readFields } from "./fetch-fields.ts";

/** One request that goes to an origin. */
export interface FetchStep {
  readonly url: FetchUrl;
  /** Token without lower-case letters. */
  readonly method: string;
  readonly fields: readonly Field[];
  readonly body: Uint8Array | undefined;
}

/** What an agent asks for, and how far it may go. */
export interface FetchAsk {
  readonly first: FetchStep;
  /** Followed at most; 0: an answer that redirects is the answer. */
  readonly redirects: number;
  /** From the whole question to the whole answer. */
  readonly timeout: Millis;
  /** Of one answer's content. */
  readonly answerBytes: Bytes;
}

export interface AskProblem {
  readonly reason: Reason;
  readonly message: string;
}

const LONGEST_METHOD = 32;
/** They are not requests for something, or repeat the request with its credentials (TRACE). */
const NO_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK", "PRI"]);
const WITHOUT_BODY: ReadonlySet<string> = new Set(["GET", "HEAD"]);
const NOT_BASE64 = /[^A-Za-z0-9+/=]/;

/** The members of a fetch's body, strictly; no sentence of a problem holds the agent's own text. */
export function readFetch(members: ReadonlyMap<string, Json>, settings: FetchSettings): Result<FetchAsk, AskProblem> {
  const given = members.get("url");
  if (typeof given !== "string") return malformed("url is a text.");
  const url = parseFetchUrl(given);
  if (!url.ok) return malformed(`url is malformed. ${url.problem}`);
  const named = members.get("method");
  const method = named === undefined ? "GET" : named;
  if (typeof method !== "string" || !isMethod(method)) {
    return malformed("method is a method of HTTP in capital letters, and none of CONNECT, TRACE and TRACK.");
  }
  const fields = readFields(members.get("headers"));
  if (!fields.ok) return malformed(fields.problem);
  const body = bodyOf(members, method, settings.requestBytes);
  if (!body.ok) return body;
  const redirects = numberOf(members.get("redirects"), 0, settings.redirects);
  if (redirects === undefined) return malformed(`redirects is a whole number from 0 to ${settings.redirects}.`);
  const timeout = numberOf(members.get("timeoutMs"), 1, settings.timeout);
  if (timeout === undefined) return malformed(`timeoutMs is a whole number from 1 to ${settings.timeout}.`);
  const most = numberOf(members.get("answerBytes"), 0, settings.answerBytes);
  if (most === undefined) return malformed(`answerBytes is a whole number from 0 to ${settings.answerBytes}.`);
  return ok({
    first: { url: url.value, method, fields: fields.value, body: body.value },
    redirects,
    timeout: millis(timeout),
    answerBytes: bytes(most),
  });
}

function isMethod(method: string): boolean {
  return isToken(method) && method.length <= LONGEST_METHOD && !/[a-z]/.test(method) && !NO_METHODS.has(method);
}

function bodyOf(
  members: ReadonlyMap<string, Json>,
  method: string,
  most: Bytes,
): Result<Uint8Array | undefined, AskProblem> {
  const [text, base64] = [members.get("body"), members.get("bodyBase64")];
  if (text === undefined && base64 === undefined) return ok(undefined);
  if (text !== undefined && base64 !== undefined) return malformed("There is either body or bodyBase64.");
  if (WITHOUT_BODY.has(method)) return malformed("GET and HEAD have no body.");
  const octets = text === undefined ? fromBase64(base64) : fromText(text);
  if (octets === undefined) return malformed("body is a text, and bodyBase64 one in base64 with its padding.");
  if (octets.length > most) return fail({ reason: "request_too_large", message: `A body has ${most} octets at most.` });
  return ok(octets);
}

function fromText(text: Json): Uint8Array | undefined {
  return typeof text === "string" && text.isWellFormed() ? Buffer.from(text) : undefined;
}

/** RFC 4648 section 4: no other characters, no bits that are thrown away. */
function fromBase64(text: Json | undefined): Uint8Array | undefined {
  if (typeof text !== "string" || NOT_BASE64.test(text)) return undefined;
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}

/** Undefined: none within the bounds. What is not said is as much as may be. */
function numberOf(value: Json | undefined, least: number, most: number): number | undefined {
  if (value === undefined) return most;
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most
    ? value
    : undefined;
}

function malformed(message: string): { readonly ok: false; readonly problem: AskProblem } {
  return fail({ reason: "malformed_request", message });
}
