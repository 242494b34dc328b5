import { setImmediate as nextTurn } from "node:timers/promises";
import { assertNever } from "../../core/base/assert-never.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Result } from "../../core/base/result.ts";
import { type HeadLimits, readRequestHead, type RequestHead } from "../../core/wire/message-head.ts";
import type { AgentSocket } from "./agent-socket.ts";

/** Why a head never became a request. `status` where it is finer than the reason's own. */
export interface HeadProblem {
  readonly reason: Reason;
  readonly detail: string;
  readonly status?: number;
}

export interface RequestLoop<Request> {
  readonly limits: HeadLimits;
  /** For a whole head, from its first byte. */
  readonly headMillis: number;
  /** For the first byte of the next request, and before that for the agent to take the last answer. */
  readonly idleMillis: number;
  interpret(head: RequestHead): Result<Request, HeadProblem>;
  /** Judges and serves one request. `again`: the next head may follow; `done`: the connection has been dealt with. */
  serve(request: Request): "again" | "done" | Promise<"again" | "done">;
  /** Answers what could not be read as a request, and closes. */
  refuse(problem: HeadProblem): void;
}

/** Reads request heads from one connection, one after the other, until it ends or is handed on. */
export async function serveRequests<Request>(agent: AgentSocket, loop: RequestLoop<Request>): Promise<void> {
  for (let first = true; ; first = false) {
    const begun = await agent.read(first ? loop.headMillis : loop.idleMillis);
    if (typeof begun === "string") {
      agent.finish();
      return;
    }
    const seen = headIn(agent, loop.limits, begun, begun.length, 0);
    const head = typeof seen === "number" ? await restOfHead(agent, loop, begun, seen) : seen;
    if ("reason" in head) {
      loop.refuse(head);
      return;
    }
    const request = loop.interpret(head);
    if (!request.ok) {
      loop.refuse(request.problem);
      return;
    }
    if ((await loop.serve(request.value)) === "done") return;
    // An agent that sends requests and reads no answer must not fill our memory with answers.
    const drained = agent.drained(loop.idleMillis);
    if (drained !== undefined) await drained;
    // Nor keep the loop to itself with a thousand requests in one read: each waits its turn.
    if (agent.holds) await nextTurn();
  }
}

/**
 * The head at the beginning of these octets, or what is wrong with it; what follows it is given back to the connection.
 * A number, of octets that need not be looked at again, where it has not ended.
 */
function headIn(
  agent: AgentSocket,
  limits: HeadLimits,
  buffer: Buffer,
  length: number,
  scanned: number,
): RequestHead | HeadProblem | number {
  const seen = readRequestHead(buffer, length, scanned, limits);
  switch (seen.state) {
    case "complete":
      if (seen.end < length) agent.unread(buffer.subarray(seen.end, length));
      return seen.head;
    case "malformed":
      return { reason: "malformed_request", detail: seen.problem, status: seen.status };
    case "incomplete":
      return seen.scanned;
    default:
      return assertNever(seen);
  }
}

/** The head that began with this read and has not ended in it. */
async function restOfHead<Request>(
  agent: AgentSocket,
  loop: RequestLoop<Request>,
  first: Buffer,
  scannedFirst: number,
): Promise<RequestHead | HeadProblem> {
  const deadline = performance.now() + loop.headMillis;
  let buffer = first;
  let length = first.length;
  let scanned = scannedFirst;
  for (;;) {
    const more = await agent.read(Math.max(1, deadline - performance.now()));
    if (more === "timeout") return { reason: "malformed_request", detail: "The request head did not end in time." };
    if (more === "closed" || more === "end")
      return { reason: "malformed_request", detail: "The request head is cut short." };
    // A head within its limits is small; doubling keeps trickled bytes linear.
    if (buffer.length < length + more.length) {
      const larger = Buffer.allocUnsafe(Math.max(2_048, 2 * (length + more.length)));
      buffer.copy(larger, 0, 0, length);
      buffer = larger;
    }
    more.copy(buffer, length);
    length += more.length;
    const head = headIn(agent, loop.limits, buffer, length, scanned);
    if (typeof head !== "number") return head;
    scanned = head;
  }
}
