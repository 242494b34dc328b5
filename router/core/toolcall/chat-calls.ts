import type { CallMarks, CallText } from "./call-mark.ts";
import { argumentsIn, indexIn, nameIn, objectsIn } from "./call-parts.ts";
import { isPlainlySpelled, knownNames, listIn, memberIn, objectIn, textIn } from "./source-member.ts";
import type { SourceDocument, SourceNode, SourceObject } from "./source-tree.ts";

/**
 * `choices[]` with `delta` (in pieces) or `message` (whole), and a `finish_reason` after the last piece. Google's calls have
 * no `index`, and each its own `id`; of two that say the same `index`, clients put the names together, whatever their ids.
 */
export function chatCalls(document: SourceDocument, into: CallMarks): void {
  for (const choice of listIn(document.root, "choices")?.items ?? []) {
    const delta = objectIn(choice, "delta");
    const message = objectIn(choice, "message");
    const key = `choice#${indexIn(choice, "index", into)}/`;
    if (delta !== undefined) calls(document, delta, key, into);
    if (message !== undefined) calls(document, message, undefined, into);
    const reason = textIn(choice, "finish_reason");
    if (reason !== undefined && reason !== "") into.end(key);
  }
}

/** Lines of Ollama's own API: calls are whole, and their arguments objects. */
export function ollamaCalls(document: SourceDocument, into: CallMarks): void {
  const message = objectIn(document.root, "message");
  if (message !== undefined) calls(document, message, undefined, into);
}

const ENTRY = knownNames("index", "id", "type", "function", "custom", "name", "arguments", "input");
const FUNCTION = knownNames("name", "arguments");
const CUSTOM = knownNames("name", "input");

function calls(document: SourceDocument, holder: SourceObject, key: string | undefined, into: CallMarks): void {
  const list = memberIn(holder, "tool_calls");
  if (list !== undefined) into.claim(list);
  for (const entry of objectsIn(list, into)) {
    if (entry.kind !== "object" || !isPlainlySpelled(entry, ENTRY)) return into.fail();
    // Not where the API has them, but where a lenient reader may look.
    if (["name", "arguments", "input"].some((name) => memberIn(entry, name) !== undefined)) return into.fail();
    const call = memberIn(entry, "function");
    const custom = memberIn(entry, "custom");
    if (call !== undefined && custom !== undefined) return into.fail();
    const text = callIn(document, call ?? custom, custom !== undefined, into);
    if (key === undefined) {
      put(undefined, text, into);
      continue;
    }
    const place = memberIn(entry, "index") === undefined ? undefined : indexIn(entry, "index", into);
    into.put({ kind: "listed", group: `${key}tool`, place, id: textIn(entry, "id") ?? "", ...text });
  }
  // The older form, of which there is one.
  const older = memberIn(holder, "function_call");
  if (older === undefined) return;
  into.claim(older);
  put(key === undefined ? undefined : `${key}function`, callIn(document, older, false, into), into);
}

function callIn(document: SourceDocument, call: SourceNode | undefined, isCustom: boolean, into: CallMarks): CallText {
  const form = isCustom ? "free" : "json";
  if (call === undefined) return { name: undefined, text: undefined, form };
  if (call.kind !== "object" || !isPlainlySpelled(call, isCustom ? CUSTOM : FUNCTION)) into.fail();
  const text = argumentsIn(document, call, isCustom ? "input" : "arguments");
  return { name: nameIn(call, "name", into), text, form };
}

function put(key: string | undefined, text: CallText, into: CallMarks): void {
  into.put(key === undefined ? { kind: "whole", key, ...text } : { kind: "piece", key, ...text });
}
