import { assertNever } from "../base/assert-never.ts";
import type { DetectorRule, Observation, Watch } from "./detector.ts";
import { KnownTargets, type KnownState } from "./known-targets.ts";
import { SlidingSum, type SumState } from "./sliding-sum.ts";
import { TargetSums, type TargetSumsState } from "./target-sums.ts";
import { withinHours } from "./working-hours.ts";

export interface GaugeState {
  readonly sum: SumState;
  readonly known: KnownState;
  readonly sums: TargetSumsState;
  /** Undefined: of a row that a router kept which did not say so. */
  readonly isSeen?: boolean | undefined;
}

/** What one detector has counted. What it takes is bounded, whatever and however much it is fed. */
export class Gauge {
  readonly #sum: SlidingSum;
  readonly #known: KnownTargets;
  readonly #sums: TargetSums;
  /** Of the row that stands: something in it passed the router. */
  #isSeen = false;

  constructor(watch: Watch) {
    const window = "window" in watch ? watch.window : 1;
    this.#sum = new SlidingSum(window);
    this.#known = new KnownTargets("memory" in watch ? watch.memory : 1);
    this.#sums = new TargetSums(window);
  }

  /** Counts an observation, and returns what stands against the bound then; 0 where it is none of the detector's business. */
  feed(watch: Watch, observation: Observation, now: number): number {
    const { result, target } = observation;
    switch (watch.kind) {
      case "burst":
        return begins(observation) ? this.#add(1, now) : 0;
      case "failures":
        return this.#row(result === "failed", result === "succeeded", observation.isSaid, now);
      case "denials":
        return this.#row(result === "denied", result === "allowed", observation.isSaid, now);
      case "new_destinations":
        return begins(observation) && this.#known.isNew(target, now) ? this.#add(1, now) : 0;
      case "off_hours":
        return begins(observation) && !withinHours(watch.hours, observation.at) ? 1 : 0;
      case "volume": {
        const octets = amountOf(observation.bytes);
        if (octets === 0) return 0;
        return watch.perDestination ? this.#sums.add(target, octets, now) : this.#add(octets, now);
      }
      default:
        return assertNever(watch);
    }
  }

  state(now: number): GaugeState {
    return {
      sum: this.#sum.state(now),
      known: this.#known.state(now),
      sums: this.#sums.state(now),
      isSeen: this.#isSeen,
    };
  }

  /** To be called once, on a new gauge. `canBeSeen`: something of what it counts passes the router. */
  restore({ sum, known, sums, isSeen }: GaugeState, canBeSeen: boolean, now: number): void {
    this.#sum.restore(sum, now);
    this.#known.restore(known, now);
    this.#sums.restore(sums, now);
    this.#isSeen = isSeen ?? canBeSeen;
  }

  /** Words cost nothing: an agent could ask for what it may have after each denial but one. */
  #row(counts: boolean, ends: boolean, isSaid: boolean, now: number): number {
    if (this.#sum.total(now) === 0) this.#isSeen = false;
    if (ends && !(isSaid && this.#isSeen)) {
      this.#sum.clear();
      this.#isSeen = false;
    }
    if (!counts) return 0;
    if (!isSaid) this.#isSeen = true;
    return this.#add(1, now);
  }

  #add(amount: number, now: number): number {
    this.#sum.add(amount, now);
    return this.#sum.total(now);
  }
}

/** Whether what a gauge returned is what the detector was set up to find. */
export function trips(watch: Watch, measured: number): boolean {
  switch (watch.kind) {
    case "burst":
    case "new_destinations":
      return measured > watch.count;
    case "failures":
    case "denials":
      return measured > 0 && measured >= watch.count;
    case "off_hours":
      return measured > 0;
    case "volume":
      return measured > watch.bytes;
    default:
      return assertNever(watch);
  }
}

/** Two rules with the same text count the same, whatever their bounds are and whatever follows. */
export function countingText({ watch, actions }: DetectorRule): string {
  const window = "window" in watch ? watch.window : "";
  const memory = "memory" in watch ? watch.memory : "";
  const split = watch.kind === "volume" && watch.perDestination ? "destination" : "";
  const kinds = actions === undefined ? "*" : [...actions].toSorted().join(",");
  return [watch.kind, window, memory, split, kinds].join(" ");
}

function begins({ result }: Observation): boolean {
  return result === "allowed" || result === "denied" || result === "limited";
}

function amountOf(octets: number): number {
  return octets > 0 ? Math.floor(Math.min(octets, Number.MAX_SAFE_INTEGER)) : 0;
}
