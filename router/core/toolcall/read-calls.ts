import type { Api } from "../inference/api.ts";
import { CallMarks } from "./call-mark.ts";
import { chatCalls, ollamaCalls } from "./chat-calls.ts";
import { converseCalls, novaCalls } from "./converse-calls.ts";
import { geminiCalls } from "./gemini-calls.ts";
import { messagesCalls } from "./messages-calls.ts";
import { responsesCalls } from "./responses-calls.ts";
import type { SourceDocument } from "./source-tree.ts";
import { hasStrayCall } from "./stray-calls.ts";

type CallReader = (document: SourceDocument, event: string | undefined, into: CallMarks) => void;

const READERS: Partial<Record<Api, CallReader>> = {
  chat: (document, _, into) => chatCalls(document, into),
  responses: (document, _, into) => responsesCalls(document, into),
  messages: (document, _, into) => messagesCalls(document, into),
  converse: converseCalls,
  generate_content: (document, _, into) => geminiCalls(document, into),
  ollama_chat: (document, _, into) => ollamaCalls(document, into),
  // Whose model it is, is not known: what any of them would call a call.
  invoke: (document, _, into) => {
    chatCalls(document, into);
    messagesCalls(document, into);
    converseCalls(document, undefined, into);
    novaCalls(document, into);
  },
};

/** Whether answers of this API can call tools. */
export function canCall(api: Api): boolean {
  return READERS[api] !== undefined;
}

/**
 * What a document of an answer says of calls: a frame's, whose event the API may name beside it, or the whole. Undefined:
 * it may hold a call that cannot be told for sure.
 */
export function readCalls(api: Api, document: SourceDocument, event: string | undefined): CallMarks | undefined {
  const into = new CallMarks();
  if (document.root.kind !== "object") return undefined;
  READERS[api]?.(document, event, into);
  return into.isUnreadable || hasStrayCall(document.root, into) ? undefined : into;
}
