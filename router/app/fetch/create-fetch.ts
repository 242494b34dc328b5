import { REASONS } from "../../core/base/reason.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { RequestBody } from "../../edge/listeners/request-body.ts";
import { answerRefusal } from "../answer.ts";
import { Exchange } from "../exchange.ts";
import { Budget, type Share } from "../governance/budget.ts";
import { writeJson } from "../governance/governance-answer.ts";
import { bodyPlan, readSmallBody } from "../governance/small-body.ts";
import type { Refused } from "../refused.ts";
import { type FetchAnswer, fetchAnswer, fetchHead, type Passed } from "./fetch-answer.ts";
import { fetchHop } from "./fetch-hop.ts";
import type { FetchRooms } from "./fetch-rooms.ts";
import { nextStep } from "./next-step.ts";
import { type FetchAsk, readFetch } from "./read-fetch.ts";

type Next = "again" | "done";

const PATH = "/egress/v1/fetch";
/** Octets of a question beside its body. */
const QUESTION = 128 * 1024;
/** Octets that all fetches hold at the same time, whatever one of them may hold. */
const HELD = 32 * 1024 * 1024;
/** How often an octet of a question stands in memory while it is read: as it came, as text, and as what it says. */
const ASKED = 3;
/** How often one of an answer does while it is told, beside as it came: joined. */
const TOLD = 1;

/** `POST /egress/v1/fetch` of the agent API: one request, or a chain of redirects, judged as everything that leaves. */
export interface Fetch {
  serves(path: string): boolean;
  /** Undefined: the path is not this one. */
  serve(agent: AgentSocket, request: HttpForwardRequest): Promise<Next> | undefined;
}

