import type { ScannedMember, ScannedObject } from "./scanned-object.ts";
import type { Edit } from "./splice.ts";

/** A top-level member is given a value, by its JSON text; or, where the text is undefined, is taken away. */
export interface MemberChange {
  readonly name: string;
  readonly text: string | undefined;
}

/**
 * The edits, for `splice`, that change an object so. All the changes to it are given at once, since which commas go depends on
 * all of them. A member that is not there is put first. Throws where a name was not to be captured, since another member of the
 * name might be there, and where a name comes twice.
 */
export function editMembers(object: ScannedObject, changes: readonly MemberChange[]): readonly Edit[] {
  const removed: ScannedMember[] = [];
  const edits: Edit[] = [];
  let inserted = "";
  for (const change of changes) {
    const { name, text } = change;
    const isTwice = changes.some((other) => other !== change && other.name === name);
    if (isTwice || !object.capture.has(name) || object.long.has(name))
      throw new Error("a change to a member twice, or to one not looked for");
    const member = object.members.get(name);
    if (text === undefined) {
      if (member !== undefined) removed.push(member);
    } else if (member !== undefined) {
      edits.push({ at: member.at, end: member.end, text });
    } else {
      inserted += `${inserted === "" ? "" : ","}${JSON.stringify(name)}:${text}`;
    }
  }
  if (removed.length > 0) edits.push(...removals(removed));
  if (edits.length > 1) edits.sort((one, other) => one.at - other.at);
  if (inserted === "") return edits;
  const isAlone = removed.length === object.size;
  return [{ at: object.open, end: object.open, text: isAlone ? inserted : `${inserted},` }, ...edits];
}

/** One edit for each run of neighbours: with the comma after it, or, where it is at the end, the comma before. */
function removals(members: readonly ScannedMember[]): readonly Edit[] {
  const edits: Edit[] = [];
  let first: ScannedMember | undefined;
  let last: ScannedMember | undefined;
  for (const member of members.toSorted((one, other) => one.index - other.index)) {
    if (first !== undefined && last !== undefined && member.index !== last.index + 1) {
      edits.push(removal(first, last));
      first = undefined;
    }
    first ??= member;
    last = member;
  }
  return first === undefined || last === undefined ? edits : [...edits, removal(first, last)];
}

function removal(first: ScannedMember, last: ScannedMember): Edit {
  if (last.commaAfter !== undefined) return { at: first.keyAt, end: last.commaAfter + 1, text: "" };
  return { at: first.commaBefore ?? first.keyAt, end: last.end, text: "" };
}
