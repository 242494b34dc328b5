import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { type Reason, REASONS } from "../../../../router/core/base/reason.ts";
import type { BudgetView } from "../../../../router/core/budget/budget-view.ts";
import { APIS, type Api } from "../../../../router/core/inference/api.ts";
import type { CallOutcome } from "../../../../router/core/outcome/inference-outcome.ts";
import { Instruments, type NamedModels } from "../../../../router/edge/metrics/instruments.ts";
import { callOutcome, SAMPLE_USAGE } from "../../../fakes/call-outcome.ts";
import { idle, scrape } from "./scrape.ts";

const NAMES: NamedModels = {
  models: [
    { name: "fast", targets: [{ model: "gpt-4o-mini" }, { model: "gpt-4o-mini-2026-08-06" }] },
    { name: "smart", targets: [{ model: "claude-x" }] },
    { name: "vectors", targets: [{ model: "embed-3" }] },
  ],
  providers: [
    { id: "azure-eu", api: "azure" },
    { id: "claude", api: "anthropic" },
  ],
};

function instruments(latest = false): Instruments {
  const made = new Instruments("1", idle, latest);
  made.models(NAMES);
  return made;
}

async function expectSamples(made: Instruments, rows: readonly (readonly [string, number | undefined])[]) {
  const samples = await scrape(made);
  for (const [name, value] of rows) assert.equal(samples.get(name), value, name);
  return samples;
}

test("what can be known beforehand is there from the start, at 0", async () => {
  await expectSamples(instruments(), [
    ...Object.keys(REASONS).flatMap((reason) => [
      [`sluice_inference_denials_total{outcome="refused",reason="${reason}"}`, 0] as const,
      [`sluice_inference_denials_total{outcome="aborted",reason="${reason}"}`, 0] as const,
    ]),
    ['sluice_inference_tokens_total{model="fast",type="input"}', 0],
    ['sluice_inference_tokens_total{model="smart",type="audio_output"}', 0],
    ['sluice_inference_cost_usd_total{model="vectors"}', 0],
    ['sluice_inference_estimated_total{model="fast"}', 0],
    ['sluice_inference_content_filter_total{category="hate",severity="high"}', 0],
    ["sluice_inference_time_to_first_token_seconds_count", 0],
    ["sluice_inference_overhead_seconds_count", 0],
    ["sluice_inference_calls", 0],
  ]);
});

test("a call is counted by api, provider, model and how it ended", async () => {
  const made = instruments();
  const calls: readonly (readonly [CallOutcome, string])[] = [
    [callOutcome({ kind: "completed" }), 'api="chat",provider="azure-eu",model="fast",outcome="completed"'],
    [
      callOutcome({ kind: "completed" }, { status: 429 }),
      'api="chat",provider="azure-eu",model="fast",outcome="provider_error"',
    ],
    [
      callOutcome({ kind: "refused", reason: "budget_exhausted", detail: undefined }, { provider: undefined }),
      'api="chat",provider="none",model="fast",outcome="refused"',
    ],
    [
      callOutcome({ kind: "aborted", reason: "idle_timeout", detail: undefined }),
      'api="chat",provider="azure-eu",model="fast",outcome="aborted"',
    ],
    [
      callOutcome({ kind: "aborted", reason: undefined, detail: undefined }, {}, undefined, { api: "responses" }),
      'api="responses",provider="azure-eu",model="fast",outcome="cancelled"',
    ],
    [
      callOutcome(
        { kind: "refused", reason: "malformed_request", detail: undefined },
        { model: undefined, provider: undefined },
        undefined,
        { api: undefined },
      ),
      'api="other",provider="none",model="other",outcome="refused"',
    ],
  ];
  for (const [outcome] of calls) made.called(outcome);
  const samples = await expectSamples(made, [
    ...calls.map(([, labels]) => [`sluice_inference_requests_total{${labels}}`, 1] as const),
    ['sluice_inference_denials_total{outcome="refused",reason="budget_exhausted"}', 1],
    ['sluice_inference_denials_total{outcome="aborted",reason="idle_timeout"}', 1],
    ['sluice_inference_denials_total{outcome="aborted",reason="budget_exhausted"}', 0],
  ]);
  let total = 0;
  for (const [name, value] of samples) if (name.startsWith("sluice_inference_requests_total")) total += value;
  assert.equal(total, calls.length);
});

