import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { machineClock } from "../../../../router/edge/ledger/machine-clock.ts";

test("uptime is the machine's, whatever the process's own clock counts from", () => {
  let [wall, monotonic] = [1e12, 5];
  const clock = machineClock({ now: () => epochMillis(wall), monotonic: () => millis(monotonic) });
  const about = uptime() * 1000;
  const first = clock.read();
  assert.equal(first.wall, 1e12);
  assert.ok(Math.abs(first.uptime - about) < 500, `${first.uptime} is about ${about}`);
  monotonic += 900;
  wall += 900;
  assert.equal(clock.read().uptime, first.uptime + 900, "in between it goes with the process");
  // The wall clock jumps, as it does after the machine was suspended: the uptime is asked for again.
  wall += 3_600_000;
  assert.ok(Math.abs(clock.read().uptime - uptime() * 1000) < 500);
});

test("the boot id is the kernel's, and empty where there is none", () => {
  const clock = { now: () => epochMillis(0), monotonic: () => millis(0) };
  assert.equal(machineClock(clock).boot, readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim());
  assert.equal(machineClock(clock, "/nowhere").boot, "");
  assert.equal(machineClock(clock, "/proc/version").boot, "");
});
