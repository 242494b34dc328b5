import type { Writable } from "node:stream";
import type { Millis } from "../core/base/quantity.ts";
import type { AuditExportOptions } from "./audit-export.ts";
import type { Delivery, ExportPayload, Sink } from "./export-delivery.ts";

/** What a pipe holds: no more lies between the log's own lines and their reader. */
export const STDOUT_BATCH = { records: 512, bytes: 65_536 } as const;

interface Writing {
  readonly payload: ExportPayload;
  readonly done: Promise<Delivery>;
}

/**
 * Writes each batch to a stream as one piece, which the stream does not mix with another's, and waits until the stream
 * has handed it on. Where nobody reads, a delivery ends at its deadline, and the same piece is waited for again: it is
 * never written a second time, and there is never more than one.
 */
export function createStdoutSink(stream: Writable, deadline: Millis, after: AuditExportOptions["after"]): Sink {
  let writing: Writing | undefined;
  // Without a listener this would end the process; what went wrong also comes to the write.
  stream.on("error", () => undefined);

  function write(payload: ExportPayload): Writing {
    const { promise, resolve } = Promise.withResolvers<Delivery>();
    stream.write(payload.body, (error) => {
      const written = error === null || error === undefined;
      resolve(written ? { kind: "delivered", rejected: 0, problem: undefined } : failed("Standard output is closed."));
    });
    return { payload, done: promise };
  }

  return {
    async deliver(payload, _records, signal) {
      if (writing !== undefined && writing.payload !== payload) throw new Error("another batch is still being written");
      writing ??= write(payload);
      const { promise: late, resolve } = Promise.withResolvers<undefined>();
      const giveUp = (): void => resolve(undefined);
      const cancel = after(deadline, giveUp);
      signal.addEventListener("abort", giveUp, { once: true });
      if (signal.aborted) giveUp();
      const delivery = await Promise.race([writing.done, late]);
      cancel();
      signal.removeEventListener("abort", giveUp);
      if (delivery === undefined) return failed("Standard output is not read.");
      writing = undefined;
      return delivery;
    },
    prepare: () => Promise.resolve(),
    close: () => undefined,
  };
}

function failed(problem: string): Delivery {
  return { kind: "failed", problem, retryAfter: undefined };
}
