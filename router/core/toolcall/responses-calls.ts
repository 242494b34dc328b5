import type { CallMarks, CallText } from "./call-mark.ts";
import { argumentsIn, indexIn, nameIn } from "./call-parts.ts";
import { isLikeCall } from "./messages-calls.ts";
import { isPlainlySpelled, knownNames, listIn, memberIn, objectIn, textIn } from "./source-member.ts";
import type { SourceDocument, SourceNode, SourceObject } from "./source-tree.ts";

/** Typed events, the last of which says everything once more; and whole responses. */
export function responsesCalls(document: SourceDocument, into: CallMarks): void {
  const { root } = document;
  const type = textIn(root, "type") ?? "";
  const item = objectIn(root, "item");
  if (item !== undefined) {
    const key = keyIn(root, into);
    const call = itemCall(document, item, into);
    if (call === "hosted") into.put({ kind: "hosted", key });
    // What goes on may go on from what is said here; an action is said whole, and only when the item is done.
    else if (call !== undefined && type === "response.output_item.added") {
      const isText = textIn(item, "arguments") !== undefined || textIn(item, "input") !== undefined;
      into.put({ kind: "piece", key, ...call, text: isText ? call.text : undefined });
    } else if (call !== undefined) into.put({ kind: "whole", key, ...call });
  }
  pieces(document, root, type, into);
  if (TERMINAL.test(type)) into.end("");
  all(document, objectIn(root, "response"), "echo", into);
  all(document, root, "whole", into);
}

const TERMINAL = /^response\.(?:completed|incomplete|failed|cancelled)$/;

function keyIn(root: SourceNode, into: CallMarks): string {
  return `item#${indexIn(root, "output_index", into)}/`;
}

const PIECE = /^response\.(?:(function_call|mcp_call)_arguments|custom_tool_call_input)\.(delta|done)$/;

function pieces(document: SourceDocument, root: SourceNode, type: string, into: CallMarks): void {
  const [, what, step] = PIECE.exec(type) ?? [];
  if (step === undefined) return;
  const form = what === undefined ? "free" : "json";
  const key = keyIn(root, into);
  if (step === "delta") {
    into.put({ kind: "piece", key, name: undefined, text: argumentsIn(document, root, "delta"), form });
    return;
  }
  const text = argumentsIn(document, root, what === undefined ? "input" : "arguments");
  into.put({ kind: "whole", key, name: nameIn(root, "name", into), text, form });
}

function all(
  document: SourceDocument,
  holder: SourceObject | SourceNode | undefined,
  kind: "echo" | "whole",
  into: CallMarks,
): void {
  for (const item of listIn(holder, "output")?.items ?? []) {
    const call = item.kind === "object" ? itemCall(document, item, into) : undefined;
    if (call === undefined || call === "hosted") continue;
    into.put(kind === "echo" ? { kind, ...call } : { kind, key: undefined, ...call });
  }
}

/** Tools that OpenAI defines and the agent runs: the name under which they are declared, and what they are called with. */
const BUILT_IN: Readonly<Record<string, readonly [name: string, input: string]>> = {
  local_shell_call: ["local_shell", "action"],
  shell_call: ["shell", "action"],
  computer_call: ["computer", "action"],
  apply_patch_call: ["apply_patch", "operation"],
};

const HOSTED: ReadonlySet<string> = new Set([
  "web_search_call",
  "file_search_call",
  "code_interpreter_call",
  "image_generation_call",
]);

const ITEM = knownNames("type", "name", "arguments", "input", "action", "operation", "execution");

/** Undefined: the item is no call. */
function itemCall(document: SourceDocument, item: SourceObject, into: CallMarks): CallText | "hosted" | undefined {
  const type = textIn(item, "type") ?? "";
  if (!isPlainlySpelled(item, ITEM)) into.fail();
  switch (type) {
    case "function_call":
    case "mcp_call":
    case "mcp_approval_request":
      return claimed(document, item, nameIn(item, "name", into), "arguments", "json", into);
    case "custom_tool_call":
      return claimed(document, item, nameIn(item, "name", into), "input", "free", into);
    case "tool_search_call":
      if (textIn(item, "execution") === "client") {
        return claimed(document, item, "tool_search", "arguments", "json", into);
      }
      into.claim(item);
      return "hosted";
    default:
  }
  if (HOSTED.has(type)) {
    into.claim(item);
    return "hosted";
  }
  const builtIn = Object.hasOwn(BUILT_IN, type) ? BUILT_IN[type] : undefined;
  if (builtIn !== undefined) {
    // What it does is one member; a second one could be what the client reads.
    const isSure = !item.members.has("actions") && !item.members.has("commands");
    return claimed(document, item, builtIn[0], builtIn[1], isSure ? "json" : "unknown", into);
  }
  // A reader may take what it is from the members that it has.
  if (type === "" && memberIn(item, "name") !== undefined) into.fail();
  if (type.endsWith("_output") || (!isLikeCall(type) && !/call$/i.test(type))) return undefined;
  // A kind of call that is not known: judged by what it is called, where it has no other name.
  if (memberIn(item, "name") !== undefined || isLikeCall(type)) into.fail();
  return claimed(document, item, type.slice(0, 256), "arguments", "unknown", into);
}

function claimed(
  document: SourceDocument,
  item: SourceObject,
  name: string | undefined,
  input: string,
  form: CallText["form"],
  into: CallMarks,
): CallText {
  into.claim(item);
  return { name, text: argumentsIn(document, item, input), form };
}
