import { cpuSeconds } from "../inference/process-facts.ts";

export interface Spent<Result> {
  readonly result: Result;
  readonly millis: number;
  /** Processor time of the process meanwhile, in steps of 10 ms. */
  readonly cpuMillis: number;
}

/** What a process used while something was done. */
export async function spent<Result>(pid: number, work: () => Promise<Result>): Promise<Spent<Result>> {
  const before = cpuSeconds(pid);
  const began = performance.now();
  const result = await work();
  return { result, millis: performance.now() - began, cpuMillis: (cpuSeconds(pid) - before) * 1_000 };
}
