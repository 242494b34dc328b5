import type { Socket } from "node:net";

/** RFC 7766 section 6.2.3 asks for some seconds; a client comes again without harm. */
const IDLE_MILLIS = 10_000;
/** Queries of one connection that are not answered yet (RFC 7766 section 6.2.1.1); further ones are not read meanwhile. */
const MOST_PIPELINED = 16;
/** A question and what a client may add to it; it is no channel for more. */
const LARGEST_QUERY = 4_096;
/** Answers that a client does not read. */
const MOST_UNREAD = 65_536;

/**
 * Serves one connection of DNS over TCP (RFC 1035 section 4.2.2, RFC 7766) until the client ends it, is silent for ten
 * seconds, or sends what is no query; answers go out as they come. `answer` that gives nothing ends the connection, as
 * over TCP silence would only be waited for. The returned function cuts it.
 */
export function serveDnsStream(
  socket: Socket,
  answer: (query: Uint8Array) => Promise<Uint8Array | undefined>,
): () => void {
  let held: Buffer = Buffer.alloc(0);
  let asked = 0;
  let isEnded = false;
  const cut = (): void => void socket.destroy();
  let timer = setTimeout(cut, IDLE_MILLIS);
  const touch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(cut, IDLE_MILLIS);
  };

  async function serve(query: Buffer): Promise<void> {
    asked += 1;
    const reply = await answer(query).catch(() => undefined);
    asked -= 1;
    if (socket.destroyed) return;
    if (reply === undefined || socket.writableLength > MOST_UNREAD) return cut();
    touch();
    socket.write(Buffer.concat([Uint8Array.from([reply.length >> 8, reply.length & 0xff]), reply]));
    take();
    if (isEnded && asked === 0) socket.end();
  }

  /** Takes the queries that are whole, as many as may be answered at the same time. */
  function take(): void {
    while (held.length >= 2 && asked < MOST_PIPELINED) {
      const end = 2 + held.readUInt16BE(0);
      if (end - 2 > LARGEST_QUERY) return cut();
      if (held.length < end) break;
      const query = held.subarray(2, end);
      held = held.subarray(end);
      touch();
      void serve(query);
    }
    if (asked >= MOST_PIPELINED) socket.pause();
    else if (socket.isPaused()) socket.resume();
  }

  socket.on("error", cut);
  socket.on("close", () => clearTimeout(timer));
  socket.on("data", (part: Buffer) => {
    held = held.length === 0 ? part : Buffer.concat([held, part]);
    take();
  });
  socket.on("end", () => {
    isEnded = true;
    if (asked === 0) socket.end();
  });
  return cut;
}
