import type { Obligations } from "./governance-policy.ts";

/** Of what no rule asks anything. */
export const NO_OBLIGATIONS: Obligations = Object.freeze({
  redact: Object.freeze([]),
  resultBytes: undefined,
  log: "digest",
});

export function asksNothing({ redact, resultBytes, log }: Obligations): boolean {
  return redact.length === 0 && resultBytes === undefined && log === "digest";
}

/** All of them together: every redaction, the smallest result, the fuller record. */
export function mergedObligations(all: readonly Obligations[]): Obligations {
  const [first = NO_OBLIGATIONS] = all;
  if (all.length <= 1) return first;
  const sizes = all.map(({ resultBytes }) => resultBytes).filter((size) => size !== undefined);
  return {
    redact: [...new Set(all.flatMap(({ redact }) => redact))],
    resultBytes: sizes.length === 0 ? undefined : Math.min(...sizes),
    log: all.some(({ log }) => log === "full") ? "full" : "digest",
  };
}
