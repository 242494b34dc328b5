import { type Millis, millis, type Port } from "../../core/base/quantity.ts";
import type { Result } from "../../core/base/result.ts";
import { Roster } from "../../core/base/roster.ts";
import { formatHost } from "../../core/wire/host.ts";
import type { ModelCall, ModelRequest, ModelSink, ModelTimeouts } from "./model-call.ts";
import { REST_MILLIS } from "./model-answer-head.ts";
import { ModelLane } from "./model-lane.ts";
import { modelLinker, type ModelLink, type ModelLinkOptions, type OpenProblem } from "./model-link.ts";
import { requestOctets } from "./model-request.ts";
import { Transfer } from "./model-transfer.ts";

export interface ModelClientOptions extends ModelLinkOptions {
  readonly port: Port;
  /** Connections at a time, 256 unless it says less. */
  readonly connections?: number;
  /** Afterwards a connection takes no more calls; default 10 minutes. */
  readonly connectionLife?: Millis;
  /** How often deadlines are looked at; for tests. */
  readonly period?: Millis;
}

/** Calls to one endpoint of one provider, over connections that are kept: HTTP/1.1, one call at a time on each. */
export interface ModelClient {
  /**
   * Starts a call. Throws a TypeError where the request is not as `ModelRequest` says. A call that its connection
   * died under before a single octet was written is begun again over another, once; nothing else is ever repeated.
   */
  send(request: ModelRequest, sink: ModelSink, timeouts: ModelTimeouts): ModelCall;
  /** Takes no more calls (they end with `draining`), lets those under way finish, and resolves when they have. */
  close(): Promise<void>;
  /** Cuts everything. */
  destroy(): void;
  /** Connections that are open or being opened. */
  readonly connections: number;
  /** Calls that have not ended. */
  readonly calls: number;
}

