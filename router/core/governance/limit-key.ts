import { entryOf, type MapNode } from "../document/document-node.ts";
import type { Report } from "../document/report.ts";
import { ACTION_KINDS, type ActionKind } from "./action-kind.ts";
import { ACTIONS_WITH_KEY, isLimitKey } from "./facts.ts";

/**
 * Reports a limit by what not all of its actions have: those without it would share one bucket that nobody meant.
 * `kinds` undefined: they could not be read.
 */
export function reportKey(written: MapNode, kinds: readonly ActionKind[] | undefined, report: Report): void {
  const per = entryOf(written, "per")?.value;
  if (per?.kind !== "scalar" || !isLimitKey(per.text) || kinds === undefined) return;
  const owners = ACTIONS_WITH_KEY[per.text];
  const other = kinds.find((kind) => !owners.includes(kind));
  if (other === undefined) return;
  const whose = kinds.length === ACTION_KINDS.length ? 'name them under "actions"' : `this is about ${other}`;
  const message = `Only ${owners.join(" and ")} actions are told apart by ${per.text}: ${whose}.`;
  report.add(per, "limit_key_not_applicable", message);
}
