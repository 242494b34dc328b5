import { constants } from "node:http2";
import { assertNever } from "../../core/base/assert-never.ts";
import type { Reason } from "../../core/base/reason.ts";
import { ok, type Result } from "../../core/base/result.ts";
import { admitAddresses } from "../../core/policy/admit-address.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import { formatAuthority } from "../../core/wire/authority.ts";
import { formatHost } from "../../core/wire/host.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { HTTPS_PORT } from "../../core/wire/request-target.ts";
import { fieldLists, type Http2Answer } from "../../edge/inspection/http2-answer.ts";
import type { Http2End, Http2Sink } from "../../edge/upstream/http2-exchange.ts";
import type { Http2Origin } from "../../edge/upstream/http2-origin.ts";
import type { Http2Reading } from "../../edge/upstream/http2-reading.ts";
import { lostMeanwhile, record, refusalOf } from "../admission.ts";
import type { Exchange } from "../exchange.ts";
import type { Refused } from "../refused.ts";
import { answerHttp2Refusal, refuseHttp2 } from "./http2-refusal.ts";
import { type Http2Request, http2RequestTrailers } from "./http2-request.ts";
import type { Http2Streams } from "./http2-streams.ts";
import type { InjectedFields } from "./injected-fields.ts";
import { asksForUnsearchable, unsearchable } from "./searchable.ts";

const REPEATED = "The answer repeats a secret that was written into the request.";

/** From the permit to the outcome. */
export class Http2Walk {
  readonly #streams: Http2Streams;
  readonly #exchange: Exchange;
  readonly #request: Http2Request;
  readonly #content: Http2Reading | undefined;
  readonly #answer: Http2Answer;
  readonly #permit: NamePermit;
  /** Why the answer was cut here; undefined: it was not. */
  #problem: string | undefined;

  constructor(
    streams: Http2Streams,
    exchange: Exchange,
    request: Http2Request,
    content: Http2Reading | undefined,
    answer: Http2Answer,
    permit: NamePermit,
  ) {
    this.#streams = streams;
    this.#exchange = exchange;
    this.#request = request;
    this.#content = content;
    this.#answer = answer;
    this.#permit = permit;
  }

