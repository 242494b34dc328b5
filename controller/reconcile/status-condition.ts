import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { EpochMillis } from "../../router/core/base/quantity.ts";
import { safeText } from "../../router/core/wire/safe-text.ts";

export interface StatusCondition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

const MOST_MESSAGE = 4_096;

/** RFC 3339, whole seconds, as the API server writes times. */
export function timeText(at: EpochMillis | number): string {
  return `${new Date(Math.floor(at / 1_000) * 1_000).toISOString().slice(0, 19)}Z`;
}

/**
 * The conditions of an object with ours among them: since when one holds changes with its status alone, and what is not of
 * `ours` stays exactly as it was, in its place. One of `ours` that `wanted` lacks is taken out.
 */
export function mergedConditions(
  before: readonly unknown[],
  ours: readonly string[],
  wanted: readonly StatusCondition[],
  facts: { readonly now: EpochMillis; readonly generation: number | undefined },
): readonly unknown[] {
  const typeOf = (condition: unknown): unknown => (isRecord(condition) ? condition["type"] : undefined);
  const next = wanted.map(({ type, status, reason, message }) => {
    const known = before.find((condition) => typeOf(condition) === type);
    const since = isRecord(known) && known["status"] === status ? known["lastTransitionTime"] : undefined;
    return {
      type,
      status,
      reason,
      message: safeText(message, MOST_MESSAGE),
      lastTransitionTime: typeof since === "string" ? since : timeText(facts.now),
      ...(facts.generation === undefined ? {} : { observedGeneration: facts.generation }),
    };
  });
  return [...before.filter((condition) => !ours.some((type) => type === typeOf(condition))), ...next];
}
