/**
 * Fetches through the Sluice router of this pod. One file, no dependency: copy it, or import it; Node 20+, Deno, Bun. It
 * never throws: what was not fetched says why.
 */

export interface FetchOptions {
  /** GET where nothing is said. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** So many are followed at most; 0, and an answer that redirects is the answer. */
  readonly redirects?: number;
  /** Milliseconds, for the whole. */
  readonly timeoutMs?: number;
  /** Of the answer's content; of a longer one nothing comes. */
  readonly answerBytes?: number;
}

/** The origin's own answer, whole, whatever its status. */
export interface Fetched {
  readonly fetched: true;
  readonly status: number;
  /** Of the last request. */
  readonly url: string;
  /** Names in lower case, in the order sent. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  readonly redirects: readonly { readonly status: number; readonly url: string; readonly requestId: string }[];
}

export interface NotFetched {
  readonly fetched: false;
  /** The router's word, or one that begins with `client/`. */
  readonly reason: string;
  readonly message: string | null;
  readonly rule: string | null;
  /** As the audit log has it; null: the router said nothing that counts. */
  readonly requestId: string | null;
  /** What to do about it. */
  readonly howToRequest: string | null;
}

export interface RouterOptions {
  /** Of the agent API. */
  readonly url?: string;
  /** Milliseconds until the router itself counts as not answering. */
  readonly timeout?: number;
}

/** `fetch` by way of the router. Never rejects. */
export async function sluiceFetch(
  url: string,
  { body, ...options }: FetchOptions = {},
  { url: router = "http://127.0.0.1:18084", timeout = 60_000 }: RouterOptions = {},
): Promise<Fetched | NotFetched> {
  let question: string;
  try {
    const content = body === undefined ? {} : typeof body === "string" ? { body } : { bodyBase64: base64Of(body) };
    question = JSON.stringify({ url, ...options, ...content });
  } catch {
    return notFetched("client/bad_question");
  }
  try {
    const response = await fetch(`${router.replace(/\/+$/, "")}/egress/v1/fetch`, {
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json" },
      // Whoever is asked must answer itself.
      redirect: "error",
      signal: AbortSignal.timeout(timeout),
      body: question,
    });
    return told(JSON.parse(await response.text()) as unknown, response.status);
  } catch (error) {
    if (error instanceof SyntaxError) return notFetched("client/bad_answer");
    const isLate = error instanceof Error && error.name === "TimeoutError";
    return notFetched(isLate ? "client/timeout" : "client/unreachable");
  }
}

/** Of an answer only a whole one counts. */
function told(value: unknown, status: number): Fetched | NotFetched {
  if (!isObject(value)) return notFetched("client/bad_answer");
  if (isObject(value["error"])) return refused(value["error"]);
  const { status: origin, url, headers, body, bodyBase64, truncated, redirects } = value;
  const content =
    typeof body === "string"
      ? new TextEncoder().encode(body)
      : typeof bodyBase64 === "string"
        ? octets(bodyBase64)
        : undefined;
  if (status !== 200 || typeof origin !== "number" || typeof url !== "string" || content === undefined) {
    return notFetched("client/bad_answer");
  }
  if (truncated !== false || !isList(headers, isField) || !isList(redirects, isRedirect)) {
    return notFetched("client/bad_answer");
  }
  return { fetched: true, status: origin, url, headers, body: content, redirects };
}

function refused({
  code,
  message,
  rule,
  request_id: id,
  how_to_request: how,
}: Readonly<Record<string, unknown>>): NotFetched {
  return {
    fetched: false,
    reason: typeof code === "string" ? code : "client/bad_answer",
    message: textOrNull(message),
    rule: textOrNull(rule),
    requestId: textOrNull(id),
    howToRequest: textOrNull(how),
  };
}

function notFetched(reason: string): NotFetched {
  return { fetched: false, reason, message: null, rule: null, requestId: null, howToRequest: null };
}

function base64Of(body: Uint8Array): string {
  let text = "";
  for (let at = 0; at < body.length; at += 8_192) text += String.fromCharCode(...body.subarray(at, at + 8_192));
  return btoa(text);
}

function octets(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function isList<Item>(value: unknown, is: (item: unknown) => item is Item): value is readonly Item[] {
  return Array.isArray(value) && value.every((item) => is(item));
}

function isField(value: unknown): value is readonly [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((item) => typeof item === "string");
}

function isRedirect(value: unknown): value is Fetched["redirects"][number] {
  if (!isObject(value)) return false;
  const { status, url, requestId } = value;
  return typeof status === "number" && typeof url === "string" && typeof requestId === "string";
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