const MOST_CONNECTIONS = 256;
const PERIOD = millis(100);
/** A name is looked up and admitted for each new connection only, so none is kept for ever. */
const CONNECTION_LIFE = millis(600_000);
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** The caller bounds how many calls there are; those beyond the connections wait in the order they came. */
export function createModelClient(options: ModelClientOptions): ModelClient {
  const { clock, scheme, host, port } = options;
  const most = options.connections ?? MOST_CONNECTIONS;
  const life = options.connectionLife ?? CONNECTION_LIFE;
  const hostField = `${formatHost(host)}${port === DEFAULT_PORTS[scheme] ? "" : `:${port}`}`;
  const link = modelLinker(options);
  const calls = new Roster<Transfer>();
  /** Without a connection, in the order they came. */
  const waiting: Transfer[] = [];
  const lanes = new Set<ModelLane>();
  /** The one used last is taken first, so that those not needed end. */
  const idle: ModelLane[] = [];
  const attempts = new Set<AbortController>();
  /** Connections whose call has just ended, and that come free within this turn. */
  let returning = 0;
  const { promise: emptied, resolve: onEmpty } = Promise.withResolvers<void>();
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let resting: NodeJS.Timeout | undefined;

  const owner = { clock, freed, ended, unwritten, stale };

  function sweep(): void {
    if (calls.size === 0) {
      clearInterval(timer);
      timer = undefined;
      return;
    }
    const now = clock.monotonic();
    for (const call of calls.all()) {
      call.check(now);
      // Looked for last: else each sweep costs as many steps as pairs of calls.
      if (call.attempt === undefined && now - call.began >= options.timeout && waiting.includes(call)) {
        call.fail("overloaded", `No connection came free within ${options.timeout} ms.`);
      }
    }
  }

  function freed(lane: ModelLane, then: "keep" | "close" | "cut"): void {
    if (then === "close") return lane.close();
    if (then === "cut") return lane.kill();
    // Later: between one call and the next the kernel is to be asked whether the origin has closed it.
    returning += 1;
    setImmediate(comeBack, lane);
  }

  function ended(call: Transfer): void {
    calls.remove(call);
    noLonger(call);
    call.attempt?.abort();
    if (closing && calls.size === 0) finishClosing();
  }

  function unwritten(call: Transfer, code: string): void {
    if (call.retried || call.lane === undefined || call.lane.carried === 1) {
      return call.fail("upstream_unreachable", `The connection was closed before it was used (${code}).`);
    }
    call.retried = true;
    call.lane.kill();
    call.lane = undefined;
    stale();
    enqueue(call);
  }

  function noLonger(call: Transfer): void {
    const at = waiting.indexOf(call);
    if (at >= 0) waiting.splice(at, 1);
  }

  function comeBack(lane: ModelLane): void {
    returning -= 1;
    release(lane);
    attemptMore();
  }

  function enqueue(call: Transfer): void {
    waiting.push(call);
    if (waiting.length <= returning) return;
    if (lanes.size + attempts.size < most) void attempt(call);
  }

  /** A kept connection was dead: those that have waited as long as it may be too. What follows opens its own. */
  function stale(): void {
    for (const lane of idle.splice(0)) lane.close();
  }

  async function attempt(call: Transfer): Promise<void> {
    const stop = new AbortController();
    attempts.add(stop);
    call.attempt = stop;
    const opened = await linked(stop.signal);
    attempts.delete(stop);
    const wanted = call.attempt === stop;
    if (wanted) call.attempt = undefined;
    if (opened.ok) {
      const lane = new ModelLane(opened.value, clock.monotonic(), forget);
      lanes.add(lane);
      if (waiting.includes(call)) place(call, lane);
      else release(lane);
    } else if (wanted) call.fail(opened.problem.reason, opened.problem.detail);
    attemptMore();
  }

  async function linked(signal: AbortSignal): Promise<Result<ModelLink, OpenProblem>> {
    try {
      return await link(signal);
    } catch (error) {
      const detail = `Opening a connection threw: ${error instanceof Error ? error.message : "no error"}`;
      return { ok: false, problem: { reason: "internal", detail } };
    }
  }

  /** Where a connection has gone, a call that waits without an attempt of its own may have one. */
  function attemptMore(): void {
    if (waiting.length <= attempts.size + returning) return;
    for (const call of waiting) {
      if (lanes.size + attempts.size >= most) return;
      if (call.attempt === undefined) void attempt(call);
    }
  }

  function place(call: Transfer, lane: ModelLane): void {
    noLonger(call);
    // What was begun for it, where another came free first, is for whoever needs it next.
    call.attempt = undefined;
    call.start(lane);
  }

  function release(lane: ModelLane): void {
    if (!lane.usable || clock.monotonic() - lane.born >= life) return lane.close();
    const [next] = waiting;
    if (next !== undefined) return place(next, lane);
    if (closing) return lane.close();
    lane.restUntil = clock.monotonic() + lane.restMillis;
    idle.push(lane);
    resting ??= setTimeout(closeRested, REST_MILLIS).unref();
  }

  function forget(lane: ModelLane): void {
    lanes.delete(lane);
    const at = idle.indexOf(lane);
    if (at >= 0) idle.splice(at, 1);
    attemptMore();
  }

  function takeIdle(): ModelLane | undefined {
    for (;;) {
      const lane = idle.pop();
      if (lane === undefined || (lane.usable && clock.monotonic() < lane.restUntil)) return lane;
      lane.close();
    }
  }

  /** None is used after its time: this only ends those that nobody wants. */
  function closeRested(): void {
    resting = undefined;
    const now = clock.monotonic();
    for (const lane of idle.filter(({ restUntil }) => restUntil <= now)) lane.close();
    if (idle.length > 0) resting = setTimeout(closeRested, REST_MILLIS).unref();
  }

  function finishClosing(): void {
    clearTimeout(resting);
    for (const stop of attempts) stop.abort();
    for (const lane of lanes) lane.close();
    onEmpty();
  }

  return {
    send(request, sink, timeouts) {
      const call = new Transfer(requestOctets(request, hostField), sink, timeouts, owner);
      calls.add(call);
      if (closing) {
        call.fail("draining", "The client is closing.");
        return call;
      }
      timer ??= setInterval(sweep, options.period ?? PERIOD);
      const lane = takeIdle();
      if (lane === undefined) enqueue(call);
      else call.start(lane);
      return call;
    },
    async close() {
      closing = true;
      stale();
      if (calls.size === 0) finishClosing();
      await emptied;
    },
    destroy() {
      closing = true;
      for (const call of calls.all()) call.fail("aborted", "The client was destroyed.");
      for (const lane of lanes) lane.kill();
      finishClosing();
    },
    get connections() {
      return lanes.size + attempts.size;
    },
    get calls() {
      return calls.size;
    },
  };
}
