import assert from "node:assert/strict";
import { after, test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../../../router/core/base/result.ts";
import { callOutcome } from "../../../fakes/call-outcome.ts";
import type { SpanAnswer, SpanPost, Tracing, TracingOptions } from "../../../../router/edge/tracing/tracing.ts";

/** What the SDK would obey if it were asked to look: set before anything of it is loaded. */
const HOSTILE = {
  OTEL_SDK_DISABLED: "true",
  OTEL_TRACES_SAMPLER: "always_off",
  OTEL_TRACES_SAMPLER_ARG: "0",
  OTEL_TRACES_EXPORTER: "none",
  OTEL_SERVICE_NAME: "somebody-else",
  OTEL_RESOURCE_ATTRIBUTES: "service.name=somebody-else,evil=1",
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "1",
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "1",
  OTEL_ATTRIBUTE_COUNT_LIMIT: "1",
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "1",
  OTEL_BSP_MAX_QUEUE_SIZE: "1",
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "1",
  OTEL_BSP_SCHEDULE_DELAY: "1",
  OTEL_BSP_EXPORT_TIMEOUT: "1",
  OTEL_PROPAGATORS: "b3",
  OTEL_LOG_LEVEL: "ALL",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
  OTEL_EXPORTER_OTLP_HEADERS: "evil=1",
};
Object.assign(process.env, HOSTILE);
/** Variables of OpenTelemetry that somebody read. */
const looked: string[] = [];
const environment = process.env;
process.env = new Proxy(environment, {
  get(target, name, receiver) {
    if (String(name).startsWith("OTEL_")) looked.push(String(name));
    return Reflect.get(target, name, receiver) as unknown;
  },
});
after(() => (process.env = environment));
const { NO_TRACING, openTracing } = await import("../../../../router/edge/tracing/tracing.ts");

/** A hang is a failure, and not a wait. */
const SOON = { timeout: 10_000 };
const AT = epochMillis(Date.UTC(2026, 10, 20, 9, 0, 0, 250));
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number;
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number; readonly message?: string };
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
}

interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string | undefined>>;
  readonly spans: readonly OtlpSpan[];
}

const OK: Result<SpanAnswer, string> = ok({ status: 200, retryAfter: undefined, body: "{}" });

/** A tracing whose collector answers as told, with what it was sent and what was said of its health. */
async function tracingTo(
  answer: (call: number) => Promise<Result<SpanAnswer, string>>,
  more: Partial<TracingOptions> = {},
) {
  const sent: Sent[] = [];
  const health: (string | undefined)[] = [];
  const post: SpanPost = (headers, body) => {
    const { resourceSpans } = JSON.parse(Buffer.from(body).toString()) as {
      resourceSpans: readonly [
        { resource: { attributes: OtlpSpan["attributes"] }; scopeSpans: readonly [{ spans: readonly OtlpSpan[] }] },
      ];
    };
    const [{ resource, scopeSpans }] = resourceSpans;
    assert.equal(resourceSpans.length, 1);
    sent.push({
      headers,
      resource: Object.fromEntries(resource.attributes.map(({ key, value }) => [key, value.stringValue])),
      spans: scopeSpans[0].spans,
    });
    return answer(sent.length);
  };
  const tracing = await openTracing({
    percent: 100,
    latestNames: false,
    version: "1.2.3",
    identity: { namespace: "research", pod: "agent-1", agent: "researcher" },
    post,
    provider: (id) => (id === "azure-eu" ? { family: "azure", host: "eu.example", port: 443 } : undefined),
    onHealth: (problem) => health.push(problem),
    ...more,
  });
  return { tracing, sent, health, spans: () => sent.flatMap(({ spans }) => spans) };
}

function head(traceparent?: string, tracestate?: string) {
  const field = (name: string, value: string | undefined) =>
    value === undefined ? [] : [{ name, rawName: name, value }];
  return { fields: [...field("traceparent", traceparent), ...field("tracestate", tracestate)] };
}

const child = (flags: string) => head(`00-${TRACE}-${SPAN}-${flags}`, "vendor=x");

async function closed(tracing: Tracing): Promise<void> {
  await tracing.close(millis(2_000));
}

test("a span is the child of the agent's, and what the provider is told names it", async () => {
  const { tracing, sent, spans } = await tracingTo(() => Promise.resolve(OK));
  const call = tracing.begin(child("03"), AT);
  const [, trace, span, flags] = (call?.traceparent ?? "").split("-");
  assert.deepEqual([trace, flags, call?.tracestate], [TRACE, "03", "vendor=x"]);
  assert.match(span ?? "", /^(?!0{16})[0-9a-f]{16}$/);
  assert.notEqual(span, SPAN);
  call?.end(callOutcome({ kind: "completed" }));
  await closed(tracing);
  const [found] = spans();
  assert.ok(found !== undefined);
  assert.deepEqual(
    [found.traceId, found.spanId, found.parentSpanId, found.traceState],
    [TRACE, span, SPAN, "vendor=x"],
  );
  assert.deepEqual([found.name, found.kind, found.status.code], ["chat gpt-4o-mini", 3, 0]);
  assert.equal(found.startTimeUnixNano, "1795165200250000000");
  assert.equal(found.endTimeUnixNano, "1795165202000400000");
  assert.deepEqual(sent[0]?.headers, { "content-type": "application/json", "user-agent": "sluice" });
  assert.deepEqual(tracing.counts(), { exported: 1, failed: 0, dropped: 0 });
});

