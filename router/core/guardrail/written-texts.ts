import { eachJsonToken, type JsonToken } from "./json-strings.ts";
import { isOpaque, signOfMember, signOfPlace } from "./opaque-data.ts";

export type Phase = "input" | "output";

/** Where in a body a pattern must look. */
export interface BodyTexts {
  /** All that can hold a text: in a request every name, string and number, so that nothing can be hidden beside a message. */
  readonly all: readonly JsonToken[];
  /** What a model sees or says: what is written, tools' names, and the names and numbers of what tools take and give. */
  readonly said: readonly JsonToken[];
  /** Of those the strings that a person or a model wrote, tool calls and results included: these may be masked. */
  readonly written: readonly JsonToken[];
  /** Values of `logprobs`, which spell the text once more. Of an answer. */
  readonly logprobs: readonly { readonly start: number; readonly end: number }[];
  /** The request holds token numbers instead of text, which nobody can read here. */
  readonly hasTokenIds: boolean;
}

/** What the APIs use to name, type and point, by member; never a message. Of `data` see `opaque-data.ts`. */
const STRUCTURAL = new Set(
  (
    "model role type id object name tool_call_id tool_use_id toolUseId call_id item_id response_id previous_response_id " +
    "media_type mime_type mimeType format detail status finish_reason finishReason stop_reason stopReason done_reason " +
    "signature thoughtSignature encrypted_content service_tier system_fingerprint obfuscation modelVersion " +
    "responseId model_version created_at createTime category probability severity effort language"
  ).split(" "),
);
/** Within objects of these names everything is the model's or the tool's own, whatever its members are called. */
const FREE = new Set(["input", "args", "arguments", "response", "result", "output", "json"]);
/** At the top they are the API's own. */
const FREE_FROM_DEPTH = 2;
/** Some 25 MB while a body of 8 MiB is judged; a prompt has some hundred, a long history some ten thousand. */
const MAXIMUM_TOKENS = 200_000;
const TOKEN_IDS = new Set(["prompt", "input", "context"]);
/** Names of an object that are compared one by one; more get a set. */
const FEW_NAMES = 16;

/**
 * The texts of a request or an answer of any API. Undefined: it is not JSON, or holds more than anybody would say, or is an
 * answer in which an object has two members of one name, of which nobody knows which one counts.
 */
export function bodyTexts(body: string, phase: Phase): BodyTexts | undefined {
  const walk = new Walk(phase);
  const isJson = eachJsonToken(
    body,
    (token) => walk.token(token),
    (step, at, member) => (step === "end" ? walk.end(at) : walk.begin(step, at, member)),
  );
  return isJson ? walk.texts() : undefined;
}

class Walk {
  readonly #phase: Phase;
  readonly #all: JsonToken[] = [];
  readonly #said: JsonToken[] = [];
  readonly #written: JsonToken[] = [];
  readonly #logprobs: { start: number; end: number }[] = [];
  #count = 0;
  #depth = 0;
  #free = Number.POSITIVE_INFINITY;
  #spelled: { readonly start: number; readonly depth: number } | undefined;
  #hasTokenIds = false;
  #hasTwins = false;
  /** By depth: what the members of the object say of its `data`. */
  readonly #signs: number[] = [];
  /** Members called `data` of objects that have not ended. */
  readonly #data: JsonToken[] = [];
  readonly #opaque = new Set<JsonToken>();
  /** By depth: the names of the object's members. Of an answer. */
  readonly #names: (string[] | Set<string> | undefined)[] = [];

  constructor(phase: Phase) {
    this.#phase = phase;
  }

  token(token: JsonToken): void {
    this.#count += 1;
    if (this.#count > MAXIMUM_TOKENS) return;
    const { kind, member } = token;
    const isFree = this.#depth >= this.#free;
    const isString = kind === "string";
    const isWritten = isString && (isFree || isWrittenMember(member));
    const isSaid = isWritten || isFree || (isString && isToolName(member));
    if (isWritten) this.#written.push(token);
    if (isSaid) this.#said.push(token);
    if (isSaid || this.#phase === "input") this.#all.push(token);
    if (kind === "name") {
      if (this.#phase === "output") this.#takeName(token.value);
    } else if (isString) {
      if (member === "data" && !isFree) this.#data.push(token);
      else this.#signs[this.#depth] = (this.#signs[this.#depth] ?? 0) | signOfMember(member, token.value);
    } else if (this.#depth >= 2 && this.#depth <= 3 && TOKEN_IDS.has(member)) {
      this.#hasTokenIds = this.#phase === "input";
    }
  }

  begin(step: "object" | "array", at: number, member: string): void {
    if (member === "logprobs" && this.#phase === "output") this.#spelled ??= { start: at, depth: this.#depth };
    if (step === "object" && this.#depth >= FREE_FROM_DEPTH && isFreeMember(member)) {
      this.#free = Math.min(this.#free, this.#depth + 1);
    }
    this.#depth += 1;
    this.#signs[this.#depth] = step === "object" ? signOfPlace(member) : 0;
    this.#names[this.#depth] = undefined;
  }

  end(at: number): void {
    for (let last = this.#data.at(-1); last?.depth === this.#depth; last = this.#data.at(-1)) {
      if (isOpaque(this.#signs[this.#depth] ?? 0)) this.#opaque.add(last);
      this.#data.pop();
    }
    this.#depth -= 1;
    if (this.#depth < this.#free) this.#free = Number.POSITIVE_INFINITY;
    if (this.#depth === this.#spelled?.depth) {
      this.#logprobs.push({ start: this.#spelled.start, end: at });
      this.#spelled = undefined;
    }
  }

  texts(): BodyTexts | undefined {
    if (this.#count > MAXIMUM_TOKENS || this.#hasTwins) return undefined;
    const legible = (tokens: readonly JsonToken[]): readonly JsonToken[] =>
      this.#opaque.size === 0 ? tokens : tokens.filter((token) => !this.#opaque.has(token));
    const said = legible(this.#said);
    return {
      all: this.#phase === "input" ? this.#all : said,
      said,
      written: legible(this.#written),
      logprobs: this.#logprobs,
      hasTokenIds: this.#hasTokenIds,
    };
  }

  #takeName(name: string): void {
    const names = this.#names[this.#depth];
    if (names === undefined) {
      this.#names[this.#depth] = [name];
    } else if (names instanceof Set) {
      this.#hasTwins ||= names.has(name);
      names.add(name);
    } else {
      this.#hasTwins ||= names.includes(name);
      names.push(name);
      if (names.length > FEW_NAMES) this.#names[this.#depth] = new Set(names);
    }
  }
}

export function isWrittenMember(member: string): boolean {
  return !STRUCTURAL.has(member);
}

/** What a tool is called: a model sees and says it, but what is masked there calls another. */
export function isToolName(member: string): boolean {
  return member === "name";
}

export function isFreeMember(member: string): boolean {
  return FREE.has(member);
}
