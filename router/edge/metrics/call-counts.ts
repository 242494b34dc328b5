import type { Usage } from "../../core/inference/usage.ts";
import type { CallOutcome } from "../../core/outcome/inference-outcome.ts";
import { CALL_ENDINGS, callEnding } from "../../core/telemetry/call-ending.ts";
import { KnownNames, OTHER } from "./known-names.ts";
import type { Series } from "./tally.ts";

const TOKEN_TYPES = [
  "input",
  "output",
  "cache_read",
  "cache_write",
  "reasoning",
  "audio_input",
  "audio_output",
] as const;

/** What is counted of one model. */
interface ModelCounts {
  readonly model: string;
  readonly tokens: Float64Array;
  /** Billionths of a US dollar: exact up to nine million dollars. */
  cost: number;
  /** Calls that were charged by an estimate. */
  estimated: number;
}

/** What is counted of one api, provider and model. */
interface CallRow {
  readonly labels: { readonly api: string; readonly provider: string; readonly model: string };
  /** By the place in `CALL_ENDINGS`. */
  readonly endings: Float64Array;
}

export const MOST_MODELS = 1_000;
export const MOST_PROVIDERS = 200;
/** Combinations that an agent can bring about by what it calls: of further ones the model is `other`. */
const MOST_ROWS = 2_000;

/**
 * Counts calls by api, provider and model. Names are a policy's; whatever an agent or a provider says, the series are
 * bounded. Counting is plain arithmetic.
 */
export class CallCounts {
  readonly #models = new KnownNames(MOST_MODELS);
  readonly #providers = new KnownNames(MOST_PROVIDERS);
  readonly #counts = new Map<string, ModelCounts>();
  readonly #rows = new Map<string, Map<string, Map<string, CallRow>>>();
  #size = 0;

  /** Every model has its series from here on. */
  learn(models: Iterable<string>, providers: Iterable<string>): void {
    const names = [...models];
    this.#models.learn(names);
    this.#providers.learn(providers);
    for (const name of names) this.#of(this.#models.of(name));
  }

  add(outcome: CallOutcome): void {
    const { start, facts } = outcome;
    const model = this.#models.of(facts.model);
    const provider = facts.provider === undefined ? "none" : this.#providers.of(facts.provider);
    const api = start.api ?? OTHER;
    const row = this.#rows.get(model)?.get(provider)?.get(api) ?? this.#row(model, provider, api);
    const ending = CALL_ENDINGS.indexOf(callEnding(outcome));
    row.endings[ending] = (row.endings[ending] ?? 0) + 1;
    const { usage, charged } = facts;
    if (usage === undefined && charged === undefined) return;
    const counts = this.#of(model);
    if (usage !== undefined) addUsage(counts.tokens, usage);
    if (charged?.cost !== undefined) counts.cost += charged.cost;
    if (charged?.estimated === true) counts.estimated += 1;
  }

  requests(): readonly Series[] {
    const series: Series[] = [];
    for (const { labels, endings } of this.#all()) {
      for (const [place, outcome] of CALL_ENDINGS.entries()) {
        const value = endings[place] ?? 0;
        if (value > 0) series.push({ labels: { ...labels, outcome }, value });
      }
    }
    return series;
  }

  tokens(): readonly Series[] {
    return [...this.#counts.values()].flatMap(({ model, tokens }) =>
      TOKEN_TYPES.map((type, place) => ({ labels: { model, type }, value: tokens[place] ?? 0 })),
    );
  }

  cost(): readonly Series[] {
    return [...this.#counts.values()].map(({ model, cost }) => ({ labels: { model }, value: cost / 1e9 }));
  }

  estimated(): readonly Series[] {
    return [...this.#counts.values()].map(({ model, estimated }) => ({ labels: { model }, value: estimated }));
  }

  *#all(): Iterable<CallRow> {
    for (const providers of this.#rows.values()) for (const apis of providers.values()) yield* apis.values();
  }

  #row(model: string, provider: string, api: string): CallRow {
    if (this.#size >= MOST_ROWS && model !== OTHER) {
      return this.#rows.get(OTHER)?.get(provider)?.get(api) ?? this.#row(OTHER, provider, api);
    }
    const row: CallRow = { labels: { api, provider, model }, endings: new Float64Array(CALL_ENDINGS.length) };
    const providers = this.#rows.get(model) ?? new Map<string, Map<string, CallRow>>();
    const apis = providers.get(provider) ?? new Map<string, CallRow>();
    apis.set(api, row);
    providers.set(provider, apis);
    this.#rows.set(model, providers);
    this.#size += 1;
    return row;
  }

  #of(model: string): ModelCounts {
    const found = this.#counts.get(model);
    if (found !== undefined) return found;
    const counts = { model, tokens: new Float64Array(TOKEN_TYPES.length), cost: 0, estimated: 0 };
    this.#counts.set(model, counts);
    return counts;
  }
}

function addUsage(tokens: Float64Array, usage: Usage): void {
  // In the order of TOKEN_TYPES.
  tokens[0] = (tokens[0] ?? 0) + usage.input;
  tokens[1] = (tokens[1] ?? 0) + usage.output;
  tokens[2] = (tokens[2] ?? 0) + usage.cacheRead;
  tokens[3] = (tokens[3] ?? 0) + usage.cacheWrite;
  tokens[4] = (tokens[4] ?? 0) + usage.reasoning;
  tokens[5] = (tokens[5] ?? 0) + usage.audioInput;
  tokens[6] = (tokens[6] ?? 0) + usage.audioOutput;
}
