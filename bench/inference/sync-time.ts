import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quantiles } from "./quantiles.ts";

/** A record's length, more or less. */
const OCTETS = 700;
const TIMES = 300;

/** Milliseconds of one append with its fdatasync where the sidecar keeps its audit log: what strict audit costs at least. */
export async function syncTime(): Promise<{ readonly p50: number; readonly p99: number }> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-bench-sync-"));
  try {
    await using file = await open(join(directory, "file"), "a");
    const octets = Buffer.alloc(OCTETS, "x");
    const times: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      const began = performance.now();
      await file.write(octets);
      await file.datasync();
      times.push(performance.now() - began);
    }
    const at = quantiles(times);
    return { p50: at(0.5), p99: at(0.99) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