test("tokens, cost, estimates, times and signals of a call", async () => {
  const made = instruments();
  made.called(callOutcome({ kind: "completed" }, { signals: ["hate.high", "jailbreak.detected", "hate.high"] }));
  made.called(
    callOutcome(
      { kind: "aborted", reason: undefined, detail: undefined },
      {
        charged: { tokens: 161, cost: undefined, estimated: true },
        overhead: undefined,
        firstToken: undefined,
      },
    ),
  );
  await expectSamples(made, [
    ['sluice_inference_tokens_total{model="fast",type="input"}', 240],
    ['sluice_inference_tokens_total{model="fast",type="output"}', 82],
    ['sluice_inference_tokens_total{model="fast",type="cache_read"}', 128],
    ['sluice_inference_tokens_total{model="fast",type="cache_write"}', 32],
    ['sluice_inference_tokens_total{model="fast",type="reasoning"}', 18],
    ['sluice_inference_tokens_total{model="fast",type="audio_input"}', 16],
    ['sluice_inference_tokens_total{model="fast",type="audio_output"}', 0],
    ['sluice_inference_cost_usd_total{model="fast"}', 0.000_042],
    ['sluice_inference_estimated_total{model="fast"}', 1],
    ['sluice_inference_estimated_total{model="smart"}', 0],
    ["sluice_inference_time_to_first_token_seconds_count", 1],
    ["sluice_inference_time_to_first_token_seconds_sum", 0.25],
    ['sluice_inference_time_to_first_token_seconds_bucket{le="0.1"}', 0],
    ['sluice_inference_time_to_first_token_seconds_bucket{le="0.25"}', 1],
    ["sluice_inference_overhead_seconds_count", 1],
    ['sluice_inference_overhead_seconds_bucket{le="0.0005"}', 1],
    ['sluice_inference_content_filter_total{category="hate",severity="high"}', 2],
    ['sluice_inference_content_filter_total{category="jailbreak",severity="detected"}', 1],
  ]);
});

const CHAT = 'gen_ai_operation_name="chat",gen_ai_provider_name="azure.ai.openai",gen_ai_request_model="gpt-4o-mini"';
const ANSWERED = `${CHAT},gen_ai_response_model="gpt-4o-mini-2026-08-06"`;

test("the gen_ai metrics in the names that dashboards know", async () => {
  const made = instruments();
  made.called(callOutcome({ kind: "completed" }));
  made.called(callOutcome({ kind: "completed" }, { status: 429, usage: undefined, responseModel: "made-up" }));
  made.called(
    callOutcome(
      { kind: "refused", reason: "model_not_allowed", detail: undefined },
      { model: undefined, provider: undefined, target: undefined, responseModel: undefined, firstToken: undefined },
      undefined,
      { api: "messages", family: "anthropic" },
    ),
  );
  const samples = await expectSamples(made, [
    [`gen_ai_client_token_usage_sum{${ANSWERED},gen_ai_token_type="input"}`, 120],
    [`gen_ai_client_token_usage_bucket{${ANSWERED},gen_ai_token_type="input",le="64"}`, 0],
    [`gen_ai_client_token_usage_bucket{${ANSWERED},gen_ai_token_type="input",le="256"}`, 1],
    [`gen_ai_client_token_usage_sum{${ANSWERED},gen_ai_token_type="output"}`, 41],
    [`gen_ai_client_operation_duration_seconds_sum{${ANSWERED}}`, 1750.4 / 1000],
    [`gen_ai_client_operation_duration_seconds_bucket{${ANSWERED},le="1.28"}`, 0],
    [`gen_ai_client_operation_duration_seconds_bucket{${ANSWERED},le="2.56"}`, 1],
    [`gen_ai_client_operation_duration_seconds_count{${CHAT},error_type="429"}`, 1],
    [`gen_ai_client_operation_time_to_first_chunk_seconds_sum{${ANSWERED}}`, 0.25],
    [`gen_ai_server_request_duration_seconds_count{${ANSWERED}}`, 1],
    [`gen_ai_server_time_to_first_token_seconds_sum{${ANSWERED}}`, 0.25],
    [`gen_ai_server_time_to_first_token_seconds_count{${CHAT}}`, undefined],
    [`gen_ai_server_time_per_output_token_seconds_bucket{${ANSWERED},le="0.025"}`, 0],
    [`gen_ai_server_time_per_output_token_seconds_bucket{${ANSWERED},le="0.05"}`, 1],
    [
      'gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="anthropic",error_type="model_not_allowed"}',
      1,
    ],
  ]);
  assert.ok(![...samples.keys()].some((name) => name.includes("made-up") || name.includes("_inference_usage_")));
});

