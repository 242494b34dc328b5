import type { CallMarks } from "./call-mark.ts";
import { argumentsIn, indexIn, nameIn } from "./call-parts.ts";
import { isPlainlySpelled, knownNames, listIn, memberIn, objectIn, textIn } from "./source-member.ts";
import type { SourceDocument, SourceNode, SourceObject } from "./source-tree.ts";

const PART = knownNames("functionCall", "function_call");
const CALL = knownNames("id", "name", "args", "partialArgs", "partial_args", "willContinue", "will_continue");

/** `candidates[].content.parts[]`: a call is whole, or says that it goes on (`willContinue`), and then its arguments are not read. */
export function geminiCalls(document: SourceDocument, into: CallMarks): void {
  for (const candidate of listIn(document.root, "candidates")?.items ?? []) {
    const key = `candidate#${indexIn(candidate, "index", into)}/`;
    for (const part of listIn(objectIn(candidate, "content"), "parts")?.items ?? []) {
      if (part.kind === "object") partCalls(document, part, key, into);
    }
    const reason = textIn(candidate, "finishReason");
    if (reason !== undefined && reason !== "") into.end(key, true);
  }
}

function partCalls(document: SourceDocument, part: SourceObject, key: string, into: CallMarks): void {
  // What Google runs, shown beside the agent's own calls.
  const hosted = objectIn(part, "toolCall");
  if (hosted !== undefined && textIn(hosted, "toolType") !== undefined && memberIn(hosted, "name") === undefined) {
    into.claim(hosted);
  }
  const call = memberIn(part, "functionCall") ?? memberIn(part, "function_call");
  if (call === undefined) return;
  into.claim(call);
  if (call.kind !== "object" || !isPlainlySpelled(part, PART) || !isPlainlySpelled(call, CALL)) return into.fail();
  const name = nameIn(call, "name", into);
  const text = argumentsIn(document, call, "args");
  const goesOn = isTrue(memberIn(call, "willContinue") ?? memberIn(call, "will_continue"));
  const isPartial = (memberIn(call, "partialArgs") ?? memberIn(call, "partial_args")) !== undefined;
  if (name !== undefined && !goesOn && !isPartial) {
    into.put({ kind: "whole", key: undefined, name, text, form: "optional" });
    return;
  }
  into.put({ kind: "piece", key: `${key}call`, name, text, form: "unknown" });
  if (!goesOn) into.end(`${key}call`, true);
}

function isTrue(node: SourceNode | undefined): boolean {
  return node?.kind === "plain" && node.value === true;
}
