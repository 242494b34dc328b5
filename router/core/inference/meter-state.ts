import type { Json } from "../json/json.ts";
import { type Api, APIS } from "./api.ts";
import { failureText, shortText } from "./meter-text.ts";
import { type UsageForm, usageForm, usageOf } from "./usage-forms.ts";
import { type NativeCounts, isCount, takeCounts } from "./usage-native.ts";
import type { StatedUsage } from "./usage-stated.ts";

/** Octets of text for one token, where nobody counts: English has four to five, most other scripts fewer tokens than that. */
const OCTETS_A_TOKEN = 4;
const MOST_REASONS = 16;
const MOST_CHOICES = 128;

/** What one response has shown so far. The readers of an API write it, the router reads it. */
export class MeterState {
  readonly native: NativeCounts = new Map();
  readonly finishReasons: string[] = [];
  started = false;
  /** Stream: the API's own terminal was seen. Document: it is whole. */
  ended = false;
  failure: string | undefined;
  garbage: string | undefined;
  id: string | undefined;
  model: string | undefined;
  /** chat, completions, responses: when the provider says it began, in seconds since 1970. */
  created: number | undefined;
  /** Ollama: the same, as RFC 3339. */
  createdAt: string | undefined;
  /** responses: of the last event. */
  sequence: number | undefined;
  /** messages, converse: the content block that is open. */
  openBlock: number | undefined;
  /** messages, converse, responses: the message has begun. */
  begun = false;
  readonly #form: UsageForm;
  /** Tokens come out of this API. */
  readonly #writes: boolean;
  /** chat, in a stream: choices that were seen, and those without a finish reason yet; undefined before the first. */
  #choices: Set<number> | undefined;
  #openChoices: Set<number> | undefined;
  #stated: StatedUsage | undefined;
  /** Content since output was stated last. */
  #frames = 0;
  #octets = 0;

  constructor(api: Api) {
    this.#form = usageForm(api);
    this.#writes = APIS[api].operation !== "embeddings" && !APIS[api].free;
  }

  /** That nothing came out is no statement where something has. */
  get stated(): StatedUsage | undefined {
    const stated = this.#stated;
    if (stated === undefined || stated.usage.output > 0 || !this.#writes || this.#frames === 0) return stated;
    return stated.unstated === "input" ? undefined : { ...stated, unstated: "output" };
  }

  /** Never 0 once content has come: only a higher statement takes its place. */
  get outputSoFar(): number {
    const since = Math.max(this.#frames, Math.ceil(this.#octets / OCTETS_A_TOKEN));
    return (this.#stated?.usage.output ?? 0) + since;
  }

  /** A frame came with text of so many octets; 0: with something else that a model makes. */
  content(octets: number): void {
    this.started = true;
    this.#frames++;
    this.#octets += octets;
  }

  /** The provider stated this usage: it counts from the beginning of the response. */
  state(statement: Json | undefined): void {
    takeCounts(statement, this.#form.known, this.native);
    const stated = usageOf(this.#form, this.native);
    if (stated === undefined) return;
    const before = this.#stated?.usage.output ?? 0;
    const output = Math.max(stated.usage.output, before);
    this.#stated = { ...stated, usage: { ...stated.usage, output } };
    // A count that stands still does not cover what has come: some providers state the same number all along.
    if (output === before) return;
    this.#frames = 0;
    this.#octets = 0;
  }

  fail(error: Json | undefined): void {
    this.failure ??= failureText(error);
  }

  finish(reason: Json | undefined): void {
    const text = shortText(reason);
    if (text !== undefined && this.finishReasons.length < MOST_REASONS) this.finishReasons.push(text);
  }

  /** The first that is said stands; some providers begin with empty texts. */
  identify(id: Json | undefined, model: Json | undefined): void {
    this.id ??= shortText(id);
    this.model ??= shortText(model);
  }

  createdIn(seconds: Json | undefined): void {
    if (isCount(seconds)) this.created ??= seconds;
  }

  choice(index: number, finished: boolean): void {
    this.#choices ??= new Set();
    this.#openChoices ??= new Set();
    if (this.#choices.size < MOST_CHOICES && !this.#choices.has(index)) {
      this.#choices.add(index);
      this.#openChoices.add(index);
    }
    if (finished) this.#openChoices.delete(index);
  }

  /** Each choice that was seen has finished, and one was seen. */
  get choicesFinished(): boolean {
    return this.#openChoices?.size === 0;
  }

  get openChoices(): readonly number[] {
    return [...(this.#openChoices ?? [])];
  }
}
