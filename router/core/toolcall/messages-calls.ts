import { spelling } from "../inference/inner-names.ts";
import type { CallMarks } from "./call-mark.ts";
import { argumentsIn, indexIn, nameIn } from "./call-parts.ts";
import { isPlainlySpelled, knownNames, listIn, memberIn, objectIn, textIn } from "./source-member.ts";
import type { SourceDocument, SourceNode, SourceObject } from "./source-tree.ts";

/** Events of Anthropic's streams, where a block begins with its name and goes on with its input; and whole messages. */
export function messagesCalls(document: SourceDocument, into: CallMarks): void {
  const { root } = document;
  const block = objectIn(root, "content_block");
  const delta = objectIn(root, "delta");
  const type = textIn(root, "type");
  if (block !== undefined) blockCalls(document, block, keyIn(root, into), into);
  const piece = memberIn(delta, "partial_json");
  if (delta !== undefined && piece !== undefined) {
    if (piece.kind !== "text") return into.fail();
    into.put({ kind: "piece", key: keyIn(root, into), name: undefined, text: piece.value, form: "optional" });
  }
  if (type === "content_block_stop") into.end(keyIn(root, into));
  if (type === "message_stop") into.end("");
  for (const holder of [root, objectIn(root, "message")]) {
    for (const item of listIn(holder, "content")?.items ?? []) {
      if (item.kind === "object") blockCalls(document, item, undefined, into);
    }
  }
}

function keyIn(root: SourceNode, into: CallMarks): string {
  return `block#${indexIn(root, "index", into)}/`;
}

const BLOCK = knownNames("type", "name", "input");

function blockCalls(document: SourceDocument, block: SourceObject, key: string | undefined, into: CallMarks): void {
  switch (textIn(block, "type") ?? "") {
    case "tool_use":
    case "mcp_tool_use":
      break;
    case "server_tool_use":
      into.claim(block);
      if (key !== undefined) into.put({ kind: "hosted", key });
      return;
    default:
      if (isOther(block)) return;
      return into.fail();
  }
  into.claim(block);
  if (!isPlainlySpelled(block, BLOCK)) return into.fail();
  const input = memberIn(block, "input");
  const isEmpty = input === undefined || (input.kind === "object" && input.members.size === 0);
  const text = isEmpty ? undefined : argumentsIn(document, block, "input");
  const name = nameIn(block, "name", into);
  into.put(
    key === undefined
      ? { kind: "whole", key, name, text, form: "optional" }
      : { kind: "piece", key, name, text, form: "optional" },
  );
}

/** It is no call: it says so, and has no name where it does not say what it is. */
function isOther(block: SourceObject): boolean {
  const type = textIn(block, "type");
  if (!isPlainlySpelled(block, BLOCK)) return false;
  return type === undefined ? memberIn(block, "name") === undefined : !isLikeCall(type);
}

/** A type that is none of the API's, and that a lenient reader may take for one. */
export function isLikeCall(type: string): boolean {
  const spelled = spelling(type);
  return spelled.includes("tooluse") || spelled.includes("toolcall") || spelled.includes("functioncall");
}
