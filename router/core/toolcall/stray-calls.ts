import { spelling } from "../inference/inner-names.ts";
import type { CallMarks } from "./call-mark.ts";
import type { SourceNode, SourceObject } from "./source-tree.ts";

/** Members that hold calls, in whatever API, by their spelling. */
const MEMBERS: ReadonlySet<string> = new Set([
  "toolcall",
  "toolcalls",
  "functioncall",
  "functioncalls",
  "tooluse",
  "tooluses",
]);
const SHORTEST = 7;
/** What calls say that they are, by its spelling. */
const TYPES: ReadonlySet<string> = new Set([
  "tooluse",
  "mcptooluse",
  "toolcall",
  "functioncall",
  "customtoolcall",
  "mcpcall",
  "mcpapprovalrequest",
  "localshellcall",
  "shellcall",
  "computercall",
  "applypatchcall",
]);
/** Of a response: what the request said. */
const ECHOED: ReadonlySet<string> = new Set(["tools", "tool_choice", "text", "metadata", "instructions", "prompt"]);

/**
 * Whether a document has something that may be a call where no reader of ours has taken it for one: under another name,
 * in another case, in a place that is not the API's.
 */
export function hasStrayCall(root: SourceNode, { claimed }: CallMarks): boolean {
  return isStray(root, claimed, 0);
}

/** As deep as the tree is, which its reader has bounded. */
function isStray(node: SourceNode, claimed: ReadonlySet<SourceNode>, depth: number): boolean {
  if (claimed.has(node)) return false;
  if (node.kind === "list") return node.items.some((item) => isStray(item, claimed, depth + 1));
  if (node.kind !== "object") return false;
  const isResponse = depth <= 1 && isResponseObject(node);
  for (const [name, value] of node.members) {
    if (isResponse && ECHOED.has(name)) continue;
    if (isCallMember(name) && !isEmpty(value) && !claimed.has(value)) return true;
    if (
      value.kind === "text" &&
      value.value.length <= 64 &&
      TYPES.has(spelling(value.value)) &&
      spelling(name) === "type"
    ) {
      return true;
    }
    if (isStray(value, claimed, depth + 1)) return true;
  }
  return false;
}

function isResponseObject({ members }: SourceObject): boolean {
  const kind = members.get("object");
  return kind?.kind === "text" && kind.value === "response";
}

/** A letter of ASCII that begins none of them says so at once. */
function isCallMember(name: string): boolean {
  if (name.length < SHORTEST) return false;
  const first = name.charCodeAt(0) | 0x20;
  const isOther = first >= 0x61 && first <= 0x7a && first !== 0x74 && first !== 0x66;
  return !isOther && MEMBERS.has(spelling(name));
}

function isEmpty(node: SourceNode): boolean {
  switch (node.kind) {
    case "list":
      return node.items.length === 0;
    case "text":
      return node.value === "";
    case "plain":
      return node.value === null || node.value === false;
    default:
      return false;
  }
}
