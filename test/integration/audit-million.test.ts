import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, readSync, statfsSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { auditVerify } from "../../cli/audit-verify.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { BIG_RECORD, type BigLog, bigLog } from "../fakes/big-log.ts";
import { seededRandom } from "../fuzz/random.ts";
import { scratchDirectory } from "../unit/edge/audit/log-fixture.ts";

/** `SLUICE_AUDIT_MILLION=1 npm test -- audit-million`: the whole million. */
const isWhole = process.env["SLUICE_AUDIT_MILLION"] !== undefined;
const WANTED = isWhole ? 1_000_000 : 60_000;
const FLIPS = Number(process.env["SLUICE_AUDIT_FLIPS"] ?? (isWhole ? "8" : "20"));
/** A failure names the seed: `SLUICE_AUDIT_SEED=... npm test -- audit-million` repeats it. */
const SEED = Number(process.env["SLUICE_AUDIT_SEED"] ?? Date.now() % 2 ** 32);
/** Of octets on the disk that the test leaves to others. */
const SPARE = 1 << 30;
const MOST_RESIDENT = 220 << 20;

interface Bit {
  readonly file: string;
  readonly offset: number;
  readonly bit: number;
}

function flip({ file, offset, bit }: Bit): void {
  const descriptor = openSync(file, "r+");
  const octet = Buffer.alloc(1);
  readSync(descriptor, octet, 0, 1, offset);
  octet[0] = (octet[0] ?? 0) ^ (1 << bit);
  writeSync(descriptor, octet, 0, 1, offset);
  closeSync(descriptor);
}

/** The line that holds an octet, from 1; a newline belongs to the line that it ends. */
function lineAt(file: string, offset: number): number {
  const octets = readFileSync(file).subarray(0, offset);
  let line = 1;
  for (let at = octets.indexOf(0x0a); at !== -1; at = octets.indexOf(0x0a, at + 1)) line += 1;
  return line;
}

interface Found {
  readonly exit: number;
  /** `file:line`. */
  readonly place: string | undefined;
  readonly out: string;
}

async function verify({ files, anchor }: BigLog): Promise<Found> {
  let out = "";
  const say = (text: string): void => void (out += text);
  const directory = dirname(files[0] ?? "");
  const io = { stdout: say, stderr: say, cwd: directory, now: () => epochMillis(0) };
  const exit = await auditVerify([directory, "--anchor", anchor, "--json"], io);
  const [log] = (JSON.parse(out) as { logs: { report?: { damage?: { place: { file: string; line: number } } } }[] })
    .logs;
  const place = log?.report?.damage?.place;
  return { exit, out, place: place === undefined ? undefined : `${basename(place.file)}:${place.line}` };
}

/** `sluice audit verify` in a process of its own with a heap of 64 MB; its peak resident set, in octets. */
async function residentSet({ files, anchor }: BigLog): Promise<{ exit: number; peak: number; seconds: number }> {
  const program = join(import.meta.dirname, "../../cli/sluice.ts");
  const report = 'process.on("exit", () => process.stderr.write(`${process.resourceUsage().maxRSS}\\n`))';
  const argv = ["--max-old-space-size=64", `--import=data:text/javascript,${encodeURIComponent(report)}`, program];
  const began = performance.now();
  const child = spawn(process.execPath, [...argv, "audit", "verify", dirname(files[0] ?? ""), "--anchor", anchor], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [exit] = (await once(child, "close")) as [number];
  const peak = Number(said) * 1_024;
  return { exit, peak, seconds: (performance.now() - began) / 1_000 };
}

test(`INV-AUDIT-BIT: one flipped bit in ${WANTED} records names its line, ${FLIPS} times, in constant memory`, async (t) => {
  const { bavail, bsize } = statfsSync(tmpdir());
  const fitting = Math.floor((bavail * bsize - SPARE) / BIG_RECORD);
  const records = Math.min(WANTED, fitting);
  if (records < WANTED) t.diagnostic(`the disk has room for ${records} records only`);
  const random = seededRandom(SEED);
  const began = performance.now();
  const log = await bigLog(scratchDirectory(t), records);
  const sizes = log.files.map((file) => statSync(file).size);
  const octets = sizes.reduce((sum, size) => sum + size, 0);
  t.diagnostic(
    `${records} records, ${log.files.length} segments, ${octets} octets, written in ${seconds(began)} s, seed ${SEED}`,
  );
  assert.ok(log.files.length >= 4);
  const whole = await verify(log);
  assert.deepEqual([whole.exit, whole.place], [0, undefined], whole.out);

  const lastFile = log.files.at(-1) ?? "";
  const lastLine = lineAt(lastFile, (sizes.at(-1) ?? 0) - 1);
  const times: number[] = [];
  const check = async (bit: Bit): Promise<void> => {
    const line = lineAt(bit.file, bit.offset);
    const expected = `${basename(bit.file)}:${line}`;
    const said = `seed ${SEED}: bit ${bit.bit} of octet ${bit.offset} of ${expected}`;
    flip(bit);
    const at = performance.now();
    const { exit, place, out } = await verify(log);
    times.push((performance.now() - at) / 1_000);
    flip(bit);
    // No record vouches for the last one: where it still is a record, only the checkpoint tells.
    if (bit.file === lastFile && line === lastLine && place === undefined) assert.equal(exit, 3, `${said}: ${out}`);
    else assert.deepEqual([exit, place], [1, expected], said);
  };

  for (let round = 0; round < FLIPS; round += 1) {
    let offset = Math.floor((random.below(2 ** 32) / 2 ** 32) * octets);
    const index = sizes.findIndex((size) => {
      if (offset < size) return true;
      offset -= size;
      return false;
    });
    await check({ file: log.files[index] ?? "", offset, bit: random.below(8) });
  }
  const digit = readFileSync(lastFile, "latin1").lastIndexOf('"uptime":') + 9;
  await check({ file: lastFile, offset: digit, bit: 0 });
  await check({ file: lastFile, offset: (sizes.at(-1) ?? 0) - 1, bit: random.below(8) });
  await check({ file: log.files[1] ?? "", offset: (sizes[1] ?? 0) - 1, bit: random.below(8) });
  await check({ file: log.files[1] ?? "", offset: random.below(400), bit: random.below(8) });
  assert.equal((await verify(log)).exit, 0, "every bit is back");

  const { exit, peak, seconds: took } = await residentSet(log);
  assert.equal(exit, 0);
  assert.ok(peak < MOST_RESIDENT, `${peak} octets resident`);
  t.diagnostic(
    `a verification found its bit in ${Math.max(...times).toFixed(1)} s at most; the whole log in a process of its own: ` +
      `${took.toFixed(1)} s, ${Math.round(peak / 2 ** 20)} MiB resident at most`,
  );
});

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(1);
}