  async walk(): Promise<void> {
    const { rooms, address } = this.#streams;
    const exchange = this.#exchange;
    const permit = this.#permit;
    const { framing } = this.#request.http;
    if (permit.bodyBytes !== undefined && framing.kind === "length" && framing.length > permit.bodyBytes) {
      return this.#refuse("request_too_large");
    }
    if (permit.proxy !== this.#streams.proxy) {
      return this.#refuse("upstream_unreachable", "The rule leads another way than this connection does.");
    }
    if (address !== undefined) {
      // The rule of this request need not be the one of the tunnel: its leave for the address is asked for again.
      const admitted = admitAddresses(rooms.admission.network(), permit, [address]);
      if (!admitted.ok) {
        const classes = [...new Set(admitted.problem.refused.map((refused) => refused.class.name))];
        return this.#refuse("address_not_allowed", `Refused: ${classes.join(", ")}.`);
      }
      exchange.address = address;
    }
    const injected = await this.#injected();
    if (!injected.ok) return refuseHttp2(this.#answer, exchange, injected.problem, this.#request.grpc);
    const recorded = await record(rooms.admission, exchange, permit, address === undefined ? [] : [address], []);
    if (!recorded.ok) return refuseHttp2(this.#answer, exchange, recorded.problem, this.#request.grpc);
    await this.#send(injected.value);
  }

  /** What is to be written into the request; undefined: nothing. */
  async #injected(): Promise<Result<InjectedFields | undefined, Refused>> {
    const permit = this.#permit;
    if (permit.inject.length === 0) return ok(undefined);
    if (this.#request.http.method === "TRACE") {
      return refusalOf(permit, "method_not_allowed", "TRACE would answer with what this rule injects.");
    }
    const injected = await this.#streams.inject(permit);
    return injected.ok ? injected : refusalOf(permit, "upstream_unreachable", injected.problem);
  }

  async #send(injected: InjectedFields | undefined): Promise<void> {
    const exchange = this.#exchange;
    for (let attempt = 0; ; attempt++) {
      const origin = await this.#streams.way.open();
      const lost = lostMeanwhile(this.#streams.rooms.admission, exchange);
      if (lost !== undefined) return this.#refuse(lost);
      // Reset before anything was sent: a flood of resets does not reach the origin.
      if (exchange.signal.aborted) return exchange.aborted(undefined, "agent_reset");
      if (origin === undefined) {
        const { reason, detail } = this.#streams.unreachable;
        return this.#refuse(reason, detail);
      }
      const end = await this.#exchangeOver(origin, injected);
      // What has no content is asked again where the origin says that it has not begun with it (RFC 9113 section 8.7).
      if (end.cause === "not_processed" && this.#content === undefined && attempt === 0) continue;
      return this.#conclude(end);
    }
  }

  async #exchangeOver(origin: Http2Origin, injected: InjectedFields | undefined): Promise<Http2End> {
    const { rooms, authority, limits: heads } = this.#streams;
    const exchange = this.#exchange;
    const answer = this.#answer;
    const { http } = this.#request;
    const { limits, bodyBytes, inject } = this.#permit;
    const secret = inject.map((injection) => injection.header);
    const [sink, close] = answerSink(answer, exchange, injected, http.method === "HEAD", (problem) => {
      this.#problem = problem;
      exchange.cut("upstream_invalid");
    });
    const end = await origin.exchange(
      {
        method: http.method,
        target: `${http.path}${http.query}`,
        // What the origin sees is derived from what was judged.
        authority: authority.port === HTTPS_PORT ? formatHost(authority.host) : formatAuthority(authority),
        fields: injected === undefined ? this.#request.fields : injected.request(this.#request.fields),
        secret,
        content: this.#content,
        trailers: (raw) => {
          const trailers = http2RequestTrailers(raw, this.#request, secret, heads);
          return fieldLists(
            injected === undefined ? trailers : trailers.filter(({ name }) => !asksForUnsearchable(name)),
          );
        },
        bodyBytes,
      },
      sink,
      {
        limits: {
          bytesOut: limits.bytesOut,
          bytesIn: limits.bytesIn,
          idle: limits.idle ?? rooms.limits.idle,
          lifetime: limits.lifetime ?? rooms.limits.lifetime,
        },
        watch: rooms.upstream.watch,
        signal: exchange.signal,
      },
    );
    close();
    exchange.bytesOut += end.bytesOut;
    exchange.bytesIn += end.bytesIn;
    return end;
  }

  #conclude(end: Http2End): void {
    const exchange = this.#exchange;
    const answer = this.#answer;
    switch (end.cause) {
      case "completed":
        if (answer.whole) exchange.completed();
        else exchange.aborted(undefined, "agent_reset");
        return;
      case "not_processed":
        exchange.aborted("upstream_unreachable", "The origin did not process the stream.");
        // As the origin said it: the agent may ask again without harm.
        return answer.reset(constants.NGHTTP2_REFUSED_STREAM);
      case "origin_reset":
        exchange.aborted("upstream_invalid", "The origin broke its answer off.");
        // Not with NO_ERROR: some readers take that for the end of a whole answer.
        return answer.reset(end.code === constants.NGHTTP2_NO_ERROR ? constants.NGHTTP2_INTERNAL_ERROR : end.code);
      case "upstream_unreachable":
      case "upstream_invalid":
        return this.#broken(end.cause, end.detail);
      case "request_too_large":
      case "idle_timeout":
      case "lifetime_limit":
      case "byte_limit":
        return this.#broken(end.cause);
      case "aborted":
        return this.#broken(exchange.cutReason, this.#problem);
      default:
        return assertNever(end);
    }
  }

  #refuse(reason: Reason, detail?: string): void {
    refuseHttp2(this.#answer, this.#exchange, refusalOf(this.#permit, reason, detail).problem, this.#request.grpc);
  }

  /** Octets may have reached the origin, so this is an abort; the agent is told where its answer has not begun. */
  #broken(reason: Reason | undefined, detail?: string): void {
    const exchange = this.#exchange;
    if (reason === undefined) exchange.aborted(undefined, "agent_reset");
    else exchange.aborted(reason, detail);
    if (reason === undefined) this.#answer.reset(constants.NGHTTP2_CANCEL);
    // Not with CANCEL: Node's readers take that for the end of a whole answer, without a word.
    else if (this.#answer.begun) this.#answer.reset(constants.NGHTTP2_INTERNAL_ERROR);
    else
      answerHttp2Refusal(this.#answer, exchange, refusalOf(this.#permit, reason, detail).problem, this.#request.grpc);
  }
}

/** Where the answer goes; none that holds an injected secret goes on, nor one that might, unseen. `stop` ends the exchange, and `close` is for its end. */
function answerSink(
  answer: Http2Answer,
  exchange: Exchange,
  injected: InjectedFields | undefined,
  isHead: boolean,
  stop: (problem: string) => void,
): readonly [sink: Http2Sink, close: () => void] {
  const passed = (fields: readonly Field[]): readonly Field[] => injected?.answer(fields) ?? fields;
  let wait: Promise<void> | undefined;
  const gate = injected?.gate(
    (octets) => {
      wait = answer.data(octets);
    },
    () => stop(REPEATED),
  );
  const sink: Http2Sink = {
    interim: (status, fields) => answer.interim(status, passed(fields)),
    head(head) {
      exchange.status = head.status;
      const problem = injected !== undefined && !head.whole && !isHead ? unsearchable(head) : undefined;
      if (problem === undefined) answer.head({ ...head, fields: passed(head.fields) });
      else stop(problem);
    },
    data(chunk) {
      if (gate === undefined) return answer.data(chunk);
      wait = undefined;
      if (!gate.push(chunk)) stop(REPEATED);
      return wait;
    },
    async end(trailers) {
      if (gate?.end() === false) stop(REPEATED);
      else await answer.end(passed(trailers));
    },
  };
  return [sink, () => gate?.close()];
}
