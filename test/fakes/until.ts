import { setTimeout as pause } from "node:timers/promises";

/** Looks until it is so; throws after `within` milliseconds, which only what never becomes so should take. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what = "it did not become so",
  within = 15_000,
): Promise<void> {
  for (const deadline = performance.now() + within; !(await isSo()); await pause(5)) {
    if (performance.now() > deadline) throw new Error(`${what}: ${isSo.toString()}`);
  }
}

/** Resolves with a number above zero once it has been the same for `quiet` milliseconds; throws where it never rests. */
export async function atRest(value: () => number, quiet = 100, within = 10_000): Promise<number> {
  const deadline = performance.now() + within;
  for (let last = value(); ;) {
    await pause(quiet);
    const now = value();
    if (now === last && now > 0) return now;
    if (performance.now() > deadline) throw new Error(`it goes on: ${last}, then ${now}`);
    last = now;
  }
}