test("the gen_ai metrics in the newest names", async () => {
  const made = instruments(true);
  made.called(callOutcome({ kind: "completed" }));
  made.called(callOutcome({ kind: "aborted", reason: "idle_timeout", detail: undefined }));
  const embeddings = {
    model: "vectors",
    target: "embed-3",
    stream: false,
    firstToken: undefined,
    responseModel: "embed-3",
  };
  made.called(callOutcome({ kind: "completed" }, embeddings, undefined, { api: "embeddings" }));
  made.called(callOutcome({ kind: "completed" }, { stream: false }, undefined, { api: "count_tokens" }));
  const embedded =
    'gen_ai_operation_name="embeddings",gen_ai_provider_name="azure.ai.openai",gen_ai_request_model="embed-3",gen_ai_response_model="embed-3"';
  const samples = await expectSamples(made, [
    [`gen_ai_client_inference_duration_seconds_count{${ANSWERED}}`, 1],
    [`gen_ai_client_inference_duration_seconds_count{${ANSWERED},error_type="idle_timeout"}`, 1],
    [`gen_ai_client_inference_time_to_first_chunk_seconds_count{${ANSWERED}}`, 2],
    // Only of calls that succeeded; the counters are of all.
    [`gen_ai_client_inference_operation_input_tokens_count{${ANSWERED}}`, 1],
    [`gen_ai_client_inference_operation_output_tokens_sum{${ANSWERED}}`, 41],
    [`gen_ai_client_inference_usage_input_tokens_total{${ANSWERED},gen_ai_token_modality="unknown"}`, 224],
    [`gen_ai_client_inference_usage_input_tokens_total{${ANSWERED},gen_ai_token_modality="audio"}`, 16],
    [`gen_ai_client_inference_usage_output_tokens_total{${ANSWERED},gen_ai_token_modality="unknown"}`, 82],
    [`gen_ai_client_inference_usage_output_tokens_total{${ANSWERED},gen_ai_token_modality="audio"}`, undefined],
    [`gen_ai_client_inference_usage_cache_read_input_tokens_total{${ANSWERED},gen_ai_token_modality="unknown"}`, 128],
    [`gen_ai_client_inference_usage_cache_write_input_tokens_total{${ANSWERED},gen_ai_token_modality="unknown"}`, 32],
    [`gen_ai_client_inference_usage_reasoning_output_tokens_total{${ANSWERED},gen_ai_token_modality="unknown"}`, 18],
    [`gen_ai_client_embeddings_duration_seconds_count{${embedded}}`, 1],
    [`gen_ai_client_embeddings_operation_input_tokens_sum{${embedded}}`, 120],
    [`gen_ai_client_operation_duration_seconds_count{${ANSWERED.replace("chat", "count_tokens")}}`, 1],
    [`gen_ai_server_request_duration_seconds_count{${embedded}}`, 1],
  ]);
  assert.ok(![...samples.keys()].some((name) => name.startsWith("gen_ai_client_token_usage")));
});

test("what the router estimated is in no gen_ai count of tokens", async () => {
  for (const latest of [false, true]) {
    const made = instruments(latest);
    made.called(callOutcome({ kind: "completed" }, { charged: { tokens: 9, cost: 1, estimated: true } }));
    const samples = await scrape(made);
    assert.equal(samples.get('sluice_inference_tokens_total{model="fast",type="input"}'), 120);
    const counted = /^gen_ai_\w*(?:token_usage|_tokens|per_output_token)/;
    assert.deepEqual(
      [...samples.keys()].filter((name) => counted.test(name)),
      [],
    );
  }
});

