import type { ItemShape, ItemWish } from "../json/item-shapes.ts";

/** The items of an input of `responses` that may have an id of OpenAI's -> the member that has what they say. */
const SAYS: ReadonlyMap<string, string> = new Map([
  ["message", "content"],
  ["function_call", "arguments"],
  ["function_call_output", "output"],
  ["custom_tool_call", "input"],
  ["custom_tool_call_output", "output"],
  ["reasoning", "encrypted_content"],
  ["local_shell_call", "action"],
  ["local_shell_call_output", "output"],
  ["shell_call", "action"],
  ["shell_call_output", "output"],
  ["apply_patch_call", "operation"],
  ["computer_call", "action"],
  ["computer_call_output", "output"],
]);

const REFERENCE = "item_reference";

/** What to look for in the items. */
export const INPUT_ITEMS: ItemWish = { list: "input", kind: "type", names: ["id", "role", ...new Set(SAYS.values())] };

/**
 * Whether an item may stand for one that the provider has stored, which is of any length: it has an id, and does not
 * itself say what items of its type do. One without a type is a message where it has a role, and a reference otherwise.
 */
export function isStoredItem({ kind, has, full }: ItemShape): boolean {
  if (kind === REFERENCE) return true;
  if (!has.has("id")) return false;
  const says = SAYS.get(kind ?? (full.has("role") ? "message" : REFERENCE));
  return says === undefined || !full.has(says);
}
