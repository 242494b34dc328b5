import type { AuditEvent, AuditValue } from "../../core/audit/audit-event.ts";
import { actionForm } from "../../core/approval/action-form.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import type { Action } from "../../core/governance/action.ts";
import { actionTarget } from "../../core/governance/action-target.ts";
import { redactedArguments } from "../../core/governance/redacted-arguments.ts";
import { safeText } from "../../core/wire/safe-text.ts";
import type { Governed } from "./governor.ts";

export interface GovernanceRecord {
  readonly id: string;
  readonly at: EpochMillis;
  readonly action: Action;
  readonly governed: Governed;
  /** SHA-256 in hex of a text. */
  readonly digest: (text: string) => string;
}

/** Units of a tool's arguments, as JSON text. */
const MOST_ARGUMENTS_TEXT = 4_096;
/** Units of an argument of a program in a record, and how many of them. */
const MOST_ARGUMENT = 256;
const MOST_ARGUMENTS = 16;

/**
 * What was decided of one action. Arguments are in it as a digest, so that a record keeps no secret of theirs; in words
 * only where a rule obliges to log them, without what it obliges to redact.
 */
export function decisionRecord({ id, at, action, governed, digest }: GovernanceRecord): AuditEvent {
  const form = actionForm(action, digest);
  const detail: Record<string, AuditValue> = form === undefined ? {} : { digest: digest(form) };
  if (governed.kind === "allowed") {
    const { log, redact } = governed.obligations;
    if (log === "full" && action.kind === "exec" && action.argv !== undefined) {
      detail["argv"] = action.argv.slice(0, MOST_ARGUMENTS).map((argument) => safeText(argument, MOST_ARGUMENT));
    }
    if (log === "full" && action.kind === "tool" && action.arguments.state === "known") {
      const redacted = redactedArguments(action.arguments.value, redact, digest);
      detail["arguments"] = safeText(JSON.stringify(redacted), MOST_ARGUMENTS_TEXT);
    }
    if (governed.approval !== undefined) detail["approval"] = governed.approval;
    if (governed.observed !== undefined) detail["observed"] = governed.observed;
  }
  return {
    time: at,
    kind: "governance.decision",
    action: action.kind,
    target: actionTarget(action),
    decision: governed.kind === "allowed" ? "allow" : "deny",
    reason: governed.kind === "allowed" ? null : governed.reason,
    rule: governed.rule ?? null,
    policy: governed.policy ?? null,
    request: id,
    detail,
  };
}
