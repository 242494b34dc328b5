import type { Millis } from "../../core/base/quantity.ts";

/**
 * What `work` comes to, or `late` when it has not come to anything by then: nobody who waits for the outside waits longer,
 * even where it never settles. `work` is given a signal that says so. A throw becomes `thrown()`.
 */
export async function settleBy<Value>(
  deadline: Millis,
  work: (signal: AbortSignal) => Promise<Value>,
  late: () => Value,
  thrown: () => Value,
): Promise<Value> {
  const abort = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Value>();
  const timer = setTimeout(() => {
    abort.abort();
    resolve(late());
  }, deadline);
  try {
    return await Promise.race([promise, work(abort.signal)]);
  } catch {
    return thrown();
  } finally {
    clearTimeout(timer);
  }
}
