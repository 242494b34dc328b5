import { assertNever } from "../../core/base/assert-never.ts";
import { HeldOctets } from "../../core/base/held-octets.ts";
import { type Bytes, bytes, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import { judgedValues } from "../../core/wire/fields.ts";
import { hostFieldOf } from "../../core/wire/fetch-url.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { TraceContext } from "../../core/wire/traceparent.ts";
import type { Link } from "../../edge/upstream/dial.ts";
import type { ExchangeEnd } from "../../edge/upstream/exchange.ts";
import { originConnection } from "../../edge/upstream/origin-connection.ts";
import type { ResponseHead } from "../../edge/upstream/response-head.ts";
import { clear, judge, lostMeanwhile, refusalOf } from "../admission.ts";
import { Exchange } from "../exchange.ts";
import type { Share } from "../governance/budget.ts";
import type { ContentGate, InjectedFields } from "../inspection/injected-fields.ts";
import { unsearchable } from "../inspection/searchable.ts";
import type { Refused } from "../refused.ts";
import type { FetchRooms } from "./fetch-rooms.ts";
import type { FetchStep } from "./read-fetch.ts";

/** A whole answer. */
export interface HopAnswer {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly content: readonly Uint8Array[];
}

/** The exchange is settled, however it ended. */
export type HopEnd = { readonly exchange: Exchange } & (
  | { readonly kind: "answered"; readonly answer: HopAnswer }
  | { readonly kind: "refused"; readonly refused: Refused }
  /** The agent is gone. */
  | { readonly kind: "left" }
);

export interface HopOptions {
  readonly answerBytes: Bytes;
  /** Where what is held of the answer counts. */
  readonly share: Share;
  readonly trace: TraceContext | undefined;
  /** Whoever may end the exchange from outside gets it before anything happens. */
  began(exchange: Exchange): void;
}

const HTTP_1 = ["http/1.1"] as const;

type Outcome = Result<HopAnswer, Refused | "left">;

/** One request of a fetch, an exchange of its own: judged, cleared, dialled and sent as any other. */
export async function fetchHop(rooms: FetchRooms, step: FetchStep, options: HopOptions): Promise<HopEnd> {
  const { url, method, fields } = step;
  const { host, port } = url.authority;
  const asked = {
    via: "http",
    secure: url.scheme === "https",
    host,
    port,
    method,
    path: url.path,
    header: (name: string) => judgedValues({ fields }, name),
  } as const;
  const id = rooms.nextRequestId();
  const exchange = new Exchange(id, `http.${method}`, asked, rooms.clock, rooms.settle, "fetch", options.trace);
  rooms.registry.add(exchange);
  try {
    options.began(exchange);
    const judged = judge(rooms.admission, exchange, asked);
    const outcome = judged.ok ? await admitted(rooms, exchange, step, judged.value, options) : judged;
    if (outcome.ok) return { exchange, kind: "answered", answer: outcome.value };
    if (outcome.problem === "left") return { exchange, kind: "left" };
    const { reason, policy, rule, detail } = outcome.problem;
    exchange.refused(reason, policy, rule, detail);
    return { exchange, kind: "refused", refused: outcome.problem };
  } finally {
    // Without effect on what is settled: what is not is a bug of ours, and on record all the same.
    exchange.aborted("internal");
    rooms.registry.remove(exchange);
  }
}

async function admitted(
  rooms: FetchRooms,
  exchange: Exchange,
  step: FetchStep,
  permit: NamePermit,
  options: HopOptions,
): Promise<Outcome> {
  const length = step.body?.length ?? 0;
  if (permit.bodyBytes !== undefined && length > permit.bodyBytes) return refusalOf(permit, "request_too_large");
  const injected = await injectedBy(rooms, step, permit);
  if (!injected.ok) return injected;
  const cleared = await clear(rooms.admission, exchange, permit);
  if (!cleared.ok) return cleared;
  // The certificate has to be for the host that was judged.
  const dialled =
    step.url.scheme === "https"
      ? await rooms.upstream.dialSecure(cleared.value, exchange.signal, HTTP_1)
      : await rooms.upstream.dialPlain(cleared.value, exchange.signal);
  if (!dialled.ok) {
    const { reason, detail } = dialled.problem;
    return refusalOf(permit, exchange.cutReason ?? reason, detail);
  }
  const link = dialled.value;
  exchange.address = link.address;
  exchange.connect = millis(link.connectMillis);
  const lost = lostMeanwhile(rooms.admission, exchange);
  if (lost !== undefined) {
    link.socket.destroy();
    return refusalOf(permit, lost);
  }
  return sent(rooms, exchange, step, permit, link, injected.value, options);
}

/** What the rule writes into the request; undefined: nothing. In clear no secret goes out, whatever a permit says. */
async function injectedBy(
  rooms: FetchRooms,
  step: FetchStep,
  permit: NamePermit,
): Promise<Result<InjectedFields | undefined, Refused>> {
  if (permit.inject.length === 0) return ok(undefined);
  if (step.url.scheme === "http") return refusalOf(permit, "internal");
  const injected = await rooms.inject(permit);
  return injected.ok ? injected : refusalOf(permit, "upstream_unreachable", injected.problem);
}

async function sent(
  rooms: FetchRooms,
  exchange: Exchange,
  step: FetchStep,
  permit: NamePermit,
  link: Link,
  injected: InjectedFields | undefined,
  { answerBytes, share }: HopOptions,
): Promise<Outcome> {
  const { url, method, body } = step;
  const { limits } = permit;
  const content = new HeldOctets();
  const keep = (chunk: Uint8Array): void => {
    if (share.grow(chunk.length)) content.push(chunk);
    else exchange.cut("overloaded");
  };
  const gate = injected?.gate(keep) ?? open(keep);
  let head: ResponseHead | undefined;
  const connection = originConnection(link);
  try {
    const end = await connection.exchange(
      {
        method,
        target: `${url.path}${url.query}`,
        host: hostFieldOf(url),
        fields: injected?.request(step.fields) ?? step.fields,
        framing: body === undefined ? { kind: "none" } : { kind: "length", length: body.length },
        body: inOnePiece(body),
        expectContinue: false,
        upgrade: undefined,
      },
      {
        proceed: () => undefined,
        head: (given) => {
          head = injected === undefined ? given : { ...given, fields: injected.answer(given.fields) };
          exchange.status = given.status;
          if (given.hasBody && (given.length ?? 0) > answerBytes) exchange.cut("byte_limit");
        },
        data: (chunk) => {
          if (!gate.push(chunk)) exchange.cut("upstream_invalid");
          return undefined;
        },
      },
      {
        limits: {
          bytesOut: limits.bytesOut,
          bytesIn: bytes(Math.min(limits.bytesIn ?? answerBytes, answerBytes)),
          idle: limits.idle ?? rooms.limits.idle,
          lifetime: limits.lifetime ?? rooms.limits.lifetime,
        },
        watch: rooms.upstream.watch,
        signal: exchange.signal,
      },
    );
    exchange.bytesOut = end.bytesOut;
    exchange.bytesIn = end.bytesIn;
    const broken = problemOf(exchange, end) ?? (injected === undefined ? undefined : hiddenProblem(head));
    if (broken === undefined && head !== undefined && gate.end()) {
      exchange.completed();
      return ok({ status: head.status, fields: head.fields, content: content.take() });
    }
    const { reason, detail } = broken ?? REPEATED;
    exchange.aborted(reason, detail);
    return reason === undefined ? fail("left") : refusalOf(permit, reason, detail);
  } finally {
    connection.close();
  }
}

interface Problem {
  /** Undefined: the agent left. */
  readonly reason: Reason | undefined;
  readonly detail?: string;
}

/** Octets may have reached the origin: these are aborts. Undefined: the answer is whole. */
function problemOf(exchange: Exchange, end: ExchangeEnd): Problem | undefined {
  switch (end.cause) {
    case "completed":
      return exchange.cutReason === undefined ? undefined : cutProblem(exchange.cutReason);
    case "upgraded":
      end.origin.socket.destroy();
      return { reason: "upstream_invalid", detail: "The origin switched protocols unasked." };
    case "upstream_unreachable":
    case "upstream_invalid":
      return { reason: end.cause, detail: end.detail };
    case "request_broken":
      return { reason: "internal" };
    case "byte_limit":
    case "idle_timeout":
    case "lifetime_limit":
      return cutProblem(end.cause);
    case "aborted":
      return cutProblem(exchange.cutReason);
    default:
      return assertNever(end);
  }
}

function cutProblem(reason: Reason | undefined): Problem {
  if (reason === "byte_limit") return { reason, detail: "The request or its answer is longer than may be." };
  return reason === "upstream_invalid" ? REPEATED : { reason };
}

const REPEATED = {
  reason: "upstream_invalid",
  detail: "The answer holds what was injected into the request.",
} as const;

/** A secret could be in it, and would not be found. */
function hiddenProblem(head: ResponseHead | undefined): Problem | undefined {
  const detail = head?.hasBody === true ? unsearchable(head) : undefined;
  return detail === undefined ? undefined : { reason: "upstream_invalid", detail };
}

/** Where nothing was injected everything passes. */
function open(send: (octets: Uint8Array) => void): ContentGate {
  return {
    push(chunk) {
      send(chunk);
      return true;
    },
    end: () => true,
    close: () => undefined,
  };
}

async function* inOnePiece(body: Uint8Array | undefined): AsyncGenerator<Uint8Array, void> {
  if (body !== undefined && body.length > 0) yield body;
}
