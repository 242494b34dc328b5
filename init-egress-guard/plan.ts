import { filterTable } from "./plan-filter.ts";
import { mangleTable, natTable, rawTable } from "./plan-redirect.ts";
import type { RuleSet } from "./rule-set.ts";
import type { Family, GuardSettings } from "./settings.ts";

/**
 * The rules of one family. Default deny: a packet leaves the pod only where the filter table accepts it, and the
 * filter table comes first, so that whatever fails after it the pod is closed.
 */
export function plan(settings: GuardSettings, family: Family): RuleSet {
  const redirects = settings.redirect ? [mangleTable(family), rawTable(settings), natTable(settings, family)] : [];
  return { family, tables: [filterTable(settings, family), ...redirects] };
}
