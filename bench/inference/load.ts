import { setTimeout as sleep } from "node:timers/promises";
import { AgentConnection } from "./agent-connection.ts";
import { WORD_MARK } from "./canned-answer.ts";
import type { CallsOrder, CallsResult, LoadOrder, LoadResult, StreamsOrder, StreamsResult } from "./load-order.ts";
import { quantiles } from "./quantiles.ts";
import { chatRequest, streamRequest } from "./request-octets.ts";

/** The load generator of the inference benches, a process of its own: takes an order, answers with its result. */

/** What has not been answered so long after the end is a failure. */
const GRACE_MILLIS = 15_000;
/** Between a failure and the next try. */
const PAUSE_MILLIS = 20;

/** Keeps every connection busy until the time is over; the first of them begins at once, the others `stagger` ms apart. */
async function closedLoop(
  { port, concurrency, seconds }: LoadOrder,
  stagger: number,
  one: (connection: AgentConnection) => Promise<boolean>,
): Promise<{ readonly answered: number; readonly failures: number }> {
  const until = performance.now() + seconds * 1_000;
  const open = new Set<AgentConnection>();
  const counts = { answered: 0, failures: 0 };
  const slot = async (index: number): Promise<void> => {
    if (stagger > 0) await sleep(index * stagger);
    let connection = new AgentConnection(port);
    open.add(connection);
    while (performance.now() < until) {
      const whole = await one(connection);
      if (whole) counts.answered += 1;
      else counts.failures += 1;
      if (!connection.closed) continue;
      open.delete(connection);
      if (!whole) await sleep(PAUSE_MILLIS);
      connection = new AgentConnection(port);
      open.add(connection);
    }
    connection.close();
  };
  const hanging = setTimeout(() => open.forEach((connection) => connection.close()), seconds * 1_000 + GRACE_MILLIS);
  await Promise.all(Array.from({ length: concurrency }, (_, index) => slot(index)));
  clearTimeout(hanging);
  return counts;
}

async function calls(order: CallsOrder): Promise<CallsResult> {
  const request = chatRequest(order.headers, order.octets);
  const counted = performance.now() + order.ramp * 1_000;
  const until = counted + order.seconds * 1_000;
  const latencies: number[] = [];
  const counts = await closedLoop({ ...order, seconds: order.ramp + order.seconds }, 0, (connection) => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const began = performance.now();
    connection.send(request, {
      part: () => undefined,
      end(whole) {
        const now = performance.now();
        if (whole && began >= counted && now <= until) latencies.push(now - began);
        resolve(whole);
      },
    });
    return promise;
  });
  const at = quantiles(latencies);
  return { kind: "calls", perSecond: latencies.length / order.seconds, p50: at(0.5), p99: at(0.99), ...counts };
}

async function streams(order: StreamsOrder): Promise<StreamsResult> {
  const { pace, words, concurrency } = order;
  const request = streamRequest(order.headers, pace, words);
  const firsts: number[] = [];
  const gaps: number[] = [];
  // Spread over one stream's length: at any moment some begin and some end.
  const stagger = (pace * words) / concurrency;
  const { answered, failures } = await closedLoop(order, concurrency === 1 ? 0 : stagger, (connection) => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const began = performance.now();
    let last = 0;
    let seen = 0;
    let rest = "";
    connection.send(request, {
      part(bytes) {
        const now = performance.now();
        const text = rest + bytes.toString("latin1");
        let at = text.indexOf(WORD_MARK);
        let end = 0;
        for (; at >= 0; at = text.indexOf(WORD_MARK, end)) {
          seen += 1;
          end = at + WORD_MARK.length;
        }
        rest = text.slice(Math.max(end, text.length - WORD_MARK.length + 1));
        if (end === 0) return;
        if (last === 0) firsts.push(now - began);
        else gaps.push(now - last);
        last = now;
      },
      end: (whole) => resolve(whole && seen === words),
    });
    return promise;
  });
  const first = quantiles(firsts);
  const gap = quantiles(gaps);
  return {
    kind: "streams",
    streams: answered,
    failures,
    firstP50: first(0.5),
    firstP99: first(0.99),
    gapP99: gap(0.99),
    longestGap: gaps.at(-1) ?? 0,
    stalls: gaps.filter((length) => length > 10 * pace).length,
  };
}

function run(order: LoadOrder): Promise<LoadResult> {
  return order.kind === "calls" ? calls(order) : streams(order);
}

process.on("message", (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit(0));
