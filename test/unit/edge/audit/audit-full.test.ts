import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { bytes, millis } from "../../../../router/core/base/quantity.ts";
import { listSegments } from "../../../../router/edge/audit/read-segments.ts";
import { auditEvent, eventually, openLog, requestsOf, scratchDirectory, verifyDirectory } from "./log-fixture.ts";

test("INV-AUDIT-FAIL-CLOSED: a log at its size limit waits for room, and uses what it gets, however much waits", async (t) => {
  const directory = scratchDirectory(t);
  const log = await openLog(directory, {
    maximumBytes: bytes(400_000),
    segmentBytes: bytes(50_000),
    retryAfter: millis(30),
  });
  let allowed = 0;
  while ((await log.append(auditEvent(`a${allowed}`))).ok) allowed += 1;
  assert.equal(log.health().problem?.code, "log_full");
  assert.ok(log.health().bytes <= 400_000);
  // Denials that nobody waits for: more than there will ever be room for at once.
  for (let index = 0; index < 3_000; index += 1) log.appendSoon(auditEvent(`d${index}`, { decision: "deny" }));
  const before = (await listSegments(directory)).length;
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal((await listSegments(directory)).length, before, "no segment is begun without room");

  for (const file of (await listSegments(directory)).slice(0, 3)) rmSync(file);
  await eventually("what waits is written", () => log.health().records > allowed + 100);
  await eventually("it is full again", () => log.health().problem?.code === "log_full");
  assert.ok(log.health().bytes <= 400_000);
  assert.ok((await listSegments(directory)).length < before + 6, "and not in a segment for each attempt");
  // An operator who makes room again and again gets everything that waited.
  for (let tries = 0; tries < 100 && log.health().records < allowed + 3_000; tries += 1) {
    for (const file of (await listSegments(directory)).slice(0, -1)) rmSync(file);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await eventually("it is written", () => log.health().writable);
  assert.ok(log.health().records >= allowed + 3_000, `${log.health().records} records`);
  await log.close();
  const requests = await requestsOf(directory);
  assert.equal(new Set(requests).size, requests.length);
  assert.equal((await verifyDirectory(directory)).damage, undefined);
});
