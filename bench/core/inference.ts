import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordRenderer } from "../../router/core/audit/record.ts";
import { NO_LEAF } from "../../router/core/audit/segment-header.ts";
import { bytes, epochMillis, millis } from "../../router/core/base/quantity.ts";
import type { BudgetPolicy } from "../../router/core/budget/budget-plan.ts";
import type { BudgetRule, RateRule } from "../../router/core/budget/budget-rule.ts";
import { Budgets } from "../../router/core/budget/budgets.ts";
import { LeakGate } from "../../router/core/credential/leak-gate.ts";
import { leakPattern } from "../../router/core/credential/leak-pattern.ts";
import { secretForms } from "../../router/core/credential/secret-forms.ts";
import { judgeBody } from "../../router/core/guardrail/judge-body.ts";
import { railSearch } from "../../router/core/guardrail/rail-search.ts";
import { outgoingEdits } from "../../router/core/inference/outgoing-body.ts";
import { bodyPlan, requestFacts } from "../../router/core/inference/request-facts.ts";
import { responseMeter } from "../../router/core/inference/response-meter.ts";
import { editMembers } from "../../router/core/json/member-edit.ts";
import { MemberScan } from "../../router/core/json/member-scan.ts";
import type { ScannedObject } from "../../router/core/json/scanned-object.ts";
import { splice } from "../../router/core/json/splice.ts";
import { machineClock } from "../../router/edge/ledger/machine-clock.ts";
import { openLedger } from "../../router/edge/ledger/ledger.ts";
import { chatAnswer, streamBegin, streamEndWithUsage, streamWord } from "../inference/canned-answer.ts";
import { chatRequest } from "../inference/request-octets.ts";

/**
 * What the steps of an inference call cost by themselves, in nanoseconds. Run: `node bench/core/inference.ts [--short]`.
 * Prints one line of JSON and a table: median of rounds (the fastest - the slowest), and megabytes a second where an
 * operation reads octets. Fails (exit 1) far above what a call may cost; the whole of it may cost 100 us.
 */
const short = process.argv.includes("--short");
const ROUNDS = short ? 7 : 15;
const ROUND_MILLIS = short ? 20 : 60;

interface Operation {
  readonly name: string;
  /** Octets that one run reads. */
  readonly octets?: number;
  /** Things that one run does; default 1. */
  readonly count?: number;
  /** Nanoseconds above which something is grossly wrong. */
  readonly most: number;
  run(): void;
}

function measure({ count = 1, run }: Operation): readonly number[] {
  const timed = (repeats: number): number => {
    const began = performance.now();
    for (let repeat = 0; repeat < repeats; repeat += 1) run();
    return performance.now() - began;
  };
  let repeats = 1;
  while (timed(repeats) < ROUND_MILLIS) repeats *= 2;
  const rounds = Array.from({ length: ROUNDS }, () => (timed(repeats) / repeats / count) * 1e6);
  return rounds.toSorted((one, other) => one - other);
}

/** The octets that follow the head. */
function bodyOf(message: Buffer): Buffer {
  return Buffer.from(message.subarray(message.indexOf("\r\n\r\n") + 4));
}

/** Without the lines of the transfer coding, so that what is left are the events. */
function eventsOf(coded: Buffer): Buffer {
  return Buffer.from(coded.toString("latin1").replace(/(?:^|\r\n)[0-9a-f]+\r\n|\r\n$/g, ""), "latin1");
}

function mustBe<Value>(result: { readonly ok: true; readonly value: Value } | { readonly ok: false }): Value {
  if (!result.ok) throw new Error("an operation of the bench was refused");
  return result.value;
}

function isTrue(condition: boolean): void {
  if (!condition) throw new Error("an operation of the bench did not do what it measures");
}

const small = bodyOf(chatRequest([], 1_024));
const large = bodyOf(chatRequest([], 150 * 1_024));
const largeChunks = [large.subarray(0, 65_536), large.subarray(65_536, 131_072), large.subarray(131_072)];
const plan = bodyPlan("chat");