const MINUTE = { kind: "minute" } as const;
const budget: BudgetView = {
  id: "daily",
  unit: "cost",
  window: { kind: "day" },
  scope: "pod",
  model: undefined,
  limit: 5_000_000_000,
  used: 1_250_000_000,
  reserved: 250_000_000,
  remaining: 3_500_000_000,
  resetAt: epochMillis(1_795_219_200_000),
};

test("budgets, circuits, calls and spans are what they are at the scrape", async () => {
  const made = instruments();
  let calls = 3;
  made.inference({
    calls: () => calls,
    budgets: () => [
      budget,
      {
        ...budget,
        id: "each",
        unit: "tokens",
        scope: "model",
        model: "fast",
        limit: 100,
        remaining: 0,
        window: MINUTE,
      },
      { ...budget, id: "roll", unit: "requests", limit: 9, remaining: 4, window: { kind: "rolling", millis: 90_000 } },
      { ...budget, id: "one", window: { kind: "request" }, resetAt: undefined },
    ],
    circuits: () => [
      { provider: "azure-eu", target: "gpt-4o-mini", state: "open" },
      { provider: "claude", target: "claude-x", state: "half_open" },
    ],
    spans: () => ({ exported: 7, failed: 2, dropped: 1 }),
  });
  await scrape(made);
  calls = 1;
  await expectSamples(made, [
    ["sluice_inference_calls", 1],
    ['sluice_budget_limit{budget="daily",window="day",unit="usd"}', 5],
    ['sluice_budget_remaining{budget="daily",window="day",unit="usd"}', 3.5],
    ['sluice_budget_reset_timestamp_seconds{budget="daily",window="day",unit="usd"}', 1_795_219_200],
    ['sluice_budget_remaining{budget="each",window="minute",unit="tokens",model="fast"}', 0],
    ['sluice_budget_limit{budget="roll",window="90s",unit="requests"}', 9],
    ['sluice_budget_reset_timestamp_seconds{budget="one",window="request",unit="usd"}', undefined],
    ['sluice_inference_circuit_state{provider="azure-eu",target="gpt-4o-mini"}', 2],
    ['sluice_inference_circuit_state{provider="claude",target="claude-x"}', 1],
    ['sluice_tracing_spans_total{outcome="exported"}', 7],
    ['sluice_tracing_spans_total{outcome="failed"}', 2],
    ['sluice_tracing_spans_total{outcome="dropped"}', 1],
  ]);
});

test("counters survive a reload, and names of a policy that is gone are kept", async () => {
  const made = instruments();
  made.called(callOutcome({ kind: "completed" }));
  made.models({
    models: [{ name: "new", targets: [{ model: "n-1" }] }],
    providers: [{ id: "azure-eu", api: "openai" }],
  });
  // It had been admitted under the policy before.
  made.called(callOutcome({ kind: "completed" }));
  made.called(callOutcome({ kind: "completed" }, { model: "new", target: "n-1", responseModel: undefined }));
  await expectSamples(made, [
    ['sluice_inference_requests_total{api="chat",provider="azure-eu",model="fast",outcome="completed"}', 2],
    ['sluice_inference_requests_total{api="chat",provider="azure-eu",model="new",outcome="completed"}', 1],
    ['sluice_inference_tokens_total{model="fast",type="input"}', 240],
    [`gen_ai_server_request_duration_seconds_count{${ANSWERED}}`, 1],
    [`gen_ai_server_request_duration_seconds_count{${ANSWERED.replace("azure.ai.openai", "openai")}}`, 1],
  ]);
});

test("INV-MET-1: nothing that an agent or a provider says makes a series", async () => {
  const made = instruments();
  const names = async (): Promise<readonly string[]> =>
    [...(await scrape(made)).keys()].filter((name) => name.startsWith("sluice_") || name.startsWith("gen_ai_"));
  const call = (text: string): void => {
    const facts = { model: text, provider: text, target: text, responseModel: text, signals: [text, `hate.${text}`] };
    made.called(callOutcome({ kind: "completed" }, facts));
    // What a compiler would not let through, should it ever come.
    made.called(callOutcome({ kind: "aborted", reason: text as Reason, detail: text }, facts));
    made.called(callOutcome({ kind: "completed" }, { ...facts, status: 400 + text.length + 200 }));
  };
  call("x");
  const before = await names();
  for (const text of [
    'x"} 1\nevil',
    "__proto__",
    "constructor",
    "other",
    "none",
    "",
    "\\",
    "é",
    "y".repeat(1_000_000),
  ]) {
    call(text);
  }
  assert.deepEqual(await names(), before);
});

