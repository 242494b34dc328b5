import type { IncomingMessage } from "node:http";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { KubeProblem } from "./kube-problem.ts";

/** The body of an answer as it comes. One part at a time is asked for; the server waits meanwhile. */
export interface KubeStream {
  /** The next octets; `end`: there are no more, as the server said. A problem: it was cut, by either side. */
  next(): Promise<Result<Uint8Array | "end", KubeProblem>>;
  /** All of it, as UTF-8. */
  text(maximum: number, timeout: Millis): Promise<Result<string, KubeProblem>>;
  cut(): void;
}

/** Ends when the signal does. */
export function streamOf(body: IncomingMessage, signal: AbortSignal): KubeStream {
  const cut = (): void => void body.destroy();
  signal.addEventListener("abort", cut, { once: true });
  body.once("close", () => signal.removeEventListener("abort", cut));
  const isAborted = (): boolean => signal.aborted;
  if (isAborted()) cut();
  const parts = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;

  async function next(): Promise<Result<Uint8Array | "end", KubeProblem>> {
    try {
      const part = await parts.next();
      if (part.done !== true) return ok(part.value);
      // A body that is cut short ends too.
      return body.complete ? ok("end" as const) : fail(DROPPED);
    } catch {
      return fail(DROPPED);
    }
  }

  return {
    next,
    async text(maximum, timeout) {
      const all: Uint8Array[] = [];
      let length = 0;
      const late = new AbortController();
      const timer = setTimeout(() => {
        late.abort();
        cut();
      }, timeout);
      const isLate = (): boolean => late.signal.aborted;
      try {
        for (;;) {
          const part = await next();
          if (isLate()) return fail({ code: "timeout", message: "The answer did not end in time." });
          if (isAborted()) return fail({ code: "aborted", message: "Given up." });
          if (!part.ok) return part;
          if (part.value === "end") return ok(Buffer.concat(all).toString("utf8"));
          length += part.value.length;
          if (length > maximum) {
            cut();
            return fail({ code: "too_large", message: `The answer is longer than ${maximum} octets.` });
          }
          all.push(part.value);
        }
      } finally {
        clearTimeout(timer);
      }
    },
    cut,
  };
}

const DROPPED: KubeProblem = { code: "unreachable", message: "The connection was cut." };
