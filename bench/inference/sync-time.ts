import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { quantiles } from "./quantiles.ts";

/** A record's length, more or less. */
const OCTETS = 700;
const TIMES = 200;
const APART_MILLIS = 5;

/** Milliseconds of one append with its fdatasync: about what strict audit costs a call at least (the log itself uses O_DSYNC where it can). */
export interface SyncTime {
  readonly p50: number;
  readonly p99: number;
}

/** Where the sidecars of the bench keep their audit logs; appends one after the other, and some milliseconds apart. */
export async function syncTimes(): Promise<{ readonly together: SyncTime; readonly apart: SyncTime }> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-bench-sync-"));
  try {
    await using file = await open(join(directory, "file"), "a");
    const octets = Buffer.alloc(OCTETS, "x");
    const timed = async (pause: number): Promise<SyncTime> => {
      const times: number[] = [];
      for (let time = 0; time < TIMES; time += 1) {
        const began = performance.now();
        await file.write(octets);
        await file.datasync();
        times.push(performance.now() - began);
        if (pause > 0) await sleep(pause);
      }
      const at = quantiles(times);
      return { p50: at(0.5), p99: at(0.99) };
    };
    return { together: await timed(0), apart: await timed(APART_MILLIS) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