export function createFetch(rooms: FetchRooms): Fetch {
  const { settings } = rooms;
  // A text may be twice as long in JSON, and a third longer in base64.
  const mostQuestion = 2 * settings.requestBytes + QUESTION;
  const plan = bodyPlan({
    url: mostQuestion,
    method: QUESTION,
    headers: QUESTION,
    body: mostQuestion,
    bodyBase64: mostQuestion,
    redirects: 32,
    timeoutMs: 32,
    answerBytes: 32,
  });
  const held = new Budget(Math.max(HELD, ASKED * mostQuestion + (1 + TOLD) * settings.answerBytes));
  let running = 0;

  async function serve(agent: AgentSocket, request: HttpForwardRequest): Promise<Next> {
    const body = new RequestBody(agent, request.framing, rooms.limits.headTimeout);
    const keepsAlive = (): boolean => request.keepAlive && body.complete;
    const refuseUnread = (refused: Pick<Refused, "reason" | "detail" | "status" | "retryAfter">): Next => {
      const exchange = new Exchange(
        rooms.nextRequestId(),
        "fetch",
        undefined,
        rooms.clock,
        rooms.settle,
        "fetch",
        request.trace,
      );
      const { identity } = rooms.admission.policy();
      return refuse(agent, exchange, { ...refused, policy: identity, rule: undefined }, keepsAlive());
    };
    if (request.method !== "POST") return notPost(agent, request, keepsAlive());
    if (rooms.admission.draining()) return refuseUnread({ reason: "draining" });
    if (request.expectContinue) agent.write("HTTP/1.1 100 Continue\r\n\r\n");
    using question = held.share();
    const read = await readSmallBody(request, body, plan, { most: mostQuestion, share: times(ASKED, question) });
    if (!read.ok) {
      const { reason, message, status, retryAfter } = read.problem;
      return refuseUnread({
        reason,
        ...(message === undefined ? {} : { detail: message }),
        ...(status === undefined ? {} : { status }),
        ...(retryAfter === undefined ? {} : { retryAfter }),
      });
    }
    const ask = readFetch(read.value, settings);
    if (!ask.ok) return refuseUnread({ reason: ask.problem.reason, detail: ask.problem.message });
    if (running >= settings.concurrent) {
      return refuseUnread({ reason: "connection_limit", detail: "Too many fetches run already.", retryAfter: 1_000 });
    }
    using share = held.share();
    const told = await run(agent, request, ask.value, share);
    if (told === "left") {
      agent.abort();
      return "done";
    }
    return await tell(agent, told, keepsAlive());
  }

  /** Follows it to its end, or to what stands in its way. */
  async function run(
    agent: AgentSocket,
    request: HttpForwardRequest,
    ask: FetchAsk,
    share: Share,
  ): Promise<Told | "left"> {
    let live: Exchange | undefined;
    const ended = { late: false, left: false };
    const timer = setTimeout(() => {
      ended.late = true;
      live?.cut("lifetime_limit");
    }, ask.timeout);
    agent.onLeft(() => {
      ended.left = true;
      live?.abandon();
    });
    running += 1;
    try {
      const passed: Passed[] = [];
      for (let step = ask.first; ;) {
        const end = await fetchHop(rooms, step, {
          answerBytes: ask.answerBytes,
          share,
          trace: request.trace,
          began: (exchange) => {
            live = exchange;
            if (ended.left) exchange.abandon();
            else if (ended.late) exchange.cut("lifetime_limit");
          },
        });
        const { exchange } = end;
        if (ended.left || end.kind === "left") return "left";
        if (end.kind === "refused") return { exchange, refused: behind(passed.length, end.refused) };
        const { answer } = end;
        const next = ask.redirects === 0 ? undefined : nextStep(step, answer);
        if (next?.ok === false) return { exchange, refused: misled(exchange, passed.length, next.problem) };
        if (next?.value === undefined) {
          if (!share.grow(TOLD * lengthOf(answer.content))) {
            return { exchange, refused: misled(exchange, 0, undefined, "overloaded") };
          }
          return { exchange, answer: fetchAnswer(answer, step.url, passed) };
        }
        if (passed.length === ask.redirects) {
          return { exchange, refused: misled(exchange, passed.length, "It redirects more often than was asked for.") };
        }
        share[Symbol.dispose]();
        passed.push({ status: answer.status, url: step.url, request: exchange.start.request });
        step = next.value;
      }
    } finally {
      running -= 1;
      clearTimeout(timer);
      agent.onLeft(undefined);
    }
  }

  /** What is held is held until the agent has it. */
  async function tell(agent: AgentSocket, told: Told, keepAlive: boolean): Promise<Next> {
    if ("refused" in told) return refuse(agent, told.exchange, told.refused, keepAlive);
    const { request } = told.exchange.start;
    const { answer } = told;
    agent.write(fetchHead(request, answer.length, keepAlive));
    for (const piece of answer.pieces()) {
      agent.write(piece);
      // Who reads slowly holds what others could have.
      await agent.drained(settings.timeout);
    }
    if (keepAlive) return "again";
    agent.finish();
    return "done";
  }

  function refuse(agent: AgentSocket, exchange: Exchange, refused: Refused, keepAlive: boolean): Next {
    answerRefusal(agent, exchange, refused, keepAlive);
    return keepAlive ? "again" : "done";
  }

  function notPost(agent: AgentSocket, request: HttpForwardRequest, keepAlive: boolean): Promise<Next> {
    const id = rooms.nextRequestId();
    const exchange = new Exchange(id, "fetch", undefined, rooms.clock, rooms.settle, "fetch", request.trace);
    exchange.refused("method_not_allowed", rooms.admission.policy().identity, undefined);
    const { proxyStatus } = REASONS.method_not_allowed;
    const error = {
      type: "egress_denied",
      code: "method_not_allowed",
      message: "A fetch is asked for by POST.",
      request_id: id,
      rule: null,
      policy: null,
    };
    const fields = [
      ["Allow", "POST"],
      ["Proxy-Status", `sluice; error=${proxyStatus}; details="method_not_allowed"`],
      ["Sluice-Reason", "method_not_allowed"],
    ] as const;
    writeJson(agent, id, 405, { error }, keepAlive, fields, request.method === "HEAD");
    return Promise.resolve(keepAlive ? "again" : "done");
  }

  const serves = (path: string): boolean => settings.enabled && path === PATH;
  return { serves, serve: (agent, request) => (serves(request.path) ? serve(agent, request) : undefined) };
}

/** A share in which everything counts so often. */
function times(factor: number, share: Share): Share {
  return { grow: (more) => share.grow(factor * more), [Symbol.dispose]: () => share[Symbol.dispose]() };
}

/** What became of a fetch; the exchange is its last. */
type Told = { readonly exchange: Exchange } & ({ readonly answer: FetchAnswer } | { readonly refused: Refused });

/** Says where the refused request came from: the agent did not ask for it. */
function behind(redirects: number, refused: Refused): Refused {
  if (redirects === 0) return refused;
  const where = `Redirect ${redirects} leads there.`;
  return { ...refused, detail: refused.detail === undefined ? where : `${refused.detail} ${where}` };
}

/** Of an answer that came, and cannot be handed over. */
function misled(
  exchange: Exchange,
  redirects: number,
  detail: string | undefined,
  reason: "upstream_invalid" | "overloaded" = "upstream_invalid",
): Refused {
  const { permit } = exchange;
  const refused = { reason, policy: permit?.policy, rule: permit?.rule };
  return behind(redirects, detail === undefined ? refused : { ...refused, detail });
}

function lengthOf(content: readonly Uint8Array[]): number {
  return content.reduce((sum, chunk) => sum + chunk.length, 0);
}
