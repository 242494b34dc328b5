import type { ModelRule, ModelTarget } from "./inference-policy.ts";

/**
 * The targets of one call in the order in which they are tried: the first drawn by weight, the rest as listed. `draw`
 * is random, from 0 up to but without 1; what lies outside draws the first or the last that has weight.
 */
export function orderTargets({ targets }: Pick<ModelRule, "targets">, draw: number): readonly ModelTarget[] {
  if (targets.length === 1) return targets;
  const first = drawn(targets, draw);
  if (first === 0) return targets;
  return targets.slice(first, first + 1).concat(targets.slice(0, first), targets.slice(first + 1));
}

function drawn(targets: readonly ModelTarget[], draw: number): number {
  let total = 0;
  for (const { weight } of targets) total += weight;
  let left = draw * total;
  let last = 0;
  for (const [at, { weight }] of targets.entries()) {
    if (weight === 0) continue;
    if (left < weight) return at;
    left -= weight;
    last = at;
  }
  return last;
}
