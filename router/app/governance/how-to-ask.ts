import { isApprovable } from "../../core/approval/approvable.ts";
import { formatHost } from "../../core/wire/host.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";

const LONGEST_PATH = 1_024;

/** One sentence for an agent whose request could be approved; undefined: it could not. */
export function howToAsk(request: EgressRequest): string | undefined {
  const { host, port } = request;
  if (!isApprovable(host)) return undefined;
  const where = { host: formatHost(host), port };
  if (request.via === "tunnel") return sentence({ ...where, protocol: "tls" });
  const { method, path } = request;
  // A longer one would make the refusal longer than heads may be.
  if (path.length > LONGEST_PATH) return undefined;
  return sentence({ ...where, protocol: "http", method, path });
}

function sentence(what: Readonly<Record<string, string | number>>): string {
  const body = JSON.stringify({ ...what, reason: "why it is needed" });
  return `POST /egress/v1/requests on the agent API with ${body}, then GET what its Location names.`;
}