function scanned(chunks: readonly Uint8Array[]): ScannedObject {
  const scan = new MemberScan(plan);
  for (const chunk of chunks) scan.push(chunk);
  return mustBe(scan.end());
}

const object = scanned([small]);
const facts = mustBe(requestFacts("chat", object));
const wishes = { api: "chat", model: "upstream-model", cap: 1_000, streamUsage: false, newCapName: false } as const;

const answer = bodyOf(chatAnswer);
const frame = eventsOf(streamWord);
const begin = eventsOf(bodyOf(streamBegin));
const end = eventsOf(streamEndWithUsage);
const FRAMES = 256;
const nowhere = (): void => undefined;

function meterStream(dropUsageFrame: boolean): void {
  const meter = responseMeter({ api: "chat", streaming: true, dropUsageFrame, wholeFrames: false });
  meter.push(begin, nowhere);
  for (let index = 0; index < FRAMES; index += 1) meter.push(frame, nowhere);
  meter.push(end, nowhere);
  meter.end(nowhere);
  isTrue(meter.complete && meter.usage !== undefined);
}

const secret = leakPattern(secretForms(["sk-provider-secret-0123456789abcdefghijklmnopqrstuv"]));

const NEVER = 1e15;
const counted = (id: string, unit: BudgetRule["unit"], kind: "day" | "hour" | "month"): BudgetRule => {
  return { id, unit, limit: NEVER, window: { kind }, scope: "pod", models: undefined, cut: false };
};
const rate = (id: string, unit: RateRule["unit"]): RateRule => ({ id, unit, limit: NEVER, models: undefined });
const policy: BudgetPolicy = {
  budgets: [counted("tokens", "tokens", "day"), counted("calls", "requests", "hour"), counted("usd", "cost", "month")],
  rates: [rate("minute", "requests"), rate("tokens-minute", "tokens"), rate("at-once", "concurrent")],
  models: ["test-model"],
};
const estimate = {
  model: "test-model",
  input: 1_100,
  output: 1_000,
  choices: 1,
  least: 1,
  price: { input: 2_500, output: 10_000, request: 0 },
};
const charge = { tokens: 340, cost: 1_825_000, estimated: false };

const directory = mkdtempSync(join(tmpdir(), "sluice-bench-ledger-"));
const ledger = mustBe(
  await openLedger({
    directory,
    clock: machineClock({ now: () => epochMillis(Date.now()), monotonic: () => millis(performance.now()) }),
    compactAt: bytes(8 * 1024 * 1024),
    syncAfter: millis(1_000),
    retryAfter: millis(1_000),
    onEvent: (event) => {
      if (event.kind === "unavailable") throw new Error(event.sentence);
    },
  }),
);
ledger.reconfigure(policy);
const time = { wall: epochMillis(Date.UTC(2026, 10, 21, 12)), steady: millis(1e9) };
const budgets = new Budgets(policy, time);

const search = mustBe(
  railSearch(
    {
      kind: "patterns",
      builtIn: ["api_key", "private_key", "aws_access_key", "github_token", "credit_card", "email", "iban"],
      patterns: [],
    },
    "block",
  ),
);
const smallText = small.toString();
const largeText = large.toString();

const render = recordRenderer(
  { namespace: "research", pod: "agent-7f9c8d-abcde", agent: "researcher" },
  "0".repeat(32),
);
const position = { seq: 1, prev: NO_LEAF, time: new Date(time.wall).toISOString(), uptime: millis(1) };
const event = {
  time: time.wall,
  kind: "inference.end",
  action: "inference.chat",
  target: "test-model",
  decision: "allow",
  reason: null,
  rule: null,
  policy: { name: "models", version: 7, digest: `sha256:${"ab".repeat(32)}` },
  request: "01JD3Q9Z8X7V6T5R4P3N2M1K0H",
  detail: {
    outcome: "completed",
    provider: "main",
    providerModel: "upstream-model",
    address: "127.0.0.1",
    status: 200,
    stream: false,
    attempts: 1,
    usage: { input: 210, cacheRead: 0, cacheWrite: 0, output: 130, reasoning: 0 },
    tokens: 340,
    costNanoUsd: 1_825_000,
    estimated: false,
    finish: ["stop"],
    bytesOut: 1_024,
    bytesIn: 1_040,
    firstTokenMillis: 1,
    millis: 2,
  },
} as const;

