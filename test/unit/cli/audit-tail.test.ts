import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { auditTail } from "../../../cli/audit-tail.ts";
import { ownEvent } from "../../../router/core/audit/own-event.ts";
import { epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { EVENTS, WrittenLog, WRITTEN_AT } from "../../fakes/written-log.ts";
import { eventually } from "../edge/audit/log-fixture.ts";

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-audit-tail-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

interface Tail {
  /** Requests of the records shown so far, `--` for a separator and `!!` for what is no record. */
  shown(): string[];
  readonly out: string;
  readonly err: string;
  end(): Promise<number>;
  readonly exit: Promise<number>;
}

function tail(t: TestContext, argv: readonly string[]): Tail {
  const gone = new AbortController();
  t.after(() => gone.abort());
  const said = { out: "", err: "" };
  const io = {
    stdout: (text: string) => void (said.out += text),
    stderr: (text: string) => void (said.err += text),
    cwd: "/",
    now: () => epochMillis(WRITTEN_AT + 60_000),
  };
  const exit = auditTail(argv, io, { columns: undefined, colors: false, gone: gone.signal }, millis(5));
  return {
    shown: () =>
      said.out
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("TIME"))
        .map((line) =>
          /^[-!]{2}/.test(line) ? line.slice(0, 2) : (line.match(/x-[0-9]+/)?.[0] ?? line.slice(19, 34).trim()),
        ),
    get out() {
      return said.out;
    },
    get err() {
      return said.err;
    },
    exit,
    end: () => {
      gone.abort();
      return exit;
    },
  };
}

/** Waits for what a followed log must show. */
async function shows(followed: Tail, expected: readonly string[]): Promise<void> {
  await eventually(`${expected.join(" ")} is shown`, () => followed.shown().length >= expected.length).catch(
    () => undefined,
  );
  assert.deepEqual(followed.shown(), expected);
}

/** x-0 to x-8 in three segments of two streams. */
function writeLog(directory: string): WrittenLog {
  const log = new WrittenLog(directory);
  for (let index = 0; index < 9; index += 1) {
    if (index === 3) log.rotate();
    if (index === 6) log.start("b");
    log.append(index % 2 === 0 ? EVENTS.allowed(`x-${index}`) : EVENTS.denied(`x-${index}`));
  }
  return log;
}

const rows: readonly (readonly [argv: string, shown: string, exit: number])[] = [
  ["-n 2", "-- x-7 x-8", 0],
  ["-n 4", "-- segment x-6 x-7 x-8", 0],
  ["--lines=6", "-- x-4 x-5 -- segment x-6 x-7 x-8", 0],
  ["", "-- segment x-0 x-1 x-2 segment x-3 x-4 x-5 -- segment x-6 x-7 x-8", 0],
  ["-n 3 --decision deny", "-- x-3 x-5 -- x-7", 0],
  ["-n 1 --host gist.*", "-- x-7", 0],
  ["--request x-4", "-- x-4 --", 0],
  ["-n 9 --stream a --kind egress", "-- x-0 x-1 x-2 x-3 x-4 x-5 --", 0],
  ["--rule none-such", "", 1],
  ["-n 0", "", 1],
];
for (const [argv, shown, exit] of rows) {
  test(`audit tail ${argv} -> ${shown}`, async (t) => {
    const directory = scratch(t);
    writeLog(directory);
    const said = tail(t, [directory, ...argv.split(" ").filter((word) => word !== "")]);
    assert.equal(await said.exit, exit);
    assert.equal(said.shown().join(" "), shown);
  });
}

test("audit tail: what cannot be read or asked is exit 2", async (t) => {
  const directory = scratch(t);
  const file = writeLog(directory).file;
  mkdirSync(join(directory, "none"));
  for (const [argv, says] of [
    [[], /name one directory/],
    [[directory, directory], /name one directory/],
    [[directory, "-n", "x"], /-n is a number/],
    [[directory, "--limit", "1"], /--limit/],
    [[join(directory, "absent")], /ENOENT/],
    [[join(directory, "absent"), "-f"], /ENOENT/],
    [[join(directory, "none")], /no audit segment/],
    [[file, "-f"], /follows a directory/],
  ] as const) {
    const said = tail(t, argv);
    assert.deepEqual([await said.exit, said.out], [2, ""]);
    assert.match(said.err, says);
  }
  const said = tail(t, [file, "-n", "1"]);
  assert.equal(await said.exit, 0);
  assert.deepEqual(said.shown(), ["--", "x-8"]);
});

