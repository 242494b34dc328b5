import type { Json } from "../json/json.ts";
import type { MemberChange } from "../json/member-edit.ts";
import type { ScannedObject } from "../json/scanned-object.ts";
import type { Api } from "./api.ts";
import { CAPS, type RequestFacts } from "./request-facts.ts";

/** What of a body the router itself writes; all else goes on octet by octet. */
export interface OutgoingWishes {
  readonly api: Api;
  /** The provider's own name of the model. */
  readonly model: string;
  /** The most output tokens of one choice; undefined: no budget asks for a cap. */
  readonly cap: number | undefined;
  /** Ask a stream for its usage. */
  readonly streamUsage: boolean;
  /** Which of chat's two names a cap is written under where the request names none: newer models know but one. */
  readonly newCapName: boolean;
}

/** The members to be set, with their new values as JSON text. */
export function outgoingEdits(
  body: ScannedObject,
  facts: RequestFacts,
  wishes: OutgoingWishes,
): readonly MemberChange[] {
  const edits: MemberChange[] = [];
  const set = (name: string, value: Json): void => void edits.push({ name, text: JSON.stringify(value) });
  const value = (name: string): Json | undefined => body.members.get(name)?.value;
  const named = value("model");
  const model = wishes.api === "gemini_embed" ? `models/${wishes.model}` : wishes.model;
  if (named === undefined ? NAMED_IN_BODY.has(wishes.api) : named !== model) set("model", model);
  if (wishes.streamUsage && facts.stream && !facts.wantsUsage && USAGE_ON_REQUEST.has(wishes.api)) {
    set("stream_options", { ...members(value("stream_options")), include_usage: true });
  }
  const { cap } = wishes;
  if (cap === undefined || (facts.maxOutput !== undefined && facts.maxOutput <= cap)) return edits;
  const places = CAPS[wishes.api];
  let written = false;
  for (const { name, outer } of places) {
    const holder = outer === undefined ? undefined : members(value(outer));
    const stated = outer === undefined ? value(name) : holder?.[name];
    if (stated === undefined || stated === null) continue;
    written = true;
    if (typeof stated === "number" && stated >= 0 && stated <= cap) continue;
    if (outer === undefined) set(name, cap);
    else set(outer, { ...holder, [name]: cap });
  }
  const first = wishes.api === "chat" && !wishes.newCapName ? places[1] : places[0];
  if (written || first === undefined) return edits;
  if (first.outer === undefined) set(first.name, cap);
  else set(first.outer, { ...members(value(first.outer)), [first.name]: cap });
  return edits;
}

/** APIs whose path does not name the model. */
const NAMED_IN_BODY: ReadonlySet<Api> = new Set<Api>([
  "chat",
  "completions",
  "responses",
  "embeddings",
  "messages",
  "count_tokens",
  "ollama_chat",
  "ollama_generate",
  "ollama_embed",
]);
const USAGE_ON_REQUEST: ReadonlySet<Api> = new Set<Api>(["chat", "completions"]);

function members(value: Json | undefined): { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as { [key: string]: Json }) : {};
}
