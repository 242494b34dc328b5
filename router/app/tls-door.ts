import type { Clock } from "../core/base/clock.ts";
import type { Millis } from "../core/base/quantity.ts";
import type { Reason } from "../core/base/reason.ts";
import { fail, ok, type Result } from "../core/base/result.ts";
import type { NamePermit } from "../core/policy/permit.ts";
import { type ClientHello, readClientHello } from "../core/wire/client-hello.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";

export interface DoorProblem {
  /** Undefined: the agent went away before it had said anything. */
  readonly reason: Reason | undefined;
  readonly detail?: string;
}

/**
 * Reads the ClientHello of a `tls` tunnel and judges it before one byte of it reaches the origin. The bytes are
 * given back to the agent's socket, to be relayed unchanged.
 */
export async function passTlsDoor(
  agent: AgentSocket,
  permit: NamePermit,
  timeout: Millis,
  clock: Clock,
): Promise<Result<void, DoorProblem>> {
  const deadline = clock.monotonic() + timeout;
  let buffer: Buffer = Buffer.allocUnsafe(0);
  let length = 0;
  for (;;) {
    const read = await agent.read(Math.max(1, deadline - clock.monotonic()));
    if (read === "timeout") return fail({ reason: "not_tls", detail: "No ClientHello came before the deadline." });
    if (read === "end" || read === "closed") {
      return fail(
        length === 0 ? { reason: undefined } : { reason: "not_tls", detail: "The ClientHello is cut short." },
      );
    }
    // Usually the whole hello is one read. Trickled bytes go into a buffer that doubles, so that the work stays linear.
    if (length === 0) buffer = read;
    else {
      if (buffer.length < length + read.length) buffer = enlarged(buffer, length, read.length);
      read.copy(buffer, length);
    }
    length += read.length;
    const seen = readClientHello(buffer, length);
    switch (seen.state) {
      case "incomplete":
        continue;
      case "not_tls":
        return fail({ reason: "not_tls" });
      case "malformed":
        return fail({ reason: "malformed_request", detail: seen.problem });
      case "complete": {
        const refused = judgeHello(permit, seen.hello);
        if (refused !== undefined) return fail({ reason: refused });
        agent.unread(buffer.subarray(0, length));
        return ok(undefined);
      }
    }
  }
}

function judgeHello(permit: NamePermit, hello: ClientHello): Reason | undefined {
  if (hello.ech && !permit.obligations.allowEch) return "ech_not_allowed";
  if (hello.serverName === undefined) return permit.obligations.allowMissingSni ? undefined : "sni_missing";
  return permit.host.kind === "name" && permit.host.text === hello.serverName ? undefined : "sni_mismatch";
}

function enlarged(buffer: Buffer, length: number, more: number): Buffer {
  const larger = Buffer.allocUnsafe(Math.max(4_096, 2 * (length + more)));
  buffer.copy(larger, 0, 0, length);
  return larger;
}