const operations: readonly Operation[] = [
  { name: "scan a request of 1 KB", octets: small.length, most: 60_000, run: () => void scanned([small]) },
  { name: "scan a request of 150 KB", octets: large.length, most: 3_000_000, run: () => void scanned(largeChunks) },
  { name: "facts of a request", most: 20_000, run: () => void mustBe(requestFacts("chat", object)) },
  {
    name: "edit model and cap, splice",
    most: 40_000,
    run: () => void splice([small], editMembers(object, outgoingEdits(object, facts, wishes))),
  },
  {
    name: "meter an answer of 1 KB",
    octets: answer.length,
    most: 100_000,
    run: () => {
      const meter = responseMeter({ api: "chat", streaming: false, dropUsageFrame: false, wholeFrames: false });
      meter.push(answer, nowhere);
      meter.end(nowhere);
      isTrue(meter.complete && meter.usage !== undefined);
    },
  },
  {
    name: "meter a frame of a stream",
    octets: frame.length,
    count: FRAMES,
    most: 20_000,
    run: () => meterStream(false),
  },
  {
    name: "meter a frame, usage taken out",
    octets: frame.length,
    count: FRAMES,
    most: 20_000,
    run: () => meterStream(true),
  },
  {
    name: "leak gate, an answer of 1 KB",
    octets: answer.length,
    most: 40_000,
    run: () => {
      const gate = new LeakGate(secret, nowhere);
      isTrue(gate.push(answer));
      gate.end();
    },
  },
  {
    name: "leak gate, a frame of a stream",
    octets: frame.length,
    count: FRAMES,
    most: 10_000,
    run: () => {
      const gate = new LeakGate(secret, nowhere);
      for (let index = 0; index < FRAMES; index += 1) isTrue(gate.push(frame));
      gate.end();
    },
  },
  {
    name: "budgets: reserve and settle (3 budgets, 3 rates)",
    most: 60_000,
    run: () => void budgets.settle(mustBe(budgets.reserve(estimate, time)).id, charge, time),
  },
  {
    name: "ledger: the same, kept by the kernel",
    most: 300_000,
    run: () => void ledger.settle(mustBe(ledger.reserve(estimate)).id, charge),
  },
  {
    name: "guardrail of 7 patterns, 1 KB",
    octets: small.length,
    most: 400_000,
    run: () => isTrue(judgeBody(search, "block", smallText, "input").kind === "pass"),
  },
  {
    name: "guardrail of 7 patterns, 150 KB",
    octets: large.length,
    most: 40_000_000,
    run: () => isTrue(judgeBody(search, "block", largeText, "input").kind === "pass"),
  },
  { name: "audit record of a call's end", most: 80_000, run: () => void render(event, position) },
];

try {
  const rows = operations.map((operation) => {
    const rounds = measure(operation);
    const median = rounds[rounds.length >> 1] ?? Number.NaN;
    const { name, octets } = operation;
    const perSecond = octets === undefined ? undefined : Math.round((octets / median) * 1_000);
    return { name, median, fastest: rounds[0] ?? 0, slowest: rounds.at(-1) ?? 0, perSecond };
  });
  console.log(JSON.stringify({ bench: "core/inference", node: process.version, rows }));
  const whole = (value: number): string => Math.round(value).toLocaleString("en");
  console.table(
    Object.fromEntries(
      rows.map(({ name, median, fastest, slowest, perSecond }) => [
        name,
        { ns: `${whole(median)} (${whole(fastest)} - ${whole(slowest)})`, "MB/s": perSecond ?? "" },
      ]),
    ),
  );
  for (const [index, { name, most }] of operations.entries()) {
    const { median = Number.NaN } = rows[index] ?? {};
    if (median < most) continue;
    console.error(`bench/core/inference.ts: ${name}: ${whole(median)} ns, more than ${whole(most)}`);
    process.exitCode = 1;
  }
} finally {
  await ledger.close();
  rmSync(directory, { recursive: true });
}
