import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import type { Clock } from "../../core/base/clock.ts";
import { epochMillis, millis } from "../../core/base/quantity.ts";
import type { ClockReading } from "../../core/budget/budget-time.ts";

/** The clocks that budgets go by. */
export interface LedgerClock {
  /** Which boot uptimes count from; empty where the machine does not say. */
  readonly boot: string;
  read(): ClockReading;
}

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
/** Asking for the uptime is a read of a file: it is asked for once a second, and whenever the clocks part. */
const INTERVAL = 1_000;

/**
 * The machine's uptime with suspended time (`/proc/uptime`, in steps of 10 ms) and, in between, what has passed since on
 * the process's monotonic clock, which stands still while the machine is suspended.
 */
export function machineClock(clock: Clock, bootFile = BOOT_ID): LedgerClock {
  let askedAt = Number.NEGATIVE_INFINITY;
  let base = 0;
  let apart = 0;
  return {
    boot: readBoot(bootFile),
    read() {
      const wall = epochMillis(Math.floor(clock.now()));
      const monotonic = clock.monotonic();
      if (monotonic - askedAt > INTERVAL || Math.abs(wall - monotonic - apart) > INTERVAL) {
        askedAt = monotonic;
        base = uptime() * 1000 - monotonic;
        apart = wall - monotonic;
      }
      return { wall, uptime: millis(monotonic + base) };
    },
  };
}

function readBoot(file: string): string {
  try {
    const text = readFileSync(file, "latin1").trim();
    return /^[0-9a-f-]{36}$/.test(text) ? text : "";
  } catch {
    return "";
  }
}
