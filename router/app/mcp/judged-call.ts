import type { ToolAction } from "../../core/governance/action.ts";
import type { Denial, Leave } from "../governance/governor.ts";
import type { HeldAction } from "./held-action.ts";

/** A call that may go on, and is on record. */
export interface AllowedCall {
  readonly kind: "allowed";
  readonly action: HeldAction;
  readonly leave: Leave;
  /** Under which it is on record. */
  readonly id: string;
}

export interface DeniedCall {
  readonly kind: "denied";
  readonly action: ToolAction;
  readonly denial: Pick<Denial, "reason" | "policy" | "rule" | "message" | "retryAfter" | "askable">;
}
