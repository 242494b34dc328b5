import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import type { Usage } from "../../router/core/inference/usage.ts";
import type { CallFacts, CallOutcome, CallStart } from "../../router/core/outcome/inference-outcome.ts";
import { ip } from "../unit/core/policy/policy-fixture.ts";

export const SAMPLE_USAGE: Usage = {
  input: 120,
  cacheRead: 64,
  cacheWrite: 16,
  cacheWriteHour: 0,
  audioInput: 8,
  output: 41,
  reasoning: 9,
  audioOutput: 0,
  toolCalls: 0,
};

export type CallHow =
  | Pick<Extract<CallOutcome, { kind: "completed" }>, "kind">
  | Pick<Extract<CallOutcome, { kind: "refused" }>, "kind" | "reason" | "detail">
  | Pick<Extract<CallOutcome, { kind: "aborted" }>, "kind" | "reason" | "detail">;

/** A streamed chat call of the model `fast`, sent to `gpt-4o-mini` of `azure-eu`; 1750.4 ms long, of which 250 to the first token. */
export function callOutcome(
  how: CallHow,
  facts: Partial<CallFacts> = {},
  rule?: string,
  start: Partial<CallStart> = {},
): CallOutcome {
  return {
    ...how,
    start: {
      request: "3f9a1c22-18",
      api: "chat",
      family: "openai",
      at: epochMillis(Date.UTC(2026, 10, 20, 9, 0, 0, 250)),
      trace: undefined,
      ...start,
    },
    policy: { name: "models", version: 3, digest: `sha256:${"cd".repeat(32)}` },
    rule,
    facts: { ...FACTS, ...facts },
  };
}

const FACTS: CallFacts = {
  model: "fast",
  provider: "azure-eu",
  target: "gpt-4o-mini",
  address: ip("20.50.1.2"),
  status: 200,
  stream: true,
  attempts: 1,
  usage: SAMPLE_USAGE,
  charged: { tokens: 161, cost: 42_000, estimated: false },
  finishReasons: ["stop"],
  responseId: "chatcmpl-9Xy",
  responseModel: "gpt-4o-mini-2026-08-06",
  bytesOut: 512,
  bytesIn: 4_096,
  firstToken: millis(250),
  overhead: millis(0.3),
  total: millis(1_750.4),
  signals: [],
};
