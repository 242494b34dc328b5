import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Writable } from "node:stream";
import { test } from "node:test";
import { pino } from "pino";
import { bytes, epochMillis, millis, portOf } from "../../../../router/core/base/quantity.ts";
import type { Outcome } from "../../../../router/core/outcome/outcome.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";
import { parseIpAddress } from "../../../../router/core/wire/ip-address.ts";
import { type Log, openLog } from "../../../../router/edge/log/log.ts";

function collected(): { readonly stream: Writable; readonly lines: () => readonly Record<string, unknown>[] } {
  let text = "";
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  return {
    stream,
    lines: () =>
      text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

async function linesOf(
  level: Parameters<typeof openLog>[0],
  use: (log: Log) => void,
): Promise<readonly Record<string, unknown>[]> {
  const { stream, lines } = collected();
  const log = openLog(level, stream);
  use(log);
  await log.flush(millis(1000));
  return lines();
}

const host = parseHost("api.github.com");
assert.ok(host.ok);
const outcome: Outcome = {
  kind: "completed",
  start: {
    request: "01J9",
    action: "connect",
    host: host.value,
    port: portOf(443),
    at: epochMillis(0),
    trace: undefined,
  },
  policy: { name: "research", version: 7, digest: `sha256:${"0123456789abcdef".repeat(4)}` },
  rule: "github",
  facts: {
    address: parseIpAddress("140.82.112.6"),
    bytesOut: bytes(345),
    bytesIn: bytes(12_345),
    status: undefined,
    resolve: millis(1),
    connect: millis(2),
    total: millis(12.345),
  },
};

test("an exchange is one line with fixed fields", async () => {
  const [line, ...more] = await linesOf("info", (log) => log.exchange(outcome, true));
  assert.ok(line !== undefined && more.length === 0);
  assert.match(String(line["time"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(
    { ...line, time: "" },
    {
      level: "info",
      time: "",
      request: "01J9",
      via: "connect",
      host: "api.github.com",
      port: 443,
      decision: "allow",
      outcome: "completed",
      rule: "github",
      address: "140.82.112.6",
      bytesOut: 345,
      bytesIn: 12_345,
      ms: 12.3,
      policy: "sha256:0123456789ab",
      msg: "exchange",
    },
  );
});

test("the line of an exchange is octet for octet what pino writes of its fields", async () => {
  const nasty = 'a"b\\\u2028\u00e9\u{1f600}%s%d';
  const odd: Outcome = { ...outcome, start: { ...outcome.start, request: nasty }, rule: nasty };
  let text = "";
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  const log = openLog("info", stream);
  for (const each of [outcome, odd]) {
    log.exchange(each, true);
    log.event("info", "between", { a: 1 });
  }
  await log.flush(millis(1000));
  const lines = text.split("\n").slice(0, -1);
  assert.equal(lines.length, 4);
  for (const line of lines) {
    const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
    let expected = "";
    const pinned = pino(
      {
        base: null,
        timestamp: () => `,"time":"${String(time)}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      { write: (written: string) => (expected = written) },
    );
    pinned.info(fields, String(msg));
    assert.equal(`${line}\n`, expected);
    assert.equal(level, "info");
  }
  assert.deepEqual(Object.keys(JSON.parse(lines[1] ?? "") as object), ["level", "time", "a", "msg"]);
});

test("a decision is what audit and metrics call it", async () => {
  const bare = {
    ...outcome,
    start: { ...outcome.start, host: undefined, port: undefined },
    policy: undefined,
    rule: undefined,
  };
  const rows: readonly (readonly [Outcome, boolean, readonly unknown[]])[] = [
    [outcome, true, ["allow", "completed", undefined, "api.github.com"]],
    [
      { ...bare, kind: "refused", reason: "malformed_request", detail: "d" },
      false,
      ["deny", "refused", "malformed_request", undefined],
    ],
    [
      { ...outcome, kind: "refused", reason: "sni_mismatch", detail: undefined },
      true,
      ["deny", "refused", "sni_mismatch", "api.github.com"],
    ],
    [
      { ...outcome, kind: "aborted", reason: "byte_limit", detail: undefined },
      true,
      ["allow", "aborted", "byte_limit", "api.github.com"],
    ],
    [
      { ...outcome, kind: "aborted", reason: undefined, detail: undefined },
      false,
      ["none", "aborted", undefined, "api.github.com"],
    ],
  ];
  for (const [settled, admitted, expected] of rows) {
    const [line] = await linesOf("info", (log) => log.exchange(settled, admitted));
    assert.deepEqual([line?.["decision"], line?.["outcome"], line?.["reason"], line?.["host"]], expected);
  }
});

test("INV-LOG-1: only the named fields are written, whatever an outcome brings along", async () => {
  const secret = "Bearer s3cr3t";
  const laden = {
    ...outcome,
    headers: { authorization: secret },
    body: secret,
    detail: secret,
    facts: { ...outcome.facts, body: secret },
    start: { ...outcome.start, target: `/x?token=${secret}`, proxyAuthorization: secret },
    policy: { ...outcome.policy, key: secret },
  } as unknown as Outcome;
  const plain = await linesOf("info", (log) => log.exchange(outcome, true));
  const [line] = await linesOf("info", (log) => log.exchange(laden, true));
  assert.ok(!JSON.stringify(line).includes("s3cr3t"));
  assert.deepEqual(Object.keys(line ?? {}), Object.keys(plain[0] ?? {}));
});

test("what an agent chooses can neither forge a line, steer a terminal, nor grow one", async () => {
  const action = `http.${"M".repeat(20_000)}`;
  const lines = await linesOf("info", (log) => {
    log.exchange({ ...outcome, start: { ...outcome.start, action } }, true);
    log.event("warn", "policy refused", {
      file: 'a\n{"level":"info"}\u001b[2J\u009b\u202e',
      problem: "x".repeat(5000),
      line: 3,
      ok: false,
    });
  });
  const [exchange, event, ...more] = lines;
  assert.ok(exchange !== undefined && event !== undefined && more.length === 0);
  assert.equal(String(exchange["via"]).length, 32);
  assert.equal(event["file"], 'a?{"level":"info"}?[2J??');
  assert.equal(String(event["problem"]).length, 1024);
  assert.deepEqual([event["line"], event["ok"], event["level"], event["msg"]], [3, false, "warn", "policy refused"]);
});

const everything = (log: Log): void => {
  log.exchange(outcome, true);
  for (const level of ["debug", "info", "warn", "error"] as const) log.event(level, level);
};

test("the level decides what is written", async () => {
  const rows = [
    ["debug", ["exchange", "debug", "info", "warn", "error"]],
    ["info", ["exchange", "info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
    ["silent", []],
  ] as const;
  for (const [level, expected] of rows) {
    assert.deepEqual(
      (await linesOf(level, everything)).map((line) => line["msg"]),
      expected,
    );
  }
});

const CHILD = `
  import { openLog } from ${JSON.stringify(new URL("../../../../router/edge/log/log.ts", import.meta.url).href)};
  const log = openLog("info", process.stdout);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    for (let line = 0; line < 200; line += 1) log.event("info", "x".repeat(500));
    last = performance.now();
  }, 10);
  setTimeout(async () => {
    clearInterval(timer);
    await log.flush(100);
    process.send({ lost: log.lost, longest });
    process.exit(0);
  }, 700);
`;

for (const [name, closed] of [
  ["full", false],
  ["closed", true],
] as const) {
  test(`INV-LOG-3: with standard output ${name}, a process goes on, counts what is lost, and can exit`, async () => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", CHILD], {
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    if (closed) child.stdout?.destroy();
    const from = performance.now();
    const message = once(child, "message");
    const [code] = (await once(child, "exit")) as [number];
    const [report] = (await message) as [{ lost: number; longest: number }];
    child.stdout?.destroy();
    assert.equal(code, 0);
    assert.ok(performance.now() - from < 8000);
    assert.ok(report.lost > 1000, `${report.lost} lost`);
    assert.ok(report.longest < 1500, `its event loop stood still for ${report.longest} ms`);
  });
}
