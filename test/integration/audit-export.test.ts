import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock } from "../../router/app/clock.ts";
import { type AuditExports, openAuditExports } from "../../router/app/export-sinks.ts";
import { bytes, millis } from "../../router/core/base/quantity.ts";
import { parseEndpoint } from "../../router/core/config/endpoint-shape.ts";
import type { ExportConfig } from "../../router/core/config/router-config.ts";
import type { AuditLog } from "../../router/edge/audit/audit-log.ts";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import { accept, type Answer, type ExportReceiver, exportReceiver, firsts, leafOf } from "../fakes/export-receiver.ts";
import { freePort } from "../fakes/ports.ts";
import { auditEvent, eventually, openLog, scratchDirectory } from "../unit/edge/audit/log-fixture.ts";

const WRITER = join(import.meta.dirname, "audit-export-writer.ts");

function webhook(port: number, changes: Partial<ExportConfig> = {}): ExportConfig {
  const endpoint = parseEndpoint(`http://127.0.0.1:${port}/audit`);
  assert.ok(endpoint.ok);
  return {
    name: "siem",
    kind: "webhook",
    format: "jsonl",
    endpoint: endpoint.value,
    caFile: undefined,
    tokenFile: undefined,
    headersFile: undefined,
    signatureKeyFile: undefined,
    timeout: millis(400),
    ...changes,
  };
}

interface Exporting {
  readonly exports: AuditExports;
  readonly events: string[];
  readonly log: AuditLog;
  /** Everything in the segments. */
  written(): Promise<string>;
}

/** A real log that is exported, as the router wires it. */
async function exporting(t: TestContext, directory: string, targets: readonly ExportConfig[]): Promise<Exporting> {
  const events: string[] = [];
  let wake = (): void => undefined;
  const log = await openLog(directory, {
    segmentBytes: bytes(60_000),
    observer: { recorded: () => undefined, synced: () => wake() },
  });
  const exports = await openAuditExports(
    { audit: { directory, exports: targets }, state: { directory } },
    {
      version: "0.1.0",
      clock: systemClock,
      log: { event: (level, event, facts) => void events.push(`${level} ${event} ${JSON.stringify(facts)}`) },
      resolve: () => Promise.reject(new Error("no name is needed")),
      durableEnd: () => log.durableEnd(),
      output: process.stdout,
    },
  );
  wake = () => exports.wake();
  t.after(() => exports.close(millis(1)));
  const written = async (): Promise<string> =>
    (await listSegments(directory)).map((file) => readFileSync(file, "utf8")).join("");
  return { exports, events, log, written };
}

async function append(log: AuditLog, count: number, prefix = "r"): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => log.append(auditEvent(`${prefix}${index}`))));
}

/** Waits until a receiver has what the log has, and checks that a receiver can verify it by itself. */
async function arrived(receiver: ExportReceiver, written: () => Promise<string>): Promise<void> {
  const expected = await written();
  await eventually("everything is there", () => firsts(receiver.accepted()).length >= firsts(expected).length);
  const lines = firsts(receiver.accepted());
  assert.equal(lines.map((line) => `${line}\n`).join(""), expected, "byte for byte, in order");
  let prev = "0".repeat(64);
  for (const line of lines) {
    assert.equal((JSON.parse(line) as { prev: string }).prev, prev);
    prev = leafOf(line);
  }
}

test("records reach a webhook byte for byte, with token and signature, and OTLP at its path, each by its own cursor", async (t) => {
  await using receiver = await exportReceiver();
  await using collector = await exportReceiver((_received, response) =>
    response.end('{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"no"}}'),
  );
  const directory = scratchDirectory(t);
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const { exports, log, written } = await exporting(t, directory, [
    webhook(receiver.port, { tokenFile: file("token", "t0k\n"), signatureKeyFile: file("key", "k3y") }),
    webhook(collector.port, { name: "otel", kind: "otlp" }),
    webhook(receiver.port, { name: "events", format: "cloudevents", tokenFile: join(directory, "gone") }),
  ]);
  await append(log, 300);
  await arrived(receiver, written);
  const [request] = receiver.requests;
  assert.ok(request);
  const { authorization, "content-type": contentType, "sluice-signature": signature } = request.headers;
  assert.deepEqual([request.url, authorization, contentType], ["/audit", "Bearer t0k", "application/x-ndjson"]);
  assert.equal(signature, `sha256=${createHmac("sha256", "k3y").update(request.body).digest("hex")}`);
  await eventually("OTLP is done", () => exports.status()[1]?.lagSeconds === 0 && collector.requests.length > 2);
  assert.equal(collector.requests[0]?.url, "/audit/v1/logs");
  const [siem, otel, events] = exports.status();
  assert.deepEqual([siem?.state, siem?.delivered, siem?.rejected], ["ok", firsts(await written()).length, 0]);
  assert.deepEqual([otel?.state, otel?.rejected], ["ok", collector.requests.length]);
  assert.deepEqual([events?.state, events?.delivered], ["failing", 0]);
  assert.equal(events?.lastProblem, `${join(directory, "gone")} cannot be read (moved).`);
  assert.ok(
    receiver.requests.every(({ headers }) => headers["sluice-signature"] !== undefined),
    "nothing is sent without its secret",
  );
});

