import assert from "node:assert/strict";
import { appendFileSync, readFileSync, renameSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { listSegments } from "../../../../router/edge/audit/read-segments.ts";
import { verifyLog } from "../../../../router/edge/audit/verify-log.ts";
import { auditEvent, eventually, openLog, requestsOf, scratchDirectory, verifyDirectory } from "./log-fixture.ts";

/** A clock on which a second passes at each look, so that every batch looks where its file is. */
function hastyClock(): { now: () => ReturnType<typeof epochMillis>; monotonic: () => ReturnType<typeof millis> } {
  let ticks = 0;
  return {
    now: () => epochMillis(1_700_000_000_000 + ticks * 1_000),
    monotonic: () => {
      ticks += 1;
      return millis(ticks * 1_000);
    },
  };
}

const options = { clock: hastyClock(), segmentAge: millis(1e9), writeDeadline: millis(1e9) };

test("INV-AUDIT-ROTATED: a segment that somebody renames loses nothing and refuses nothing", async (t) => {
  const directory = scratchDirectory(t);
  const log = await openLog(directory, options);
  for (let index = 0; index < 3; index += 1) assert.ok((await log.append(auditEvent(`a${index}`))).ok);
  const [segment = ""] = await listSegments(directory);
  const moved = join(directory, "archive.1");
  renameSync(segment, moved);
  for (let index = 0; index < 5; index += 1) assert.ok((await log.append(auditEvent(`b${index}`))).ok, "never refused");
  await log.close();
  const rest = await listSegments(directory);
  assert.equal(rest.length, 1);
  const report = await verifyLog([moved, ...rest]);
  assert.equal(report.damage, undefined);
  const requests = [moved, ...rest].flatMap((file) => [...readFileSync(file, "utf8").matchAll(/"request":"(\w+)"/g)]);
  assert.deepEqual(
    requests.map(([, request]) => request),
    ["a0", "a1", "a2", "b0", "b1", "b2", "b3", "b4"],
  );
  assert.match(readFileSync(rest[0] ?? "", "utf8"), /"ended":"moved"/);
  assert.equal((await verifyDirectory(directory)).continues, segment.slice(directory.length + 1), "one is not here");
});

const spoilers: readonly [name: string, code: string, spoil: (file: string) => void][] = [
  ["cut (copytruncate)", "altered", (file) => truncateSync(file, 0)],
  ["written to", "altered", (file) => appendFileSync(file, "{}\n")],
  ["deleted", "missing", (file) => rmSync(file)],
];

for (const [name, code, spoil] of spoilers) {
  test(`INV-AUDIT-ROTATED: a segment that somebody has ${name} is left, and the next one says so`, async (t) => {
    const directory = scratchDirectory(t);
    const codes: (string | undefined)[] = [];
    const log = await openLog(directory, { ...options, onHealth: ({ problem }) => codes.push(problem?.code) });
    assert.ok((await log.append(auditEvent("a"))).ok);
    const [segment = ""] = await listSegments(directory);
    spoil(segment);
    assert.equal((await log.append(auditEvent("b"))).ok, false, "what cannot be vouched for is refused");
    await eventually("it is written again", () => log.health().writable);
    assert.ok((await log.append(auditEvent("c"))).ok);
    await log.close();
    assert.deepEqual(codes.slice(0, 2), [code, undefined]);
    assert.ok((await requestsOf(directory)).includes("c"));
    // What was taken away is seen to be missing; what was only added to has been cut back to what was durable.
    const { damage, continues } = await verifyDirectory(directory);
    assert.equal(damage !== undefined || continues !== undefined, name !== "written to");
  });
}
