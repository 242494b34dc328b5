import { writeSync } from "node:fs";
import type { AuditEvent } from "../../router/core/audit/audit-event.ts";
import { bytes, epochMillis, millis } from "../../router/core/base/quantity.ts";
import { openAuditLog } from "../../router/edge/audit/audit-log.ts";
import { createSigner } from "../../router/edge/audit/ed25519.ts";

/** Writes to a log without end, 16 at a time, and says each request on stdout once it is acknowledged. To be killed. */
const [directory = "", round = ""] = process.argv.slice(2);
const opened = await openAuditLog({
  directory,
  mode: "strict",
  segmentBytes: bytes(30_000),
  segmentAge: millis(3_600_000),
  maximumBytes: bytes(1_000_000_000),
  identity: { namespace: "", pod: "", agent: "" },
  clock: { now: () => epochMillis(Date.now()), monotonic: () => millis(performance.now()) },
  onHealth: () => undefined,
  observer: { recorded: () => undefined, synced: () => undefined },
  writeDeadline: millis(10_000),
  retryAfter: millis(10_000),
  heartbeat: millis(3_600_000),
  checkpoints: {
    signerOf: createSigner,
    records: 10_000,
    interval: millis(10_000),
    publish: () => undefined,
  },
});
if (!opened.ok) {
  process.stdout.write(`${opened.problem.code}\n`);
  process.exit(1);
}
const log = opened.value;
const base = { kind: "egress.decision", action: "connect", target: "x:443", decision: "allow" } as const;
await Promise.all(
  Array.from({ length: 16 }, async (_, lane) => {
    for (let index = 0; ; index += 1) {
      const request = `${round}-${lane}-${index}`;
      const event: AuditEvent = {
        ...base,
        time: epochMillis(Date.now()),
        reason: null,
        rule: null,
        policy: null,
        request,
      };
      if (!(await log.append(event)).ok) process.exit(1);
      writeSync(1, `${request}\n`);
    }
  }),
);