test("INV-EXPORT-SURVIVES: whatever an endpoint does, records arrive once it behaves, in order", async (t) => {
  const misdeeds: readonly (readonly [what: string, answer: Answer])[] = [
    ["hangs", () => undefined],
    [
      "hangs within its answer",
      (_received, response) => void response.writeHead(500, { "content-length": 9 }).write("a"),
    ],
    ["answers 500", (_received, response) => void response.writeHead(500).end()],
    ["answers 429", (_received, response) => void response.writeHead(429, { "retry-after": "1" }).end()],
    ["redirects", (_received, response) => void response.writeHead(302, { location: "/elsewhere" }).end()],
    ["closes", (_received, response) => void response.socket?.destroy()],
    ["refuses", (_received, response) => void response.writeHead(403).end()],
    [
      "never ends",
      (_received, response) => {
        response.writeHead(503);
        const fill = (): void => {
          while (!response.destroyed && response.write("a".repeat(65_536)));
        };
        response.on("drain", fill);
        fill();
      },
    ],
  ];
  await Promise.all(
    misdeeds.map(async ([what, misdeed]) => {
      await using receiver = await exportReceiver(misdeed);
      const { exports, log, written } = await exporting(t, scratchDirectory(t), [webhook(receiver.port)]);
      await append(log, 20);
      await eventually(`it ${what}`, () => exports.status()[0]?.state === "failing" && receiver.requests.length > 1);
      assert.deepEqual([exports.status()[0]?.delivered, exports.status()[0]?.rejected], [0, 0], what);
      assert.ok(
        receiver.requests.every(({ url }) => url === "/audit"),
        what,
      );
      receiver.answer(accept);
      await arrived(receiver, written);
      assert.equal(exports.status()[0]?.state, "ok", what);
    }),
  );
});

test("a record that is refused is passed over, and the rest arrives", async (t) => {
  await using receiver = await exportReceiver((received, response) =>
    response.writeHead(received.body.includes('"request":"r7"') ? 400 : 200).end(),
  );
  const { exports, events, log, written } = await exporting(t, scratchDirectory(t), [webhook(receiver.port)]);
  await append(log, 20);
  const total = firsts(await written()).length;
  await eventually("all others are there", () => exports.status()[0]?.delivered === total - 1);
  assert.equal(exports.status()[0]?.rejected, 1);
  assert.equal(firsts(receiver.accepted()).length, total - 1);
  assert.ok(events.some((event) => event.startsWith("warn records were rejected")));
});

test("INV-EXPORT-RESTART: rotation, and a restart while the endpoint is down, lose nothing and begin where it stood", async (t) => {
  const directory = scratchDirectory(t);
  const port = await freePort();
  {
    await using receiver = await exportReceiver(accept, port);
    const first = await exporting(t, directory, [webhook(port)]);
    await append(first.log, 50, "up");
    await arrived(receiver, first.written);
    await first.log.close();
    await first.exports.close(millis(1_000));
    assert.ok(firsts(receiver.accepted()).at(-1)?.includes('"kind":"stop"'), "the stop record is sent, too");
  }
  const second = await exporting(t, directory, [webhook(port)]);
  for (let round = 0; round < 10; round += 1) await append(second.log, 50, `down${round}-`);
  await eventually("it fails", () => second.exports.status()[0]?.state === "failing");
  await second.log.close();
  await second.exports.close(millis(1_000));
  assert.ok((await listSegments(directory)).length > 4, "there were rotations");

  await using receiver = await exportReceiver(accept, port);
  const third = await exporting(t, directory, [webhook(port)]);
  await append(third.log, 10, "again");
  const text = await third.written();
  const rest = text.slice(text.indexOf('"kind":"stop"'));
  const expected = firsts(rest.slice(rest.indexOf("\n")));
  await eventually("the rest is there", () => firsts(receiver.accepted()).length === expected.length);
  assert.deepEqual(firsts(receiver.accepted()), expected);
});

