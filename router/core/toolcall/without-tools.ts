import { ok, type Result } from "../base/result.ts";
import { memberOf } from "../inference/meter-member.ts";
import type { Json } from "../json/json.ts";
import { editMembers } from "../json/member-edit.ts";
import type { ScannedObject } from "../json/scanned-object.ts";
import type { Edit } from "../json/splice.ts";
import type { ToolDeclarations } from "./declared-tools.ts";
import { toolChoice } from "./tool-choice.ts";
import type { ToolEntry } from "./tool-entry.ts";
import { CALL_SIGNS, toolPlaces } from "./tool-plan.ts";
import { type ToolProblem, toolProblem } from "./tool-problem.ts";

/**
 * The edits, for `splice` on the body that the declarations were read from, that take out every tool of these names. A
 * list without any tool goes, and with it what its API refuses or cannot use without one; all other octets stay. A
 * problem: what is left would not be what was asked for, or not valid, so the request must be refused.
 */
export function withoutTools(
  { api, tools, lists, object }: ToolDeclarations,
  removed: ReadonlySet<string>,
): Result<readonly Edit[], ToolProblem> {
  const gone = new Set(tools.filter(({ name }) => removed.has(name)).map(({ name }) => name));
  const places = toolPlaces(api);
  if (gone.size === 0 || object === undefined || places === undefined) return ok([]);

  const edits: Edit[] = [];
  const emptied = new Set<string>();
  for (const { member, entries } of lists) {
    const cut = cutFrom(entries, gone);
    if (cut.edits.length === 0) continue;
    if (cut.left > 0) edits.push(...cut.edits);
    else emptied.add(member);
  }

  const choice = toolChoice(choicesIn(object, places.choices));
  if (choice.names.values().some((name) => gone.has(name))) return CHOSEN;
  const isLast = gone.size === new Set(tools.map(({ name }) => name)).size;
  // A demand may be met by what the provider runs, except in Gemini's API, where it is for functions.
  if (choice.demands && isLast && (api === "generate_content" || emptied.size === lists.length)) return CHOSEN;
  if (emptied.size > 0 && (CALL_SIGNS[api] ?? []).some((name) => object.counts.has(name))) return NEEDED;

  const members = places.lists.flatMap(({ name, with: others }) => (emptied.has(name) ? [name, ...others] : []));
  const changes = [...new Set(members)].map((name) => ({ name, text: undefined }));
  return ok([...edits, ...editMembers(object, changes)].toSorted((one, other) => one.at - other.at));
}

const CHOSEN = toolProblem("chosen_tool_denied", "tool_choice", "The request demands a tool that it may not have.");
const NEEDED = toolProblem(
  "tools_needed",
  "tools",
  "The conversation holds calls of tools, none of which the request may have any more.",
);

function choicesIn({ members }: ScannedObject, names: readonly string[]): readonly Json[] {
  return names.flatMap((name) => {
    const value = members.get(name)?.value;
    if (value === undefined) return [];
    // Beside the list that it holds in Bedrock's form.
    const choice = memberOf(value, "tools") === undefined ? value : memberOf(value, "toolChoice");
    return choice === undefined ? [] : [choice];
  });
}

/** `left`: entries that are something by themselves. */
interface Cut {
  readonly edits: readonly Edit[];
  readonly left: number;
}

function cutFrom(entries: readonly ToolEntry[], gone: ReadonlySet<string>): Cut {
  const edits: Edit[] = [];
  let left = 0;
  /** The entries before these are decided; `from` is where a run of entries that go begins. */
  let kept: ToolEntry | undefined;
  let from: ToolEntry | undefined;
  let last: ToolEntry | undefined;
  for (const entry of entries) {
    const within = entry.inner === undefined ? undefined : cutFrom(entry.inner, gone);
    const isEmptied = within !== undefined && within.edits.length > 0 && within.left === 0;
    if ((entry.name !== undefined && gone.has(entry.name)) || (isEmptied && entry.emptied === "goes")) {
      from ??= entry;
    } else {
      if (from !== undefined) edits.push({ at: from.at, end: entry.at, text: "" });
      from = undefined;
      kept = entry;
      if (within !== undefined) edits.push(...within.edits);
      if (entry.emptied !== "nothing") left += 1;
    }
    last = entry;
  }
  if (from !== undefined && last !== undefined) edits.push({ at: kept?.end ?? from.at, end: last.end, text: "" });
  return { edits, left };
}
