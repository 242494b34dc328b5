import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Which processors who runs on, as `taskset -c` takes them; undefined: nobody is pinned. */
export interface Cores {
  readonly gateway: string;
  readonly load: string;
  readonly origin: string;
  /** All that this process may use. */
  readonly all: string;
}

/** One processor for the gateway under test, and the others for load and provider; they share one where there are two. */
export function chooseCores(): Cores | undefined {
  const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (allowed === undefined || spawnSync("taskset", ["-V"]).status !== 0) return undefined;
  const [load, gateway, origin = load] = allowed.split(",").flatMap((part) => {
    const [from = Number.NaN, to = from] = part.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
  if (load === undefined || gateway === undefined) return undefined;
  return { gateway: String(gateway), load: String(load), origin: String(origin), all: allowed };
}

/** Moves this process with all its threads. */
export function moveHere(cores: string): void {
  spawnSync("taskset", ["-acp", cores, String(process.pid)]);
}

/** What comes before a program's name to start it on those processors. */
export function on(cores: string | undefined): readonly string[] {
  return cores === undefined ? [] : ["taskset", "-c", cores];
}
