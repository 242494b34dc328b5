import type { CallMarks } from "./call-mark.ts";
import { argumentsIn, indexIn, nameIn } from "./call-parts.ts";
import { isPlainlySpelled, knownNames, listIn, memberIn, objectIn } from "./source-member.ts";
import type { SourceDocument, SourceNode } from "./source-tree.ts";

/** Events of `converse-stream`, which the frame names, and whole answers of `converse`. */
export function converseCalls(document: SourceDocument, event: string | undefined, into: CallMarks): void {
  eventCalls(document, document.root, event, into);
  for (const block of listIn(objectIn(objectIn(document.root, "output"), "message"), "content")?.items ?? []) {
    call(document, block, undefined, into);
  }
}

const NOVA_EVENTS = ["contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop"];

/** Nova's own events, in chunks of `invoke-with-response-stream`: as those of `converse-stream`, each in a member. */
export function novaCalls(document: SourceDocument, into: CallMarks): void {
  for (const event of NOVA_EVENTS) {
    const holder = objectIn(document.root, event);
    if (holder !== undefined) eventCalls(document, holder, event, into);
  }
}

function eventCalls(document: SourceDocument, holder: SourceNode, event: string | undefined, into: CallMarks): void {
  const key = `block#${indexIn(holder, "contentBlockIndex", into)}/`;
  for (const part of ["start", "delta"]) call(document, objectIn(holder, part), key, into);
  if (event === "contentBlockStop") into.end(key);
  if (event === "messageStop") into.end("");
}

const TOOL_USE = knownNames("toolUseId", "name", "input");

function call(document: SourceDocument, block: SourceNode | undefined, key: string | undefined, into: CallMarks): void {
  const use = memberIn(block, "toolUse");
  if (use === undefined) return;
  into.claim(use);
  if (use.kind !== "object" || !isPlainlySpelled(use, TOOL_USE)) return into.fail();
  const name = nameIn(use, "name", into);
  const text = argumentsIn(document, use, "input");
  into.put(
    key === undefined
      ? { kind: "whole", key, name, text, form: "optional" }
      : { kind: "piece", key, name, text, form: "optional" },
  );
}
