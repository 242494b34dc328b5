import { assertNever } from "../core/base/assert-never.ts";
import type { Millis } from "../core/base/quantity.ts";
import type { Reason } from "../core/base/reason.ts";
import { fail, ok, type Result } from "../core/base/result.ts";
import type { NamePermit } from "../core/policy/permit.ts";
import { type ClientHello, readClientHello } from "../core/wire/client-hello.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { readOpening } from "../edge/listeners/opening.ts";

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
): Promise<Result<void, DoorProblem>> {
  const opening = await readOpening(agent, timeout, readClientHello);
  if (opening.state !== "seen") return fail(unseen(opening.state));
  const { seen, octets } = opening;
  switch (seen.state) {
    case "not_tls":
      return fail({ reason: "not_tls" });
    case "malformed":
      return fail({ reason: "malformed_request", detail: seen.problem });
    case "complete": {
      const refused = judgeHello(permit, seen.hello);
      if (refused !== undefined) return fail({ reason: refused });
      agent.unread(octets);
      return ok(undefined);
    }
    default:
      return assertNever(seen);
  }
}

/** No ClientHello came. */
export function unseen(state: "silent" | "timeout" | "cut_short"): DoorProblem {
  switch (state) {
    case "silent":
      return { reason: undefined };
    case "timeout":
      return { reason: "not_tls", detail: "No ClientHello came before the deadline." };
    case "cut_short":
      return { reason: "not_tls", detail: "The ClientHello is cut short." };
    default:
      return assertNever(state);
  }
}

function judgeHello(permit: NamePermit, hello: ClientHello): Reason | undefined {
  if (hello.ech && !permit.obligations.allowEch) return "ech_not_allowed";
  if (hello.serverName === undefined) return permit.obligations.allowMissingSni ? undefined : "sni_missing";
  return permit.host.kind === "name" && permit.host.text === hello.serverName ? undefined : "sni_mismatch";
}
