import { setTimeout as delay } from "node:timers/promises";
import type { LookupFunction } from "node:net";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { KubeEndpoint } from "./kube-endpoint.ts";
import { kubeLink, type OutgoingRequest } from "./kube-link.ts";
import type { KubeProblem } from "./kube-problem.ts";
import { type KubeStream, streamOf } from "./kube-stream.ts";
import { kubeTarget } from "./kube-target.ts";
import { backoffDelay, statedDelay, statedWithJitter } from "./retry-delay.ts";

export type KubeMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface KubeRequest {
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: object;
  /** `application/json`, unless it says more; of a PATCH, which kind of patch it is. */
  readonly contentType?: string;
  /** Of each try, its body included. */
  readonly timeout?: Millis;
  /** Octets of the answer. */
  readonly maximumBody?: number;
  readonly signal?: AbortSignal;
  /** Whether it may be sent again; unless it says so, GET, PUT and DELETE may. */
  readonly retry?: boolean;
}

export interface KubeAnswer {
  /** 200 to 599. */
  readonly status: number;
  /** What the server asks to be waited for. */
  readonly retryAfter: Millis | undefined;
  /** JSON, or the text where it is none. The server chose it. */
  readonly body: unknown;
}

export interface KubeClientOptions {
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  readonly lookup?: LookupFunction;
  /** Of one try. */
  readonly timeout?: Millis;
  /** Of all tries. */
  readonly total?: Millis;
  readonly connections?: number;
  readonly userAgent?: string;
}

/** A client of one API server. */
export interface KubeClient {
  request(method: KubeMethod, path: string, options?: KubeRequest): Promise<Result<KubeAnswer, KubeProblem>>;
  /** A GET whose answer goes on: an answer of any other status than 200 is read and handed back as one. */
  open(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Result<KubeStream | KubeAnswer, KubeProblem>>;
  /** Cuts what is under way; what is asked for later finds it closed. */
  close(): void;
}

const TIMEOUT = millis(15_000);
const TOTAL = millis(30_000);
const MOST_BODY = 8 * 1024 * 1024;
/** Of an answer that is no stream. */
const MOST_REFUSAL = 64 * 1024;
const MOST_TRIES = 4;
const AGAIN = { first: millis(250), longest: millis(8_000) };
const IDEMPOTENT: ReadonlySet<KubeMethod> = new Set(["GET", "PUT", "DELETE"]);

/** The problem is one sentence about the endpoint, without repeating it. */
export function createKubeClient(endpoint: KubeEndpoint, options: KubeClientOptions): Result<KubeClient, string> {
  const { clock, random, lookup, timeout = TIMEOUT, total = TOTAL, connections = 8, userAgent = "sluice" } = options;
  const linked = kubeLink(endpoint, { clock, lookup, connections, userAgent });
  if (!linked.ok) return linked;
  const link = linked.value;
  const closing = new AbortController();
  const isClosed = (): boolean => closing.signal.aborted;

  async function once(request: OutgoingRequest, maximum: number): Promise<Result<KubeAnswer, KubeProblem>> {
    const began = clock.monotonic();
    const sent = await link.send(request);
    if (!sent.ok) return sent;
    const { status, retryAfter, body } = sent.value;
    const left = millis(Math.max(1, request.timeout - (clock.monotonic() - began)));
    const stream = streamOf(body, request.signal);
    const read = await stream.text(maximum, left);
    if (!read.ok) return read;
    if (status < 200) return fail({ code: "malformed", message: `The API server answered ${status}.` });
    return ok({ status, retryAfter: statedDelay(retryAfter, clock.now()), body: parsed(read.value) });
  }

  /** How long until it is worth another try; undefined: what came is the answer. */
  function waitAfter(answer: Result<KubeAnswer, KubeProblem>, method: KubeMethod, tries: number): Millis | undefined {
    const soon = backoffDelay(tries, AGAIN, random());
    if (!answer.ok) return answer.problem.code === "unreachable" ? soon : undefined;
    const { status, retryAfter } = answer.value;
    const isBusy = status === 429 || status === 503 || status === 504 || (status >= 500 && method === "GET");
    if (!isBusy) return undefined;
    return retryAfter === undefined ? soon : statedWithJitter(retryAfter, random());
  }

  return ok({
    async request(method, path, given = {}) {
      const target = kubeTarget(path, given.query);
      if (target === undefined) return fail({ code: "malformed", message: "That is no path of an API server." });
      const signal = given.signal === undefined ? closing.signal : AbortSignal.any([closing.signal, given.signal]);
      const body = given.body === undefined ? undefined : Buffer.from(JSON.stringify(given.body));
      const outgoing = {
        method,
        target,
        body,
        contentType: given.contentType,
        timeout: given.timeout ?? timeout,
        signal,
      };
      const mayRetry = given.retry ?? IDEMPOTENT.has(method);
      const deadline = clock.monotonic() + total;
      let isKnown = true;
      for (let tries = 1; ; tries += 1) {
        if (isClosed()) return fail(CLOSED);
        const answer = await once(outgoing, given.maximumBody ?? MOST_BODY);
        if (isClosed()) return fail(CLOSED);
        if (answer.ok && answer.value.status === 401 && isKnown) {
          // It was not carried out: a renewed token may be there already.
          isKnown = false;
          link.forget();
          continue;
        }
        const wait = mayRetry && tries < MOST_TRIES ? waitAfter(answer, method, tries) : undefined;
        if (wait === undefined || clock.monotonic() + wait >= deadline) return answer;
        if (!(await rested(wait, signal))) return fail(isClosed() ? CLOSED : ABORTED);
      }
    },
    async open(path, query, given) {
      const target = kubeTarget(path, query);
      if (target === undefined) return fail({ code: "malformed", message: "That is no path of an API server." });
      if (isClosed()) return fail(CLOSED);
      const signal = AbortSignal.any([closing.signal, given]);
      const outgoing = { method: "GET", target, body: undefined, contentType: undefined, timeout, signal };
      const sent = await link.send(outgoing);
      if (!sent.ok) return sent;
      const { status, retryAfter, body } = sent.value;
      const stream = streamOf(body, signal);
      if (status === 200) return ok(stream);
      if (status === 401) link.forget();
      const read = await stream.text(MOST_REFUSAL, timeout);
      // What it says besides is no matter.
      const refusal = read.ok ? parsed(read.value) : "";
      return ok({ status, retryAfter: statedDelay(retryAfter, clock.now()), body: refusal });
    },
    close() {
      closing.abort();
      link.close();
    },
  });
}

const CLOSED: KubeProblem = { code: "closed", message: "The client is closed." };
const ABORTED: KubeProblem = { code: "aborted", message: "Given up." };

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** False: it was aborted meanwhile. */
async function rested(wait: Millis, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(wait, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
