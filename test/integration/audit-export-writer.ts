import { writeSync } from "node:fs";
import { systemClock } from "../../router/app/clock.ts";
import { openAuditExports } from "../../router/app/export-sinks.ts";
import { bytes, epochMillis, millis } from "../../router/core/base/quantity.ts";
import { parseEndpoint } from "../../router/core/config/endpoint-shape.ts";
import type { ExportConfig } from "../../router/core/config/router-config.ts";
import { openAuditLog } from "../../router/edge/audit/audit-log.ts";
import { auditEvent, logOptions } from "../unit/edge/audit/log-fixture.ts";

/**
 * Writes to a log and exports it to a webhook (a port) or to standard output, then says on descriptor 3 how many records
 * are durable. With a count it stops after so many, as the router does, and says how long that took; without, it goes on
 * until it is killed.
 */
const [directory = "", port = "", count = "Infinity"] = process.argv.slice(2);
const endpoint = parseEndpoint(`http://127.0.0.1:${port}/audit`);
const target: ExportConfig = {
  name: "siem",
  kind: port === "stdout" ? "stdout" : "webhook",
  format: "jsonl",
  endpoint: endpoint.ok ? endpoint.value : undefined,
  caFile: undefined,
  tokenFile: undefined,
  headersFile: undefined,
  signatureKeyFile: undefined,
  timeout: millis(500),
};
let wake = (): void => undefined;
const opened = await openAuditLog(
  logOptions(directory, {
    segmentBytes: bytes(60_000),
    observer: { recorded: () => undefined, synced: () => wake() },
  }),
);
if (!opened.ok) throw new Error(opened.problem.message);
const log = opened.value;
const exports = await openAuditExports(
  { audit: { directory, exports: [target] }, state: { directory } },
  {
    version: "0.1.0",
    clock: systemClock,
    log: { event: () => undefined },
    resolve: () => Promise.reject(new Error("no name is needed")),
    durableEnd: () => log.durableEnd(),
    output: process.stdout,
  },
);
wake = () => exports.wake();
for (let index = 0; index < Number(count); index += 1) {
  await Promise.all(
    Array.from({ length: 8 }, (_, lane) =>
      log.append(auditEvent(`${process.pid}-${index}-${lane}`, { time: epochMillis(Date.now()) })),
    ),
  );
  writeSync(3, `${index}\n`);
}
const began = performance.now();
await log.close();
await exports.close(millis(1_000));
writeSync(3, `stopped in ${Math.round(performance.now() - began)} ms\n`);
// A write that nobody takes would keep the process for ever: the router, too, must end itself.
process.exit(0);
