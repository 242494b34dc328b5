import { assertNever } from "../../core/base/assert-never.ts";
import { type Bytes, bytes, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Reason } from "../../core/base/reason.ts";
import { holdsSecret } from "../../core/credential/secret-forms.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import { hostFieldOf } from "../../core/wire/fetch-url.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { TraceContext } from "../../core/wire/traceparent.ts";
import type { Link } from "../../edge/upstream/dial.ts";
import type { ExchangeEnd } from "../../edge/upstream/exchange.ts";
import { originConnection } from "../../edge/upstream/origin-connection.ts";
import type { ResponseHead } from "../../edge/upstream/response-head.ts";
import { clear, judge, lostMeanwhile, refusalOf } from "../admission.ts";
import { type LeakRules, NO_LEAK_RULES } from "../credentials/known-secrets.ts";
import { Exchange } from "../exchange.ts";
import type { Share } from "../governance/budget.ts";
import type { Refused } from "../refused.ts";
import { withoutRanges } from "./fetch-fields.ts";
import type { FetchRooms } from "./fetch-rooms.ts";
import type { FetchStep } from "./read-fetch.ts";

/** A whole answer. */
export interface HopAnswer {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly content: readonly Uint8Array[];
  /** What it must not show the agent. */
  readonly leaks: LeakRules;
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
    header: (name: string) => fieldValues({ fields }, name),
  } as const;
  const id = rooms.nextRequestId();
  const exchange = new Exchange(id, `http.${method}`, asked, rooms.clock, rooms.settle, options.trace);
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
  const cleared = await clear(rooms.admission, exchange, permit);
  if (!cleared.ok) return cleared;
  const injected = await outgoing(rooms, step, permit);
  if (!injected.ok) return injected;
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

/** What goes to the origin of a rule that injects, and what must not come back. In clear nothing is injected. */
async function outgoing(
  rooms: FetchRooms,
  step: FetchStep,
  permit: NamePermit,
): Promise<Result<{ readonly fields: readonly Field[]; readonly leaks: LeakRules }, Refused>> {
  if (permit.inject.length === 0 || step.url.scheme === "http") {
    return ok({ fields: step.fields, leaks: NO_LEAK_RULES });
  }
  // A secret that is echoed in parts would be found in none of them.
  const injected = await rooms.inject(permit, withoutRanges(step.fields));
  return injected.ok ? injected : refusalOf(permit, injected.problem.reason, injected.problem.detail);
}

async function sent(
  rooms: FetchRooms,
  exchange: Exchange,
  step: FetchStep,
  permit: NamePermit,
  link: Link,
  { fields, leaks }: { readonly fields: readonly Field[]; readonly leaks: LeakRules },
  { answerBytes, share }: HopOptions,
): Promise<Outcome> {
  const { url, method, body } = step;
  const { limits } = permit;
  const content: Uint8Array[] = [];
  let head: ResponseHead | undefined;
  const connection = originConnection(link);
  try {
    const end = await connection.exchange(
      {
        method,
        target: `${url.path}${url.query}`,
        host: hostFieldOf(url),
        fields,
        framing: body === undefined ? { kind: "none" } : { kind: "length", length: body.length },
        body: inOnePiece(body),
        expectContinue: false,
        upgrade: undefined,
      },
      {
        proceed: () => undefined,
        head: (given) => {
          head = given;
          exchange.status = given.status;
          if (given.hasBody && (given.length ?? 0) > answerBytes) exchange.cut("byte_limit");
        },
        data: (chunk) => {
          if (share.grow(chunk.length)) content.push(chunk);
          else exchange.cut("overloaded");
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
    const broken = problemOf(exchange, end, head, leaks);
    if (broken === undefined && head !== undefined) {
      exchange.completed();
      return ok({ status: head.status, fields: head.fields, content, leaks });
    }
    exchange.aborted(broken?.reason, broken?.detail);
    return broken?.reason === undefined ? fail("left") : refusalOf(permit, broken.reason, broken.detail);
  } finally {
    connection.close();
  }
}

/** Octets may have reached the origin: these are aborts. Undefined: the answer is whole, and may be shown. */
function problemOf(
  exchange: Exchange,
  end: ExchangeEnd,
  head: ResponseHead | undefined,
  leaks: LeakRules,
): { readonly reason: Reason | undefined; readonly detail?: string } | undefined {
  switch (end.cause) {
    case "completed":
      return head === undefined ? { reason: "internal" } : shownProblem(head, leaks);
    case "upgraded":
      end.origin.socket.destroy();
      return { reason: "upstream_invalid", detail: "The origin switched protocols unasked." };
    case "upstream_unreachable":
    case "upstream_invalid":
      return { reason: end.cause, detail: end.detail };
    case "request_broken":
      return { reason: "internal" };
    case "byte_limit":
      return { reason: "byte_limit", detail: TOO_LONG };
    case "idle_timeout":
    case "lifetime_limit":
      return { reason: end.cause };
    case "aborted":
      return exchange.cutReason === "byte_limit"
        ? { reason: "byte_limit", detail: TOO_LONG }
        : { reason: exchange.cutReason };
    default:
      return assertNever(end);
  }
}

const TOO_LONG = "The request or its answer is longer than may be.";

/** A secret that an origin puts where a next request would carry it, or where nobody finds it. */
function shownProblem(
  head: ResponseHead,
  leaks: LeakRules,
): { readonly reason: Reason; readonly detail: string } | undefined {
  if (leaks.forms.length === 0) return undefined;
  if (fieldValues(head, "location").some((value) => holdsSecret(value, leaks.forms))) {
    return { reason: "upstream_invalid", detail: "It redirects to a place that names the credential." };
  }
  if (fieldValues(head, "content-encoding").some((value) => value.toLowerCase() !== "identity")) {
    return { reason: "upstream_invalid", detail: "It is encoded, and was asked for as it is." };
  }
  return undefined;
}

async function* inOnePiece(body: Uint8Array | undefined): AsyncGenerator<Uint8Array, void> {
  if (body !== undefined && body.length > 0) yield body;
}
