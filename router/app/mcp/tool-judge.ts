import type { AuditEvent } from "../../core/audit/audit-event.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Action, ToolAction } from "../../core/governance/action.ts";
import type { Json } from "../../core/json/json.ts";
import { isCallable } from "../../core/mcp/agent-call.ts";
import type { Listing } from "../../core/mcp/filter-lists.ts";
import type { McpServer } from "../../core/mcp/mcp-server.ts";
import { isJsonObject } from "../../core/mcp/rpc-message.ts";
import type { PolicyIdentity } from "../../core/policy/permit.ts";
import { safeText } from "../../core/wire/safe-text.ts";
import { decisionRecord } from "../governance/governance-record.ts";
import type { AllowedCall, DeniedCall } from "./judged-call.ts";
import type { McpRooms } from "./mcp-rooms.ts";

export function toolAction(server: McpServer, tool: string, given: ToolAction["arguments"]): ToolAction {
  return { kind: "tool", server: server.id, tool, arguments: given, model: undefined };
}

/**
 * Judges one call, and puts what was decided on record: what is allowed before anything comes of it, as durably as the
 * audit mode demands.
 */
export async function judgeCall(
  rooms: McpRooms,
  server: McpServer,
  { tool, arguments: value }: { readonly tool: string; readonly arguments: Json },
  id: string,
): Promise<AllowedCall | DeniedCall> {
  const action = toolAction(server, tool, { state: "known", value });
  const governed = rooms.governor.judge(action, false);
  const about = { id, at: rooms.clock.now(), action, governed, digest: (text: string) => rooms.digest(text) };
  if (governed.kind === "refused") {
    rooms.recordSoon(decisionRecord(about));
    return { kind: "denied", action, denial: governed };
  }
  const recorded = await rooms.record(decisionRecord(about));
  if (recorded.ok) return { kind: "allowed", action, leave: governed, id };
  governed.ended("unknown", 0, id);
  return { kind: "denied", action, denial: { ...NOT_RECORDED, policy: governed.policy } };
}

const NOT_RECORDED = {
  reason: "audit_unavailable",
  rule: undefined,
  message: undefined,
  retryAfter: undefined,
  askable: false,
} as const;

/** What passes unjudged, or is refused unread, on record: `mcp`, and the server with the method. */
export function passageRecord(
  rooms: McpRooms,
  id: string,
  target: string,
  policy: PolicyIdentity | undefined,
  reason: Reason | null,
): AuditEvent {
  return {
    time: rooms.clock.now(),
    kind: "governance.decision",
    action: "mcp",
    target: safeText(target, MOST_TARGET),
    decision: reason === null ? "allow" : "deny",
    reason,
    rule: null,
    policy: policy ?? null,
    request: id,
  };
}

const MOST_TARGET = 256;

/** Whether the agent gets to see an item: only where some use of it could be allowed, or could be asked for. */
export function isListed(rooms: McpRooms, server: McpServer, listing: Listing, item: Json): boolean {
  const action = useOf(server, listing, item);
  if (action === undefined) return false;
  const preview = rooms.governor.preview(action);
  return preview.kind === "allowed" || SHOWN.has(preview.reason);
}

/** What it takes to be seen, though not at once. */
const SHOWN: ReadonlySet<Reason> = new Set<Reason>(["approval_required", "approval_expired", "rate_limited"]);

function useOf(server: McpServer, listing: Listing, item: Json): Action | undefined {
  if (!isJsonObject(item)) return undefined;
  const { name, uri } = item;
  switch (listing) {
    case "tools":
      return isCallable(name) ? toolAction(server, name, PENDING) : undefined;
    case "resources":
      if (typeof uri !== "string") return undefined;
      return toolAction(server, "resources/read", { state: "known", value: { uri } });
    case "resourceTemplates":
      return toolAction(server, "resources/read", PENDING);
    case "prompts":
      return toolAction(server, "prompts/get", PENDING);
    default:
      return listing satisfies never;
  }
}

const PENDING = Object.freeze({ state: "pending" });
