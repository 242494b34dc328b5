import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { nodeFiles } from "../../../../router/edge/audit/audit-files.ts";
import { listSegments } from "../../../../router/edge/audit/read-segments.ts";
import { resume } from "../../../../router/edge/audit/resume.ts";
import { auditEvent, openLog, scratchDirectory, verifyDirectory } from "./log-fixture.ts";

test("INV-AUDIT-CRASH: a writer that died at any octet: whole records stay, half a record goes, and it is said", async (t) => {
  const directory = scratchDirectory(t);
  const log = await openLog(directory);
  for (const request of ["1", "2", "3"]) await log.append(auditEvent(request));
  await log.close();
  const [file = ""] = await listSegments(directory);
  const whole = readFileSync(file);
  const borders = [...whole.entries()].filter(([, octet]) => octet === 0x0a).map(([index]) => index + 1);
  for (let length = borders[0] ?? 0; length < whole.length; length += borders.includes(length) ? 1 : 5) {
    writeFileSync(file, whole.subarray(0, length));
    const kept = borders.filter((border) => border <= length);
    const { previous, finding } = await resume(directory, nodeFiles);
    const end = kept.at(-1) ?? 0;
    const [ended, offset, cut] = end === length ? ["unclean"] : ["torn", end, length - end];
    assert.deepEqual([previous?.seq, previous?.bytes, previous?.ended], [kept.length - 1, end, ended]);
    assert.deepEqual([finding?.["offset"], finding?.["length"]], [offset, cut]);
    assert.equal(statSync(file).size, end);
    assert.equal((await verifyDirectory(directory)).damage, undefined);
  }
});
