import type { CompiledGovernancePolicy } from "../../core/governance/compile-governance-policy.ts";
import { isLocalHost, isLocalOrigin } from "../../core/mcp/local-caller.ts";
import type { McpServer } from "../../core/mcp/mcp-server.ts";
import { RPC_ERROR } from "../../core/mcp/rpc-error.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { McpRefusal } from "./mcp-refusal.ts";
import type { McpRooms } from "./mcp-rooms.ts";
import { outgoingFields } from "./outgoing-fields.ts";
import { withoutSession } from "./sessions.ts";

/** What is known of a request before its message is. */
export interface Asking {
  readonly policy: CompiledGovernancePolicy;
  readonly server: McpServer;
  readonly session: string;
  readonly sessionName: string | undefined;
  /** What goes on of its head. */
  readonly fields: readonly string[];
}

/** The first revision without sessions: a name of one means nothing there. */
const STATELESS = "2026-07-28";

/** Whom a request is for and in which session, or why it goes no further. */
export function askingOf(rooms: McpRooms, request: HttpForwardRequest, id: string): Asking | McpRefusal {
  const origins = fieldValues(request, "origin");
  if (!isLocalHost(request.authority.host) || origins.some((origin) => !isLocalOrigin(origin))) {
    return { reason: "malformed_request", status: 403, sentence: "Only callers of this pod's own are served." };
  }
  if (request.query !== "") return { reason: "malformed_request", sentence: "The path of a server has no query." };
  const policy = rooms.policy();
  if (policy.state === "missing") return { reason: "policy_missing" };
  const early = obstacle(rooms, policy);
  if (early !== undefined) return early;
  const server = policy.mcpServer(id);
  if (server === undefined) return { reason: "path_not_allowed", status: 404, sentence: "No such server is there." };
  const [name, ...names] = fieldValues(request, "mcp-session-id");
  if (names.length > 0) return { reason: "malformed_request", sentence: "A request belongs to one session." };
  const sessionName = isStateless(request) ? undefined : name;
  const session = sessionName === undefined ? withoutSession(server) : rooms.sessions.find(server, sessionName);
  if (session === undefined) return { reason: "malformed_request", status: 404, sentence: "There is no such session." };
  const fields = outgoingFields(request, sessionName);
  if (!fields.ok) return { reason: "malformed_request", code: RPC_ERROR.headerMismatch, sentence: fields.problem };
  return { policy, server, session, sessionName, fields: fields.value };
}

/** Why nothing goes on now, whatever it is. */
export function obstacle(rooms: McpRooms, policy: CompiledGovernancePolicy): McpRefusal | undefined {
  if (rooms.draining()) return { reason: "draining" };
  if (rooms.policy() !== policy) return { reason: "overloaded", sentence: CHANGED };
  // Written so that a clock that is not a number refuses.
  if (!(rooms.time() < policy.deniesFrom)) return { reason: "policy_expired" };
  if (rooms.quarantined()) return { reason: "governance_denied" };
  return rooms.auditWritable() ? undefined : { reason: "audit_unavailable" };
}

/** Revisions are dates, which sort as texts do. */
export function isStateless(request: HttpForwardRequest): boolean {
  const [version] = fieldValues(request, "mcp-protocol-version");
  return version !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= STATELESS;
}

const CHANGED = "The policy changed while the request was being prepared: ask again.";