test("reloads and combinations cannot fill the memory: what goes too far is other", async () => {
  const made = new Instruments("1", idle);
  const many = Array.from({ length: 1_500 }, (_, n) => `m${n}`);
  made.models({
    models: many.map((name) => ({ name, targets: [{ model: `t-${name}` }] })),
    providers: Array.from({ length: 400 }, (_, n) => ({ id: `p${n}`, api: "openai" as const })),
  });
  const reasons = Object.keys(REASONS) as readonly Reason[];
  const apis = (Object.keys(APIS) as readonly Api[]).slice(0, 4);
  let sum = 0;
  for (const [n, name] of many.entries()) {
    for (const api of apis) {
      const facts = { model: name, target: `t-${name}`, provider: `p${n % 400}`, responseModel: undefined };
      const reason = reasons[n % reasons.length] ?? "internal";
      made.called(callOutcome({ kind: "refused", reason, detail: undefined }, facts, undefined, { api }));
      sum += 1;
    }
  }
  const samples = await scrape(made);
  const of = (prefix: string): number[] =>
    [...samples].filter(([name]) => name.startsWith(prefix)).map(([, value]) => value);
  const requests = of("sluice_inference_requests_total");
  assert.ok(requests.length <= 2_000 + 15 * 202, `${requests.length} rows`);
  assert.equal(
    requests.reduce((one, other) => one + other, 0),
    sum,
    "none is lost",
  );
  // Tokens are of the model itself, whatever becomes of the rows.
  assert.equal(samples.get('sluice_inference_tokens_total{model="m999",type="input"}'), 4 * SAMPLE_USAGE.input);
  assert.equal(samples.get('sluice_inference_tokens_total{model="other",type="input"}'), 500 * 4 * SAMPLE_USAGE.input);
  const durations = of("gen_ai_server_request_duration_seconds_count");
  assert.ok(durations.length <= 700, `${durations.length} histograms`);
  assert.equal(
    durations.reduce((one, other) => one + other, 0),
    sum,
  );
});

test("a stream of one token has no time between tokens, and neither has what was no stream", async () => {
  const made = instruments();
  made.called(callOutcome({ kind: "completed" }, { usage: { ...SAMPLE_USAGE, output: 1 } }));
  made.called(callOutcome({ kind: "completed" }, { stream: false }));
  const samples = await scrape(made);
  assert.ok(![...samples.keys()].some((name) => name.startsWith("gen_ai_server_time_per_output_token")));
  assert.equal(samples.get(`gen_ai_client_operation_time_to_first_chunk_seconds_count{${ANSWERED}}`), 1);
  assert.equal(samples.get(`gen_ai_server_time_to_first_token_seconds_count{${ANSWERED}}`), 2);
});

test("names are written as the format wants them", async () => {
  const made = new Instruments("1", idle);
  const name = 'a"b\\c\nd';
  made.models({ models: [{ name, targets: [{ model: name }] }], providers: [] });
  made.called(callOutcome({ kind: "completed" }, { model: name, target: name, provider: undefined }));
  const { body } = await made.exposition();
  const written = String.raw`a\"b\\c\nd`;
  assert.ok(body.includes(`gen_ai_request_model="${written}"`));
  assert.ok(body.includes(`model="${written}",outcome="completed"`));
});

test("odd times spoil nothing", async () => {
  const made = instruments();
  for (const value of [Number.NaN, -5, Infinity, 0]) {
    const odd = millis(value);
    made.called(callOutcome({ kind: "completed" }, { total: odd, firstToken: odd, overhead: odd }));
  }
  made.called(callOutcome({ kind: "completed" }, { firstToken: millis(9_999_999) }));
  const samples = await scrape(made);
  assert.equal(samples.get("sluice_inference_overhead_seconds_sum"), 0.0003);
  assert.equal(samples.get(`gen_ai_server_request_duration_seconds_count{${ANSWERED}}`), 5);
});
