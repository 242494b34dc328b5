import type { LimitKey } from "../../../../router/core/limiter/limit.ts";
import type { LimitNames } from "../../../../router/core/limiter/limit-pool.ts";
import type { NamedLimit, RateLimiter } from "../../../../router/core/limiter/rate-limiter.ts";

export function limit(id: string, per: LimitKey, rate: string | undefined, concurrent?: number): NamedLimit {
  return { id, per, rate: rate === undefined ? undefined : rateOf(rate), concurrent };
}

/** `10/60000+5`: ten in a minute, five at once. */
function rateOf(text: string): NamedLimit["rate"] {
  const [count = Number.NaN, window = Number.NaN, burst = Number.NaN] = text.split(/[/+]/).map(Number);
  return { count, window, burst };
}

export function names(some: Partial<LimitNames> = {}): LimitNames {
  return {
    action: "tool",
    tool: undefined,
    model: undefined,
    destination: undefined,
    peer: undefined,
    ...some,
  };
}

/** How many of so many takes were admitted. */
export function admitted(
  limiter: RateLimiter,
  limits: readonly NamedLimit[],
  some: Partial<LimitNames>,
  now: number,
  times: number,
): number {
  let count = 0;
  for (let time = 0; time < times; time += 1) if (limiter.take(limits, names(some), now).ok) count += 1;
  return count;
}
