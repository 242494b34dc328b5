import { APIS, type Family, type Operation } from "../../core/inference/api.ts";
import type { CallOutcome } from "../../core/outcome/inference-outcome.ts";
import { CALL_ERRORS } from "../../core/telemetry/call-error.ts";
import { SERVER_METRICS } from "../../core/telemetry/gen-ai-metrics.ts";
import { PROVIDER_NAMES } from "../../core/telemetry/provider-name.ts";
import { Buckets } from "./buckets.ts";
import { MOST_MODELS, MOST_PROVIDERS } from "./call-counts.ts";
import { countTimes, countTokens, type GenAiCell, newCell, sumUsage } from "./gen-ai-cell.ts";
import { genAiExposition } from "./gen-ai-exposition.ts";
import { KnownNames, OTHER } from "./known-names.ts";
import { labelText } from "./label-text.ts";

/** Combinations of what is asked for; of further ones the models are `other`. */
const MOST_CELLS = 300;
/** Histograms of durations, which are by kind of failure too; of further failures the kind is `_OTHER`. */
const MOST_DURATIONS = 600;

/**
 * The `gen_ai.*` metrics, in the established names or in the newest. Models are those that a policy has had, be it as a
 * model's name or as a target's; a model that a provider says has answered, and that is none of them, is left out.
 * `time_per_output_chunk` is not there: what makes a chunk is the transport's matter, and nobody here counts them.
 */
export class GenAiCounts {
  readonly #latest: boolean;
  readonly #models = new KnownNames(2 * MOST_MODELS);
  /** What providers speak, by id: of the newest policy that has one. */
  readonly #families = new Map<string, Family>();
  readonly #cells = new Map<Operation, Map<string, Map<string, Map<string, GenAiCell>>>>();
  #size = 0;
  #durations = 0;

  constructor(latest: boolean) {
    this.#latest = latest;
  }

  learn(models: Iterable<string>, providers: Iterable<readonly [id: string, family: Family]>): void {
    this.#models.learn(models);
    for (const [id, family] of providers) {
      if (this.#families.has(id) || this.#families.size < MOST_PROVIDERS) this.#families.set(id, family);
    }
  }

  /** `error`: the call's `error.type`. */
  add({ start, facts }: CallOutcome, error: string | undefined): void {
    if (start.api === undefined) return;
    const { operation, free } = APIS[start.api];
    const family = facts.provider === undefined ? undefined : this.#families.get(facts.provider);
    const provider = PROVIDER_NAMES[family ?? start.family];
    const asked = facts.target ?? facts.model;
    const request = asked === undefined ? "" : this.#models.of(asked);
    const answered = facts.responseModel;
    const response = answered !== undefined && this.#models.has(answered) ? answered : "";
    const cell =
      this.#cells.get(operation)?.get(provider)?.get(request)?.get(response) ??
      this.#cell(operation, provider, request, response);

    (cell.durations.get(error ?? "") ?? this.#durationsOf(cell, error ?? "")).observe(facts.total / 1000);
    // What the router estimated is no count of a provider's.
    const usage = facts.charged?.estimated === true ? undefined : facts.usage;
    countTimes(cell, facts, usage?.output, error !== undefined);
    if (usage === undefined || free) return;
    sumUsage(cell, usage);
    if (!this.#latest || error === undefined) countTokens(cell, usage);
  }

  exposition(): string {
    return genAiExposition([...this.#all()], this.#latest);
  }

  *#all(): Iterable<GenAiCell> {
    for (const providers of this.#cells.values()) {
      for (const requests of providers.values()) for (const cells of requests.values()) yield* cells.values();
    }
  }

  #cell(operation: Operation, provider: string, request: string, response: string): GenAiCell {
    if (this.#size >= MOST_CELLS && !(request === OTHER && response === "")) {
      const rest = this.#cells.get(operation)?.get(provider)?.get(OTHER)?.get("");
      return rest ?? this.#cell(operation, provider, OTHER, "");
    }
    const labels = labelText({
      gen_ai_operation_name: operation,
      gen_ai_provider_name: provider,
      ...(request === "" ? {} : { gen_ai_request_model: request }),
      ...(response === "" ? {} : { gen_ai_response_model: response }),
    });
    const cell = newCell(operation, labels);
    const providers = this.#cells.get(operation) ?? new Map<string, Map<string, Map<string, GenAiCell>>>();
    const requests = providers.get(provider) ?? new Map<string, Map<string, GenAiCell>>();
    const responses = requests.get(request) ?? new Map<string, GenAiCell>();
    responses.set(response, cell);
    requests.set(request, responses);
    providers.set(provider, requests);
    this.#cells.set(operation, providers);
    this.#size += 1;
    return cell;
  }

  #durationsOf({ durations }: GenAiCell, error: string): Buckets {
    const isOwn = error === "" || (CALL_ERRORS.has(error) && this.#durations < MOST_DURATIONS);
    const key = isOwn ? error : "_OTHER";
    const found = durations.get(key);
    if (found !== undefined) return found;
    const buckets = new Buckets(SERVER_METRICS.duration.bounds);
    durations.set(key, buckets);
    this.#durations += 1;
    return buckets;
  }
}
