import type { AgentSocket } from "./agent-socket.ts";

interface Incomplete {
  readonly state: "incomplete";
}

/** How a connection begins, or why that cannot be said: silence, a deadline in the middle, an end in the middle. */
export type Opening<Seen> =
  | {
      readonly state: "seen";
      readonly seen: Seen;
      /** Everything read so far. */
      readonly octets: Buffer;
    }
  | { readonly state: "silent" | "timeout" | "cut_short" };

/**
 * Reads until `parse` can say what the octets are; `incomplete` asks for more, and it is called with all of them again, so
 * it bounds what it asks for. `silent`: the agent has closed without a word.
 */
export async function readOpening<Seen extends { readonly state: string }>(
  agent: AgentSocket,
  timeoutMillis: number,
  parse: (octets: Uint8Array, length: number) => Seen | Incomplete,
): Promise<Opening<Seen>> {
  const deadline = performance.now() + timeoutMillis;
  let buffer: Buffer = Buffer.allocUnsafe(0);
  let length = 0;
  for (;;) {
    const read = await agent.read(Math.max(1, deadline - performance.now()));
    if (read === "timeout") return { state: "timeout" };
    if (read === "end" || read === "closed") return { state: length === 0 ? "silent" : "cut_short" };
    // Usually the whole is one read. Trickled octets go into a buffer that doubles, so that the work stays linear.
    if (length === 0) buffer = read;
    else {
      if (buffer.length < length + read.length) buffer = enlarged(buffer, length, read.length);
      read.copy(buffer, length);
    }
    length += read.length;
    const seen = parse(buffer, length);
    if (isWhole(seen)) return { state: "seen", seen, octets: buffer.subarray(0, length) };
  }
}

function isWhole<Seen extends { readonly state: string }>(seen: Seen | Incomplete): seen is Seen {
  return seen.state !== "incomplete";
}

function enlarged(buffer: Buffer, length: number, more: number): Buffer {
  const larger = Buffer.allocUnsafe(Math.max(4_096, 2 * (length + more)));
  buffer.copy(larger, 0, 0, length);
  return larger;
}
