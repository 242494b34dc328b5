import type { Usage } from "../inference/usage.ts";
import type { Price } from "./inference-policy.ts";

/** Trillionths in a billionth: prices are kept in the former, budgets are counted in the latter. */
const PER_NANO = 1000;

/**
 * What a call cost, in whole billionths of a US dollar, rounded up, at most 2^53-1. Exact up to 9,007 dollars; beyond, to
 * 53 bits. A part that is more than the whole it is a part of (an origin that lies) never makes a call cheaper.
 */
export function callCost(price: Price, usage: Usage): number {
  const plainInput = usage.input - usage.cacheRead - usage.cacheWrite - usage.audioInput;
  return inNano(
    Math.max(0, plainInput) * price.input +
      usage.cacheRead * price.cacheRead +
      Math.max(0, usage.cacheWrite - usage.cacheWriteHour) * price.cacheWrite +
      usage.cacheWriteHour * price.cacheWriteHour +
      usage.audioInput * price.audioInput +
      Math.max(0, usage.output - usage.audioOutput) * price.output +
      usage.audioOutput * price.audioOutput +
      usage.toolCalls * price.toolCall +
      price.request,
  );
}

/**
 * The most that so many tokens can cost, whatever part of them is cached or audio: what to reserve. Searches that the
 * provider makes by itself are not in it, since nobody knows their number before.
 */
export function highestCost(price: Price, input: number, output: number): number {
  const dearestInput = Math.max(price.input, price.cacheRead, price.cacheWrite, price.cacheWriteHour, price.audioInput);
  return inNano(input * dearestInput + output * Math.max(price.output, price.audioOutput) + price.request);
}

function inNano(pico: number): number {
  return Math.min(Math.ceil(pico / PER_NANO), Number.MAX_SAFE_INTEGER);
}
