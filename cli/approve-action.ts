import { hash } from "node:crypto";
import { actionSummary } from "../router/core/approval/action-summary.ts";
import type { HeldApproval } from "./approve-object.ts";
import { shownText } from "./shown-text.ts";

/** UTF-16 units on a terminal: nobody reads more there. */
export const MOST_SHOWN = 65_536;

/** What an approval is for, as rows of a label and a text that is safe on a terminal. */
export interface ShownAction {
  readonly rows: readonly (readonly [label: string, text: string])[];
  /** Every member stands there from its first character to its last; else there is too much of it. */
  readonly isWhole: boolean;
}

/** One line where all of it fits there, else each member on a row of its own, and each argument of a program. */
export function shownAction({ approval, action }: Pick<HeldApproval, "approval" | "action">): ShownAction {
  const summary = actionSummary(approval.action, { redact: [], sha256: (text) => hash("sha256", text, "hex") });
  const line = shownText(summary, Infinity);
  // Whatever shortens a text marks the place with this.
  if (!summary.includes("…")) return { rows: [["action", line]], isWhole: true };
  const rows = Object.entries(action).flatMap(([name, value]) => memberRows(name, value));
  const length = rows.reduce((sum, [label, text]) => sum + label.length + text.length, 0);
  if (length > MOST_SHOWN) {
    return {
      rows: [
        ["action", line],
        ["", `ATTENTION: the whole of it has ${length} characters and is not shown`],
      ],
      isWhole: false,
    };
  }
  return { rows: [["action", "all of it, one member a row"], ...rows], isWhole: true };
}

/** As JSON, so that no value passes for another; of its escapes none is lost. */
function memberRows(name: string, value: unknown): readonly (readonly [label: string, text: string])[] {
  if (!Array.isArray(value) || value.length === 0) return [[name, shownText(JSON.stringify(value), Infinity)]];
  return value.map((item, at) => [`${name}[${at}]`, shownText(JSON.stringify(item), Infinity)] as const);
}
