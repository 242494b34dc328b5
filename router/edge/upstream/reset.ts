import type { Socket } from "node:net";

/**
 * Ends a connection with RST, at once: its peer sees a break, and never takes what came so far for the whole.
 * What is still unsent is dropped.
 */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  // While a shutdown is on its way libuv cannot send RST (EINVAL, and Node would leak the handle). By then every
  // octet has gone to the kernel and the stream was to end here anyway, so FIN is the truth.
  const shuttingDown = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
  if (shuttingDown || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
