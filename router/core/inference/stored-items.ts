import type { ItemShape, ItemWish } from "../json/item-shapes.ts";

/**
 * The items of an input of `responses` that may have an id of OpenAI's -> the member that has what they say, which the
 * provider must otherwise have kept. An image that was generated is none of them: with its octets or without, it is an image.
 */
const SAYS: ReadonlyMap<string, readonly string[]> = new Map([
  ["message", ["content"]],
  ["reasoning", ["encrypted_content"]],
  ["compaction", ["encrypted_content"]],
  ["function_call", ["arguments"]],
  ["function_call_output", ["output"]],
  ["custom_tool_call", ["input"]],
  ["custom_tool_call_output", ["output"]],
  // What it found is never in it.
  ["web_search_call", ["action"]],
  // What these two found is in them where the agent asked for that, and null where it is left with the provider.
  ["file_search_call", ["results"]],
  ["code_interpreter_call", ["outputs"]],
  ["computer_call", ["action", "actions"]],
  ["computer_call_output", ["output"]],
  ["local_shell_call", ["action"]],
  ["local_shell_call_output", ["output"]],
  ["shell_call", ["action"]],
  ["shell_call_output", ["output"]],
  ["apply_patch_call", ["operation"]],
  // Its output may be left out: that the patch was applied says it all.
  ["apply_patch_call_output", ["output", "call_id"]],
  ["tool_search_call", ["arguments"]],
  ["tool_search_output", ["tools"]],
  ["additional_tools", ["tools"]],
  ["program", ["code"]],
  ["program_output", ["result"]],
  ["mcp_list_tools", ["tools"]],
  ["mcp_call", ["output", "error"]],
  ["mcp_approval_request", ["arguments"]],
  ["mcp_approval_response", ["approval_request_id"]],
]);

/** Where one of these says nothing (`""`, `[]`), the provider may take its own; the others say that there was nothing. */
const MUST_SAY: ReadonlySet<string> = new Set(["message", "reasoning", "compaction"]);

const REFERENCE = "item_reference";

/** What to look for in the items. */
export const INPUT_ITEMS: ItemWish = {
  list: "input",
  kind: "type",
  names: ["id", "role", ...new Set([...SAYS.values()].flat())],
};

/**
 * Whether an item may stand for one that the provider has stored, which is of any length: it has an id, and does not
 * itself say what items of its type do. One without a type is a message where it has a role, and a reference otherwise.
 */
export function isStoredItem({ kind, has, once, full }: ItemShape): boolean {
  if (kind === REFERENCE) return true;
  if (!has.has("id")) return false;
  const type = kind ?? (full.has("role") ? "message" : REFERENCE);
  const said = MUST_SAY.has(type) ? full : once;
  return SAYS.get(type)?.some((name) => said.has(name)) !== true;
}
