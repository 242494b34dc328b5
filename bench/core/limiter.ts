import type { LimitNames } from "../../router/core/limiter/limit-pool.ts";
import { type NamedLimit, RateLimiter } from "../../router/core/limiter/rate-limiter.ts";

/**
 * The time of one take with two limits, and the memory that a million invented names cost. Run: `node bench/core/limiter.ts`.
 * Prints one line of JSON and a table. Target (issue 5): under 0.3 us a take with two limits.
 */

const short = process.argv.includes("--short");
const PLENTY = { count: 1_000_000, window: 1, burst: 1_000_000 };
const SCARCE = { count: 1, window: 86_400_000, burst: 1 };

const limit = (id: string, per: NamedLimit["per"], rate: NamedLimit["rate"], concurrent?: number): NamedLimit => ({
  id,
  per,
  rate,
  concurrent,
});
const named = (text: string): LimitNames => ({
  action: "tool",
  tool: text,
  model: undefined,
  destination: `${text}.example:443`,
  peer: undefined,
});

const few = Array.from({ length: 64 }, (_, index) => named(`server/tool-${index}`));
const many = Array.from({ length: short ? 100_000 : 1_000_000 }, (_, index) => named(`server/tool-${index}`));

interface Case {
  readonly name: string;
  readonly limits: readonly NamedLimit[];
  readonly names: readonly LimitNames[];
  readonly ok: boolean | undefined;
}

const cases: readonly Case[] = [
  { name: "one limit over all", limits: [limit("a", "all", PLENTY)], names: few, ok: true },
  {
    name: "two limits, over all and per tool",
    limits: [limit("a", "all", PLENTY), limit("b", "tool", PLENTY)],
    names: few,
    ok: true,
  },
  {
    name: "two limits, with places held and released",
    limits: [limit("a", "all", PLENTY, 10), limit("b", "tool", PLENTY, 10)],
    names: few,
    ok: true,
  },
  {
    name: "two limits, refused by the second",
    limits: [limit("a", "all", PLENTY), limit("b", "tool", SCARCE)],
    names: few,
    ok: false,
  },
  {
    name: "two limits, invented names, buckets full again",
    limits: [limit("a", "tool", PLENTY), limit("b", "destination", PLENTY)],
    names: many,
    ok: true,
  },
  {
    name: "two limits, invented names, all buckets in use",
    limits: [limit("a", "tool", SCARCE), limit("b", "destination", SCARCE)],
    names: many,
    ok: undefined,
  },
];

/** The median of rounds: a neighbour on the same cores disturbs some of them, and none of them much. */
function microseconds({ name, limits, names, ok }: Case): number {
  const limiter = new RateLimiter();
  limiter.apply(limits, 0);
  const repeats = names.length < 1_000 ? 200 : 1;
  const rounds = names.length < 1_000 ? 301 : 5;
  let now = 1;
  const round = (): number => {
    let admitted = 0;
    const began = performance.now();
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      for (const one of names) {
        now += 0.01;
        const taken = limiter.take(limits, one, now);
        if (taken.ok) {
          admitted += 1;
          taken.value.release();
        }
      }
    }
    const elapsed = performance.now() - began;
    const expected = ok === undefined ? admitted : ok ? repeats * names.length : admitted;
    if (admitted !== expected || (ok === false && admitted > names.length)) throw new Error(`${name}: ${admitted}`);
    return (elapsed * 1_000) / (repeats * names.length);
  };
  const times = Array.from({ length: rounds }, round).toSorted((one, other) => one - other);
  return Number((times[rounds >> 1] ?? Number.NaN).toFixed(3));
}

const rows = cases.map((one) => ({ name: one.name, takeUs: microseconds(one) }));
console.log(JSON.stringify({ bench: "core/limiter", node: process.version, rows }));
console.table(Object.fromEntries(rows.map((row) => [row.name, { "us a take": row.takeUs }])));
