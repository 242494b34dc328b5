import { assertNever } from "../base/assert-never.ts";
import type { Json } from "../json/json.ts";
import type { MemberChange } from "../json/member-edit.ts";
import type { ScannedObject } from "../json/scanned-object.ts";
import type { Api } from "./api.ts";
import { isJsonObject } from "./meter-member.ts";
import { CAPS, type CapPlace } from "./output-cap.ts";
import { isAnthropicForm, REQUESTS, type RequestFacts } from "./request-facts.ts";

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
  const model = RESOURCES.has(wishes.api) ? `models/${wishes.model}` : wishes.model;
  const requests = wishes.api === "gemini_embed_batch" ? value(REQUESTS) : undefined;
  if (Array.isArray(requests))
    set(
      REQUESTS,
      (requests as readonly Json[]).map((one) => ({ ...members(one), model })),
    );
  if (named === undefined ? NAMED_IN_BODY.has(wishes.api) : named !== model) set("model", model);
  if (wishes.streamUsage && facts.stream && !facts.wantsUsage && USAGE_ON_REQUEST.has(wishes.api)) {
    set("stream_options", { ...members(value("stream_options")), include_usage: true });
  }
  const { cap } = wishes;
  if (cap === undefined || (facts.maxOutput !== undefined && facts.maxOutput <= cap)) return edits;
  const clamped = clampedMembers(wishes.api, value, cap);
  for (const [name, clamp] of clamped) set(name, clamp);
  if (clamped.size > 0) return edits;
  const place = newCapPlace(body, wishes);
  if (place?.outer !== undefined) set(place.outer, { ...members(value(place.outer)), [place.name]: cap });
  else if (place !== undefined) set(place.name, cap);
  return edits;
}

/** Every stated cap that is more than `cap`, or no cap at all: top-level member -> its new value. */
function clampedMembers(api: Api, value: (name: string) => Json | undefined, cap: number): ReadonlyMap<string, Json> {
  const clamped = new Map<string, Json>();
  for (const { name, outer } of CAPS[api]) {
    const holder = outer === undefined ? undefined : members(clamped.get(outer) ?? value(outer));
    const stated = outer === undefined ? value(name) : holder?.[name];
    if (stated === undefined || stated === null) continue;
    if (typeof stated === "number" && stated >= 0 && stated <= cap) continue;
    if (outer === undefined) clamped.set(name, cap);
    else clamped.set(outer, { ...holder, [name]: cap });
  }
  return clamped;
}

/** Where a cap is written if none is stated; undefined: the router knows no place. */
function newCapPlace(body: ScannedObject, { api, newCapName }: OutgoingWishes): CapPlace | undefined {
  const places = CAPS[api];
  switch (api) {
    case "chat":
      return newCapName ? places[0] : places[1];
    case "generate_content":
      // Into the holder that is there: two of them would be two spellings of one.
      return places.find(({ outer }) => outer !== undefined && body.members.has(outer)) ?? places[0];
    case "invoke":
      return isAnthropicForm(body) ? places[0] : undefined;
    case "completions":
    case "responses":
    case "embeddings":
    case "messages":
    case "count_tokens":
    case "gemini_count_tokens":
    case "gemini_embed":
    case "gemini_embed_batch":
    case "converse":
    case "ollama_chat":
    case "ollama_generate":
    case "ollama_embed":
      return places[0];
    default:
      return assertNever(api);
  }
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
/** APIs that name it as Google does. */
const RESOURCES: ReadonlySet<Api> = new Set<Api>(["gemini_embed", "gemini_embed_batch"]);
const USAGE_ON_REQUEST: ReadonlySet<Api> = new Set<Api>(["chat", "completions"]);

function members(value: Json | undefined): { readonly [key: string]: Json } {
  return isJsonObject(value) ? value : {};
}
