import { AgentConnection, type AnswerSink } from "./agent-connection.ts";
import { WORD_MARK } from "./canned-answer.ts";
import type { CallsOrder, CallsResult, LoadOrder, LoadResult, StreamsOrder, StreamsResult } from "./load-order.ts";
import { chatRequest, streamRequest } from "./request-octets.ts";

/** The load generator of the inference benches, a process of its own: takes an order, answers with its result. */

/** What has not been answered so long after the end is a failure. */
const GRACE_MILLIS = 15_000;
/** After a failure a connection is opened anew, but not in a loop that starves everything else. */
const PAUSE_MILLIS = 20;

/** Keeps `concurrency` connections busy until the time is over; `one` sends on the connection and says when it is done. */
async function closedLoop(
  order: LoadOrder,
  stagger: number,
  one: (connection: AgentConnection, done: (whole: boolean) => void) => void,
): Promise<{ readonly answered: number; readonly failures: number }> {
  const until = performance.now() + order.seconds * 1_000;
  let answered = 0;
  let failures = 0;
  let open = order.concurrency;
  const { promise, resolve } = Promise.withResolvers<void>();
  const slots = new Set<AgentConnection>();

  const begin = (): void => {
    const connection = new AgentConnection(order.port, () => next());
    slots.add(connection);
    let busy = true;
    const next = (): void => {
      if (performance.now() >= until) return leave();
      busy = true;
      one(connection, (whole) => {
        busy = false;
        if (whole) answered += 1;
        else failures += 1;
        if (!connection.closed) return next();
        slots.delete(connection);
        setTimeout(begin, whole ? 0 : PAUSE_MILLIS);
      });
    };
    const leave = (): void => {
      busy = false;
      slots.delete(connection);
      connection.close();
      open -= 1;
      if (open === 0) resolve();
    };
    connection.onLost(() => {
      // Not even connected, or closed between two requests.
      if (!slots.has(connection) || !busy) return;
      slots.delete(connection);
      failures += 1;
      if (performance.now() >= until) leave();
      else setTimeout(begin, PAUSE_MILLIS);
    });
  };
  for (let slot = 0; slot < order.concurrency; slot += 1) setTimeout(begin, slot * stagger);
  const timer = setTimeout(resolve, order.seconds * 1_000 + GRACE_MILLIS);
  await promise;
  clearTimeout(timer);
  failures += slots.size;
  for (const connection of slots) connection.close();
  return { answered, failures };
}