/** Starts the writer; `said` are the lines of its descriptor 3. */
function startWriter(directory: string, port: string, count = "Infinity") {
  const child = spawn(process.execPath, [WRITER, directory, port, count], {
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  let said = "";
  const reports = child.stdio[3] as Readable;
  reports.setEncoding("utf8").on("data", (text: string) => (said += text));
  return { child, reports, said: () => said };
}

test("INV-EXPORT-CRASH: kill -9, wherever it hits, loses nothing: records come again, or not at all, but none is missing", async (t) => {
  const directory = scratchDirectory(t);
  let holding = false;
  await using receiver = await exportReceiver((_received, response, count) => {
    // Some are killed after the receiver has the records, and before they know.
    if (count % 7 === 3) holding = true;
    else response.end();
  });
  for (let round = 0; round < 5; round += 1) {
    holding = false;
    const { child, reports } = startWriter(directory, `${receiver.port}`);
    await once(reports, "data");
    const before = receiver.requests.length;
    await eventually("it sends", () => receiver.requests.length > before || holding);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
    child.kill("SIGKILL");
    await once(child, "close");
  }
  receiver.answer(accept);
  const { log, written } = await exporting(t, directory, [webhook(receiver.port)]);
  await append(log, 5);
  await arrived(receiver, written);
});

test("INV-EXPORT-STDOUT: a standard output that nobody reads holds nothing up, not even the end; it takes whole lines", async (t) => {
  const directory = scratchDirectory(t);
  const unread = startWriter(directory, "stdout", "200");
  await once(unread.child, "exit");
  assert.match(unread.said(), /^0\n1\n(?:\d+\n)+199\nstopped in \d+ ms\n$/);
  const took = Number(/stopped in (\d+) ms/.exec(unread.said())?.[1]);
  assert.ok(took < 2_500, `${took} ms`);
  unread.child.stdout?.destroy();

  const read = startWriter(directory, "stdout", "20");
  let output = "";
  (read.child.stdout as Readable).setEncoding("utf8").on("data", (text: string) => (output += text));
  await once(read.child, "close");
  const text = (await listSegments(directory)).map((file) => readFileSync(file, "utf8")).join("");
  assert.ok(output.endsWith("\n") && output.includes('"kind":"stop"'));
  assert.ok(text.endsWith(output), "what the first could not say is said by the second");
  assert.ok(output.length > text.length / 2);
});

test("INV-EXPORT-BOUNDED: 100,000 records that wait are in the files and not in memory, and hold no append up", async (t) => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await using receiver = await exportReceiver(() => undefined);
  const directory = scratchDirectory(t);
  const targets = ["a", "b", "c"].map((name) => webhook(receiver.port, { name, timeout: millis(60_000) }));
  const { exports, log, written } = await exporting(t, directory, targets);
  const fill = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 4_000) await append(log, 4_000);
  };
  await fill(20_000);
  await eventually("they hang", () => receiver.requests.length === 3);
  collect();
  const before = process.memoryUsage();
  const began = performance.now();
  await fill(80_000);
  const took = performance.now() - began;
  collect();
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  const waiting = (await written()).length;
  t.diagnostic(`${Math.round(80_000_000 / took)} appends/s; ${waiting} octets wait; memory grew by ${grown}`);
  assert.ok(waiting > 40_000_000);
  assert.ok(grown < 4_000_000, `memory grew by ${grown} octets while ${waiting} waited`);
  assert.equal(receiver.requests.length, 3, "nothing besides the one request of each");

  /** The median, three times: a disk has moods. */
  const latencies = async (): Promise<readonly number[]> => {
    const medians: number[] = [];
    for (let times = 0; times < 3; times += 1) {
      const taken: number[] = [];
      for (let index = 0; index < 100; index += 1) {
        const at = performance.now();
        await log.append(auditEvent("timed"));
        taken.push(performance.now() - at);
      }
      medians.push(taken.toSorted((one, other) => one - other)[50] ?? 0);
    }
    return medians;
  };
  const hanging = Math.min(...(await latencies()));
  await exports.close(millis(1));
  const alone = Math.max(...(await latencies()));
  t.diagnostic(`an append takes ${hanging.toFixed(2)} ms with hanging sinks, ${alone.toFixed(2)} ms without any`);
  assert.ok(hanging < 2 * alone + 2, `${hanging} ms instead of ${alone}`);

  receiver.answer(accept);
  const started = performance.now();
  const again = await openAuditExports(
    { audit: { directory, exports: targets.slice(0, 1) }, state: { directory } },
    {
      version: "0.1.0",
      clock: systemClock,
      log: { event: () => undefined },
      resolve: () => Promise.reject(new Error("no name is needed")),
      durableEnd: () => log.durableEnd(),
      output: process.stdout,
    },
  );
  t.after(() => again.close(millis(1)));
  const total = firsts(await written()).length;
  await eventually("it caught up", () => again.status()[0]?.delivered === total);
  t.diagnostic(`caught up with ${total} records in ${Math.round(performance.now() - started)} ms`);
});
