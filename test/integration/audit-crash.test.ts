import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openAuditLog } from "../../router/edge/audit/audit-log.ts";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import { logOptions, requestsOf, scratchDirectory, verifyDirectory } from "../unit/edge/audit/log-fixture.ts";

const WRITER = fileURLToPath(new URL("audit-crash-writer.ts", import.meta.url));
/** More of them: `SLUICE_AUDIT_KILLS=200 npm test -- audit-crash`. */
const KILLS = Number(process.env["SLUICE_AUDIT_KILLS"] ?? "10");

/** Runs a writer on the directory and kills it; returns what it said. */
async function killed(directory: string, round: number): Promise<string[]> {
  const writer = spawn(process.execPath, [WRITER, directory, `${round}`], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  writer.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(writer.stdout, "data");
  // Whole milliseconds would hit the same places again and again.
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
  for (let spin = Math.random() * 200_000; spin > 0; spin -= 1);
  writer.kill("SIGKILL");
  await once(writer, "close");
  // A line that the kill cut was not said.
  return said.split("\n").slice(0, -1);
}

test(`INV-AUDIT-CRASH: kill -9, ${KILLS} times: all that was acknowledged is in the log, once, and the chain is whole`, async (t) => {
  const directory = scratchDirectory(t);
  const acknowledged: string[] = [];
  for (let round = 0; round < KILLS; round += 1) acknowledged.push(...(await killed(directory, round)));
  assert.ok(acknowledged.length > KILLS * 16, `${acknowledged.length} acknowledged`);

  const opened = await openAuditLog(logOptions(directory));
  assert.ok(opened.ok);
  await opened.value.close();
  const recorded = await requestsOf(directory);
  assert.equal(new Set(recorded).size, recorded.length, "no record twice");
  assert.deepEqual(new Set(acknowledged).difference(new Set(recorded)), new Set());
  const report = await verifyDirectory(directory);
  assert.equal(report.damage, undefined);
  assert.equal(report.streams, KILLS + 1);
  assert.ok(report.segments > KILLS + 1);
  const torn = report.recoveries;
  t.diagnostic(
    `${recorded.length} records, ${acknowledged.length} acknowledged, ${report.segments} segments, ${torn} torn tails`,
  );
});

test("INV-AUDIT-ONE-WRITER: a second process is refused while the first lives, and not once it was killed", async (t) => {
  const directory = scratchDirectory(t);
  const writer = spawn(process.execPath, [WRITER, directory, "a"], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => writer.kill("SIGKILL"));
  await once(writer.stdout, "data");
  writer.stdout.resume();
  const second = spawn(process.execPath, [WRITER, directory, "b"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  second.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(second, "close");
  assert.equal(said, "locked\n");
  const ours = await openAuditLog(logOptions(directory));
  assert.equal(ours.ok, false);
  writer.kill("SIGKILL");
  await once(writer, "exit");
  const next = await openAuditLog(logOptions(directory));
  assert.ok(next.ok);
  await next.value.close();
  assert.ok((await listSegments(directory)).length > 1);
  assert.equal((await verifyDirectory(directory)).damage, undefined);
});
