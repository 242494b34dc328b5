import type { Socket } from "node:net";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { ParentDialogue, ParentProblem } from "./parent-proxy.ts";

/**
 * Leads a dialogue over a connected, paused socket, to its end or that of the signal. Afterwards the socket is paused
 * again, and what came behind the dialogue is the next to be read from it; after a failure it is destroyed.
 */
export async function handshake(
  socket: Socket,
  dialogue: ParentDialogue,
  signal: AbortSignal,
): Promise<Result<void, ParentProblem>> {
  const { promise, resolve } = Promise.withResolvers<Result<void, ParentProblem>>();
  let heard: Buffer = Buffer.alloc(0);

  const unreachable = (detail: string): void => {
    resolve(fail({ reason: "upstream_unreachable", detail, again: false }));
  };
  const onData = (chunk: Buffer): void => {
    heard = heard.length === 0 ? chunk : Buffer.concat([heard, chunk]);
    advance();
  };
  const onEnd = (): void => unreachable("It closed the connection before it answered.");
  const onClose = (): void => unreachable("The connection to it broke before it answered.");
  const onAbort = (): void => unreachable("given up");

  function advance(): void {
    for (;;) {
      const step = dialogue.hear(heard);
      switch (step.kind) {
        case "more":
          return;
        case "say":
          heard = heard.subarray(step.used);
          if (step.octets.length > 0) socket.write(step.octets);
          if (heard.length === 0) return;
          continue;
        case "open":
          stopListening();
          socket.pause();
          if (heard.length > step.used) socket.unshift(heard.subarray(step.used));
          resolve(ok(undefined));
          return;
        case "failed":
          resolve(fail(step.problem));
          return;
      }
    }
  }

  function stopListening(): void {
    socket.off("data", onData).off("end", onEnd).off("close", onClose);
    signal.removeEventListener("abort", onAbort);
  }

  socket.on("data", onData).on("end", onEnd).on("close", onClose);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  else if (socket.destroyed) onClose();
  else {
    socket.write(dialogue.opening);
    socket.resume();
  }
  const done = await promise;
  stopListening();
  if (!done.ok) socket.destroy();
  return done;
}
