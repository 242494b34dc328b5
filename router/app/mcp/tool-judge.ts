import type { AuditEvent } from "../../core/audit/audit-event.ts";
import { ownEvent } from "../../core/audit/own-event.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Action, ToolAction } from "../../core/governance/action.ts";
import type { Condition } from "../../core/governance/governance-policy.ts";
import type { Json } from "../../core/json/json.ts";
import { isCallable } from "../../core/mcp/agent-call.ts";
import type { Listing } from "../../core/mcp/filter-lists.ts";
import type { McpServer } from "../../core/mcp/mcp-server.ts";
import { isJsonObject } from "../../core/mcp/rpc-message.ts";
import type { PolicyIdentity } from "../../core/policy/permit.ts";
import { safeText } from "../../core/wire/safe-text.ts";
import { decisionRecord } from "../governance/governance-record.ts";
import type { Denial } from "../governance/governor.ts";
import type { HeldAction } from "./held-action.ts";
import type { AllowedCall, DeniedCall } from "./judged-call.ts";
import type { McpRooms } from "./mcp-rooms.ts";

export function toolAction(server: McpServer, tool: string, given: ToolAction["arguments"]): ToolAction {
  return { kind: "tool", server: server.id, tool, arguments: given, model: undefined };
}

/**
 * Judges one call, and puts what was decided on record: what is allowed before anything comes of it, as durably as the
 * audit mode demands.
 */
export async function judgeCall(rooms: McpRooms, action: HeldAction, id: string): Promise<AllowedCall | DeniedCall> {
  const governed = rooms.governor.judge(action, false);
  const event = decisionRecord({ id, at: rooms.clock.now(), action, governed, digest: (text) => rooms.digest(text) });
  action.forget();
  if (governed.kind === "refused") {
    rooms.recordSoon(event);
    return { kind: "denied", action, denial: governed };
  }
  const recorded = await rooms.record(event);
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

/** Why a call that was allowed may not go on now: asked before it is sent, when rules change, and for its answer. */
export function callLost(rooms: McpRooms, { action, leave }: AllowedCall): Reason | undefined {
  const reason = rooms.governor.standing(action, leave.approval);
  action.forget();
  return reason;
}

/** What a server asks of the agent, judged: nothing is taken for it, and what is denied is not the agent's doing. */
export function judgeAsked(
  rooms: McpRooms,
  server: McpServer,
  { tool, arguments: value }: { readonly tool: string; readonly arguments: Json },
  id: string,
): { readonly denied: DeniedCall | undefined; readonly event: AuditEvent } {
  const action = toolAction(server, tool, { state: "known", value });
  const governed = rooms.governor.preview(action);
  const event = decisionRecord({ id, at: rooms.clock.now(), action, governed, digest: (text) => rooms.digest(text) });
  return {
    denied: governed.kind === "allowed" ? undefined : { kind: "denied", action, denial: governed },
    event: { ...event, detail: { ...event.detail, preview: true } },
  };
}

/**
 * Why a server is not spoken to, not even to shake hands: a deny rule is about it, whatever is called there. `method` is
 * asked for as a tool of that name would be. A rule that excepts tools is none about the server.
 */
export function serverDenied(rooms: McpRooms, server: McpServer, method: string): Denial | undefined {
  const preview = rooms.governor.preview(toolAction(server, method, PENDING));
  if (preview.kind === "allowed" || preview.reason !== "governance_denied" || preview.rule === undefined)
    return undefined;
  const policy = rooms.policy();
  const rule = policy.state === "loaded" ? policy.rules.find(({ id }) => id === preview.rule) : undefined;
  return rule?.unless.some(isAboutTools) === true ? undefined : preview;
}

function isAboutTools(condition: Condition): boolean {
  return condition.kind === "argument" || (condition.kind === "text" && condition.fact === "tool");
}

/** What the agent sent unjudged has left, for who counts what leaves: as of a tool of the method's name. */
export function sentRecord(rooms: McpRooms, id: string, target: string, octets: number): AuditEvent {
  const detail = { outcome: "completed", bytesOut: octets };
  const event = ownEvent(rooms.clock.now(), "governance.end", "tool", safeText(target, MOST_TARGET), detail);
  return { ...event, request: id };
}

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