test("audit tail -f: over a rotation, over a restart, to the signal", async (t) => {
  const log = writeLog(scratch(t));
  const followed = tail(t, [log.directory, "-n", "1", "-f"]);
  await shows(followed, ["--", "x-8"]);
  log.append(EVENTS.denied("x-9"));
  log.rotate();
  log.append(EVENTS.denied("x-10"));
  await shows(followed, ["--", "x-8", "x-9", "segment", "x-10"]);
  log.start("c");
  log.append(EVENTS.denied("x-11"));
  await shows(followed, ["--", "x-8", "x-9", "segment", "x-10", "--", "segment", "x-11"]);
  assert.match(
    followed.out,
    /\n-- the writer was started again: 2026-11-20, stream c{32} of research\/agent-7f9c, from record 0\n/,
  );
  assert.equal(await followed.end(), 0);
  log.append(EVENTS.denied("x-12"));
  assert.doesNotMatch(followed.out, /x-12/);
});

test("audit tail -f: filters what comes too, and still says that the writer was restarted", async (t) => {
  const log = writeLog(scratch(t));
  const followed = tail(t, [log.directory, "-n", "1", "-f", "--decision", "deny"]);
  const json = tail(t, [log.directory, "-n", "1", "-f", "--decision", "deny", "--json"]);
  await shows(followed, ["--", "x-7"]);
  await eventually("the last line is printed", () => json.out.includes('"x-7"'));
  log.start("c");
  log.append(EVENTS.allowed("x-9"));
  const line = log.append(EVENTS.denied("x-10"));
  await shows(followed, ["--", "x-7", "--", "x-10"]);
  await eventually("the line is printed", () => json.out.endsWith(`\n${line}\n`));
  assert.match(json.err, /^-- the writer was started again: /);
  assert.deepEqual([await followed.end(), await json.end()], [0, 0]);
});

test("audit tail -f: a half line is awaited; one that never ends is told once the log went on", async (t) => {
  const log = writeLog(scratch(t));
  const followed = tail(t, [log.directory, "-n", "1", "-f"]);
  await shows(followed, ["--", "x-8"]);
  const line = log.line(EVENTS.denied("x-9", { target: "é".repeat(20) }));
  const octets = Buffer.from(`${line}\n`);
  // Also within a character.
  for (const octet of [octets.subarray(0, 9), octets.subarray(9, octets.indexOf(0xc3) + 1)]) {
    appendFileSync(log.file, octet);
    await new Promise((resolve) => setTimeout(resolve, 15));
    assert.equal(followed.shown().length, 2);
  }
  appendFileSync(log.file, octets.subarray(octets.indexOf(0xc3) + 1));
  await shows(followed, ["--", "x-8", "x-9"]);
  appendFileSync(log.file, '{"half');
  log.rotate();
  await shows(followed, ["--", "x-8", "x-9", "!!", "segment"]);
  assert.match(followed.out, /octet [0-9]+: half a line of 6 octets\n/);
  assert.equal(await followed.end(), 0);
});

test("audit tail -f: neither a cut, nor a deleted segment, nor a directory that comes back ends it", async (t) => {
  const directory = join(scratch(t), "log");
  mkdirSync(directory);
  const log = writeLog(directory);
  const followed = tail(t, [directory, "-n", "1", "-f"]);
  await shows(followed, ["--", "x-8"]);
  // A crash's torn tail, cut before the next segment, was told to nobody.
  appendFileSync(log.file, '{"half');
  await new Promise((resolve) => setTimeout(resolve, 15));
  truncateSync(log.file, Buffer.byteLength(`${log.line(EVENTS.denied("-"))}\n`));
  await shows(followed, ["--", "x-8", "!!"]);
  assert.match(followed.out, /octet [0-9]+: the file was cut back to here\n/);
  rmSync(log.file);
  await new Promise((resolve) => setTimeout(resolve, 15));
  log.rotate();
  log.append(EVENTS.denied("x-9"));
  await shows(followed, ["--", "x-8", "!!", "segment", "x-9"]);
  rmSync(directory, { recursive: true });
  await new Promise((resolve) => setTimeout(resolve, 15));
  mkdirSync(directory);
  // Numbers begin again.
  const anew = new WrittenLog(directory, "d");
  anew.append(EVENTS.denied("x-10"));
  await shows(followed, ["--", "x-8", "!!", "segment", "x-9", "--", "segment", "x-10"]);
  assert.equal(await followed.end(), 0);
});

test("audit tail -f: waits for the first segment of an empty directory, and past what is no segment", async (t) => {
  const directory = scratch(t);
  const followed = tail(t, [directory, "-f"]);
  mkdirSync(join(directory, `audit-00000001-${"0".repeat(32)}.jsonl`));
  writeFileSync(join(directory, "writer.lock"), "");
  const log = new WrittenLog(directory);
  appendFileSync(log.file, `${"x".repeat(600_000)}\n\u001b[2J\n`);
  log.append(ownEvent(epochMillis(0), "heartbeat", "beat", "", {}));
  await shows(followed, ["--", "segment", "!!", "!!", "heartbeat"]);
  assert.match(followed.out, /longer than any record[^\n]+\n!! [^\n]+no audit record: \\u001b\[2J\n/);
  assert.equal(await followed.end(), 0);
});
