import { type EpochMillis, epochMillis, type Millis, millis } from "../base/quantity.ts";

/** What the clocks say. */
export interface ClockReading {
  /** Whole milliseconds. */
  readonly wall: EpochMillis;
  /** Since the machine booted, suspended time included (CLOCK_BOOTTIME): nobody can set it. */
  readonly uptime: Millis;
}

/** The time as budgets know it. */
export interface BudgetNow {
  /** Decides which minute, hour, day or month it is. Goes back only by a step. */
  readonly wall: EpochMillis;
  /** Never goes back and never steps: what is counted by length (rolling windows, rates) goes by this. */
  readonly steady: Millis;
}

/** A moment at which both clocks were believed, as the ledger keeps it. */
export interface ClockAnchor extends BudgetNow {
  readonly uptime: Millis;
  /** Which boot `uptime` counts from; empty: not known, and then no other boot is the same. */
  readonly boot: string;
}

/** The wall clock was set. */
export interface ClockStep {
  /** What it would have said. */
  readonly from: EpochMillis;
  readonly to: EpochMillis;
}

/** A jump of the wall clock up to this is followed, as if time had run a little faster or stood still: leap seconds, ntpdate. */
const TOLERANCE = 5_000;
/** No more than the tolerance is followed in this time. */
const ANCHOR_LIFE = 3_600_000;

/**
 * Budget time: the wall clock, held against one that cannot be set. Where they part by more than 5 s, the wall clock has
 * stepped: budget time goes on from the new wall time, and `tick` returns the step, by which every counter is to be
 * carried into the window of the new time. So no step, forwards or back, ends a window early. Slewing (adjtime, chrony)
 * moves both clocks alike and is no step.
 */
export class BudgetTime implements BudgetNow {
  readonly boot: string;
  #wall: EpochMillis;
  #steady: Millis;
  #anchorWall: EpochMillis;
  #anchorUptime: Millis;

  /** From nothing: this is the first reading. */
  constructor(boot: string, reading: ClockReading) {
    this.boot = boot;
    this.#wall = this.#anchorWall = reading.wall;
    this.#anchorUptime = millis(Math.floor(reading.uptime));
    this.#steady = millis(0);
  }

  get wall(): EpochMillis {
    return this.#wall;
  }

  get steady(): Millis {
    return this.#steady;
  }

  /** The uptime of `anchor`. */
  get anchored(): Millis {
    return this.#anchorUptime;
  }

  /** Changes at every step, and once an hour; what happened since is told by the wall clock alone. */
  get anchor(): ClockAnchor {
    return {
      wall: this.#anchorWall,
      steady: millis(this.#steady - (this.#wall - this.#anchorWall)),
      uptime: this.#anchorUptime,
      boot: this.boot,
    };
  }

  /**
   * Goes on where another process ended, whose last anchor and last wall time these are. Within one boot the uptime says how
   * long that was. Over a reboot only the wall clock can: where it is later, it is believed; where it is earlier, it was
   * set back, no time has passed, and the step is returned.
   */
  resume(anchor: ClockAnchor, last: EpochMillis, reading: ClockReading): ClockStep | undefined {
    this.#wall = last;
    this.#steady = millis(anchor.steady + (last - anchor.wall));
    if (anchor.boot !== "" && anchor.boot === this.boot && reading.uptime >= anchor.uptime) {
      this.#anchorWall = anchor.wall;
      this.#anchorUptime = anchor.uptime;
      return this.tick(reading);
    }
    this.#anchorUptime = millis(Math.floor(reading.uptime));
    this.#anchorWall = reading.wall;
    if (reading.wall >= last) {
      this.#pass(reading.wall);
      return undefined;
    }
    this.#wall = reading.wall;
    return { from: last, to: reading.wall };
  }

  /** Moves on to a reading. Returns the step, where the wall clock made one. */
  tick(reading: ClockReading): ClockStep | undefined {
    const elapsed = Math.max(0, Math.floor(reading.uptime) - this.#anchorUptime);
    const expected = this.#anchorWall + elapsed;
    if (Math.abs(reading.wall - expected) <= TOLERANCE) {
      if (reading.wall > this.#wall) this.#pass(reading.wall);
      if (elapsed > ANCHOR_LIFE) this.#drop(reading.uptime);
      return undefined;
    }
    this.#pass(Math.max(this.#wall, expected));
    const from = this.#wall;
    this.#wall = reading.wall;
    this.#drop(reading.uptime);
    return { from, to: reading.wall };
  }

  #pass(to: number): void {
    this.#steady = millis(this.#steady + (to - this.#wall));
    this.#wall = epochMillis(to);
  }

  #drop(uptime: Millis): void {
    this.#anchorWall = this.#wall;
    this.#anchorUptime = millis(Math.floor(uptime));
  }
}