test("no variable of OpenTelemetry changes anything, or is even read", async () => {
  const { tracing, sent, spans } = await tracingTo(() => Promise.resolve(OK));
  for (let n = 0; n < 3; n += 1) tracing.begin(head(), AT)?.end(callOutcome({ kind: "completed" }));
  await closed(tracing);
  assert.equal(sent.length, 1, "one batch, not three");
  assert.deepEqual(sent[0]?.resource, {
    "service.name": "sluice",
    "service.version": "1.2.3",
    "k8s.namespace.name": "research",
    "k8s.pod.name": "agent-1",
    "sluice.agent": "researcher",
  });
  const attributes = spans()[0]?.attributes ?? [];
  assert.ok(attributes.length > 15);
  assert.equal(attributes.find(({ key }) => key === "gen_ai.request.model")?.value.stringValue, "gpt-4o-mini");
  assert.deepEqual(looked, []);
});

test("without a caller's trace there is a new one", async () => {
  const { tracing, spans } = await tracingTo(() => Promise.resolve(OK));
  // Its tracestate belongs to a traceparent that is none.
  const call = tracing.begin(head("garbage", "vendor=x"), AT);
  assert.match(call?.traceparent ?? "", /^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(call?.tracestate, undefined);
  call?.end(callOutcome({ kind: "completed" }));
  await closed(tracing);
  assert.equal(spans()[0]?.parentSpanId, undefined);
});

const kept: readonly [name: string, percent: number, flags: string | undefined, kept: boolean][] = [
  ["the caller keeps it", 0, "01", true],
  ["the caller does not", 100, "00", false],
  ["nobody decided, all are kept", 100, undefined, true],
  ["nobody decided, none is kept", 0, undefined, false],
];

for (const [name, percent, flags, expected] of kept) {
  test(`what is kept: ${name}`, async () => {
    const { tracing, spans } = await tracingTo(() => Promise.resolve(OK), { percent });
    const call = tracing.begin(flags === undefined ? head() : child(flags), AT);
    assert.equal(call?.traceparent.endsWith(expected ? "-01" : "-00"), true);
    call?.end(callOutcome({ kind: "completed" }));
    await closed(tracing);
    assert.equal(spans().length, expected ? 1 : 0);
  });
}

test("half of the traces are kept at 50 %, by their id alone", async () => {
  const { tracing } = await tracingTo(() => Promise.resolve(OK), { percent: 50 });
  const flags = Array.from({ length: 1_000 }, () => tracing.begin(head(), AT)?.traceparent.slice(-2));
  const sampled = flags.filter((flag) => flag === "01").length;
  assert.ok(sampled > 400 && sampled < 600, `${sampled}`);
  await closed(tracing);
});

test("an error is an error, without what anybody said of it", async () => {
  const { tracing, spans } = await tracingTo(() => Promise.resolve(OK));
  const outcome = callOutcome({ kind: "aborted", reason: "upstream_invalid", detail: "secret words" });
  tracing.begin(head(), AT)?.end(outcome);
  await closed(tracing);
  assert.deepEqual(spans()[0]?.status, { code: 2 });
  assert.ok(!JSON.stringify(spans()).includes("secret words"));
});

test("a span ends once, and a call that asked for nothing leaves none", async () => {
  const { tracing, spans } = await tracingTo(() => Promise.resolve(OK));
  const call = tracing.begin(head(), AT);
  call?.end(callOutcome({ kind: "completed" }));
  call?.end(callOutcome({ kind: "completed" }));
  const outcome = callOutcome({ kind: "refused", reason: "malformed_request", detail: undefined });
  tracing.begin(head(), AT)?.end({ ...outcome, start: { ...outcome.start, api: undefined } });
  await closed(tracing);
  assert.equal(spans().length, 1);
  assert.equal(tracing.begin(head(), AT), undefined, "closed");
});

const odd: readonly [name: string, at: number, total: number, start: string, end: string][] = [
  ["a clock at 1970", 5, 10, "5000000", "15000000"],
  ["a clock before it", -5_000, 10, "0", "0"],
  ["a time that runs back", 1_000, -500, "1000000000", "1000000000"],
  ["no number", Number.NaN, Number.NaN, "0", "0"],
];

for (const [name, at, total, start, end] of odd) {
  test(`odd times make a span all the same: ${name}`, async () => {
    const { tracing, spans } = await tracingTo(() => Promise.resolve(OK));
    const outcome = callOutcome({ kind: "completed" }, { total: millis(total) }, undefined, { at: epochMillis(at) });
    tracing.begin(head(), epochMillis(at))?.end(outcome);
    await closed(tracing);
    assert.deepEqual([spans()[0]?.startTimeUnixNano, spans()[0]?.endTimeUnixNano], [start, end]);
  });
}

const answers: readonly [
  name: string,
  answer: (call: number) => Result<SpanAnswer, string>,
  calls: number,
  exported: number,
  health: readonly (RegExp | undefined)[],
][] = [
  ["taken", () => OK, 1, 2, []],
  ["refused for good", () => ok({ status: 400, retryAfter: undefined, body: "" }), 1, 0, [/answered 400/]],
  ["a redirect", () => ok({ status: 302, retryAfter: undefined, body: "" }), 1, 0, [/answered 302/]],
  ["busy, then well", (n) => (n === 1 ? ok({ status: 503, retryAfter: "0", body: "" }) : OK), 2, 2, []],
  ["not reached, then well", (n) => (n === 1 ? fail("ECONNREFUSED") : OK), 2, 2, []],
  [
    "some rejected",
    () => ok({ status: 200, retryAfter: undefined, body: '{"partialSuccess":{"rejectedSpans":"1"}}' }),
    1,
    1,
    [/rejected 1 of 2/],
  ],
  [
    "more rejected than sent",
    () => ok({ status: 200, retryAfter: undefined, body: '{"partialSuccess":{"rejectedSpans":9e99}}' }),
    1,
    2,
    [],
  ],
  ["an answer that is nothing", () => ok({ status: 200, retryAfter: undefined, body: "<html>" }), 1, 2, []],
  ["null", () => ok({ status: 200, retryAfter: undefined, body: "null" }), 1, 2, []],
];

for (const [name, answer, calls, exported, health] of answers) {
  test(`a collector: ${name}`, async () => {
    const world = await tracingTo((call) => Promise.resolve(answer(call)));
    for (let n = 0; n < 2; n += 1) world.tracing.begin(head(), AT)?.end(callOutcome({ kind: "completed" }));
    await closed(world.tracing);
    assert.equal(world.sent.length, calls);
    assert.deepEqual(world.tracing.counts(), { exported, failed: 2 - exported, dropped: 0 });
    assert.equal(world.health.length, health.length);
    for (const [index, pattern] of health.entries()) assert.match(world.health[index] ?? "", pattern ?? /./);
  });
}

test("a post that throws is a failure like any other", async () => {
  const { tracing, health } = await tracingTo(() => Promise.reject(new Error("bug")));
  tracing.begin(head(), AT)?.end(callOutcome({ kind: "completed" }));
  await closed(tracing);
  assert.deepEqual(tracing.counts(), { exported: 0, failed: 1, dropped: 0 });
  assert.deepEqual(health, ["The spans cannot be sent."]);
});

test(
  "a collector that hangs: the queue is bounded, the rest is counted, and closing takes its deadline",
  SOON,
  async () => {
    const { tracing } = await tracingTo(() => new Promise(() => undefined));
    for (let n = 0; n < 3_000; n += 1) tracing.begin(head(), AT)?.end(callOutcome({ kind: "completed" }));
    // One batch is under way, 2048 wait.
    assert.equal(tracing.counts().dropped, 3_000 - 2_048 - 128);
    const began = performance.now();
    await tracing.close(millis(100));
    const took = performance.now() - began;
    assert.ok(took >= 90 && took < 5_000, `${took} ms`);
    assert.deepEqual(tracing.counts(), { exported: 0, failed: 2_176, dropped: 824 });
  },
);

test("what is waiting is sent on closing", async () => {
  const { tracing, spans } = await tracingTo(() => new Promise((resolve) => setTimeout(() => resolve(OK), 5)));
  for (let n = 0; n < 1_000; n += 1) tracing.begin(head(), AT)?.end(callOutcome({ kind: "completed" }));
  await closed(tracing);
  assert.equal(spans().length, 1_000);
  assert.equal(new Set(spans().map(({ spanId }) => spanId)).size, 1_000);
  assert.deepEqual(tracing.counts(), { exported: 1_000, failed: 0, dropped: 0 });
});

test("health is told when it changes", async () => {
  let well = false;
  const { tracing, health } = await tracingTo(() =>
    Promise.resolve(well ? OK : ok({ status: 400, retryAfter: undefined, body: "" })),
  );
  const batch = async (): Promise<void> => {
    for (let n = 0; n < 128; n += 1) tracing.begin(head(), AT)?.end(callOutcome({ kind: "completed" }));
    await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await batch();
  await batch();
  well = true;
  await batch();
  await batch();
  await closed(tracing);
  assert.deepEqual(health, ["The collector answered 400.", undefined]);
});

test("where no collector is configured nothing is made, and nothing of OpenTelemetry is needed", async () => {
  assert.equal(NO_TRACING.begin(child("01"), AT), undefined);
  assert.deepEqual(NO_TRACING.counts(), { exported: 0, failed: 0, dropped: 0 });
  await NO_TRACING.close(millis(0));
});
