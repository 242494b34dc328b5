import { setImmediate as nextTurn } from "node:timers/promises";
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
  serve(request: Request): Promise<"again" | "done">;
  /** Answers what could not be read as a request, and closes. */
  refuse(problem: HeadProblem): void;
}

/** Reads request heads from one connection, one after the other, until it ends or is handed on. */
export async function serveRequests<Request>(agent: AgentSocket, loop: RequestLoop<Request>): Promise<void> {
  for (let first = true; ; first = false) {
    const head = await readHead(agent, loop, first ? loop.headMillis : loop.idleMillis);
    if (head === "gone") {
      agent.finish();
      return;
    }
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
    await agent.drained(loop.idleMillis);
    // Nor keep the loop to itself with a thousand requests in one read: each waits its turn.
    if (agent.holds) await nextTurn();
  }
}

async function readHead<Request>(
  agent: AgentSocket,
  loop: RequestLoop<Request>,
  firstByteMillis: number,
): Promise<RequestHead | HeadProblem | "gone"> {
  const first = await agent.read(firstByteMillis);
  if (typeof first === "string") return "gone";
  const deadline = performance.now() + loop.headMillis;
  let buffer = first;
  let length = first.length;
  let scanned = 0;
  for (;;) {
    const seen = readRequestHead(buffer, length, scanned, loop.limits);
    switch (seen.state) {
      case "complete":
        agent.unread(buffer.subarray(seen.end, length));
        return seen.head;
      case "malformed":
        return { reason: "malformed_request", detail: seen.problem, status: seen.status };
      case "incomplete":
        scanned = seen.scanned;
    }
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
  }
}
