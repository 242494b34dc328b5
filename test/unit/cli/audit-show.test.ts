import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as fc from "fast-check";
import { auditShow } from "../../../cli/audit-show.ts";
import { matchesGlob } from "../../../cli/glob.ts";
import { quantityText, spanText } from "../../../cli/amount-text.ts";
import { shownText } from "../../../cli/shown-text.ts";
import type { Viewer } from "../../../cli/viewer.ts";
import type { AuditEvent } from "../../../router/core/audit/audit-event.ts";
import { ownEvent } from "../../../router/core/audit/own-event.ts";
import { MAXIMUM_LINE_BYTES } from "../../../router/core/audit/record.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { EVENTS, WrittenLog, WRITTEN_AT } from "../../fakes/written-log.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-audit-show-"));
after(() => rmSync(root, { recursive: true }));

/** Nobody at a terminal. */
const PIPE: Viewer = { columns: undefined, colors: false, gone: new AbortController().signal };

interface Said {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

async function show(argv: readonly string[], viewer: Partial<Viewer> = {}): Promise<Said> {
  let [out, err] = ["", ""];
  const io = {
    stdout: (text: string) => void (out += text),
    stderr: (text: string) => void (err += text),
    cwd: root,
    now: () => epochMillis(WRITTEN_AT + 60_000),
  };
  const exit = await auditShow(argv, io, { ...PIPE, ...viewer });
  return { exit, out, err };
}

function directory(name: string): string {
  mkdirSync(join(root, name));
  return join(root, name);
}

/** The lines of records, without heading and separators. */
function linesOf({ out }: Said): string[] {
  return out.split("\n").filter((line) => /^[0-9]/.test(line));
}

/** Streams a and b; seqs 0 to 6 (in two segments) and 0 to 3; seconds 0 to 10 after three. */
function writeLog(name: string): WrittenLog {
  const log = new WrittenLog(directory(name));
  const own = epochMillis(0);
  log.append(ownEvent(own, "start", "start", "sluice", { version: "0.1.0", mode: "strict" }));
  log.append(EVENTS.allowed("3fa9c1d2-1"));
  log.append(EVENTS.ended("3fa9c1d2-1"));
  log.rotate();
  log.append(EVENTS.denied("3fa9c1d2-2"));
  log.append({
    ...ownEvent(own, "policy.refused", "policy.load", "egress.yaml", { problems: ["a: b"] }),
    decision: "deny",
  });
  log.start("b");
  log.append(
    EVENTS.denied("3fa9c1d2-3", {
      target: "[2001:db8::1]:8443",
      reason: "address_not_allowed",
      rule: "wide",
      action: "http.POST",
    }),
  );
  log.append(ownEvent(own, "gap", "record", "", { refused: 2, dropped: 0 }));
  log.append(ownEvent(own, "heartbeat", "beat", "", { size: 3 }));
  return log;
}
const log = writeLog("log");
const files = readdirSync(log.directory).toSorted();

test("a line a record, aligned, in 120 columns", async () => {
  const said = await show(["log"]);
  assert.equal(said.exit, 0);
  assert.equal(
    said.out,
    `TIME (UTC)         KIND            ACTION   TARGET                     REASON OR RULE      OUT    IN   TOOK REQUEST
-- 2026-11-20, stream aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa of research/agent-7f9c, from record 0
03:00:00.000 -     segment         begin    audit-00000001-aaaaaaaaaa… previous=null segment=1
03:00:01.000 -     start           start    sluice                     mode=strict version=0.1.0
03:00:02.000 allow egress.decision connect  api.github.com:443         github                               3fa9c1d2-1
03:00:03.000 allow egress.end      connect  api.github.com:443         github             1.2K   34M  12.3s 3fa9c1d2-1
03:00:04.000 -     segment         begin    audit-00000002-aaaaaaaaaa… previous=rotated segment=2
03:00:05.000 deny  egress.decision connect  gist.github.com:443        denied_by_rule                       3fa9c1d2-2 rule=no-gists
03:00:06.000 deny  policy.refused  policy.load egress.yaml             problems="a: b"
-- 2026-11-20, stream bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb of research/agent-7f9c, from record 0
03:00:07.000 -     segment         begin    audit-00000003-bbbbbbbbbb… previous=rotated segment=3
03:00:08.000 deny  egress.decision http.POST [2001:db8::1]:8443        address_not_allowed                  3fa9c1d2-3 rule=wide
03:00:09.000 -     gap             record   -                          dropped=0 refused=2
03:00:10.000 -     heartbeat       beat     -                          size=3
`,
  );
  assert.equal(
    said.err,
    `11 of 11 records: 2 allow, 3 deny, 6 neither; denied_by_rule 1, address_not_allowed 1
not verified: to learn whether this was changed, run "sluice audit verify log"
`,
  );
});

const seconds: readonly (readonly [argv: string, shown: readonly number[]])[] = [
  ["--kind egress", [2, 3, 5, 8]],
  ["--kind egress.decision", [2, 5, 8]],
  ["--kind egress.end --kind gap", [3, 9]],
  ["--kind egress --decision deny", [5, 8]],
  ["--decision -", [0, 1, 4, 7, 9, 10]],
  ["--decision none --decision allow --kind egress", [2, 3]],
  ["--reason denied_by_rule", [5]],
  ["--rule github", [2, 3]],
  ["--request 3fa9c1d2-1", [2, 3]],
  ["--request 3fa9c1d2", []],
  ["--stream bb", [7, 8, 9, 10]],
  ["--host github", [2, 3, 5]],
  ["--host GITHUB.com:443", [2, 3, 5]],
  ["--host *.github.com", [2, 3, 5]],
  ["--host g?st.*", [5]],
  ["--host github.*", []],
  ["--host [2001:db8::?]", [8]],
  ["--host *:8443", [8]],
  ["--since 52s", [8, 9, 10]],
  ["--since 52s --until 51s", [8, 9]],
  ["--until 2026-11-20T03:00:01Z", [0, 1]],
  ["--since 2026-11-20T04:00:09.500+01:00", [10]],
  ["--since 999999999d", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  ["--seq 3", [3, 10]],
  ["--seq 2..3", [2, 3, 9, 10]],
  ["--seq 5..", [5, 6]],
  ["--seq ..0", [0, 7]],
  ["--seq 3 --stream a", [3]],
  ["--limit 2", [0, 1]],
  ["--limit 1 --kind egress.end", [3]],
];
for (const [argv, shown] of seconds) {
  test(`audit show ${argv} -> ${shown.join(" ")}`, async () => {
    const said = await show(["log", ...argv.split(" ").flatMap((word) => (word.startsWith("--") ? word : word))]);
    assert.deepEqual(
      linesOf(said).map((line) => Number(line.slice(6, 8))),
      shown,
    );
    assert.equal(said.exit, shown.length > 0 ? 0 : 1);
  });
}

const unusable: readonly (readonly [argv: string, says: RegExp])[] = [
  ["", /name at least one directory/],
  ["log --wrong", /--wrong/],
  ["log --decision maybe", /--decision: "maybe" matches no record/],
  ["log --kind EGRESS", /--kind: "EGRESS"/],
  ["log --rule=", /--rule: ""/],
  ["log --stream xyz", /--stream/],
  ["log --since yesterday", /--since: "yesterday" is neither a time such as/],
  ["log --since=", /--since: ""/],
  ["log --since 2026-02-30T00:00:00Z", /--since/],
  ["log --since 5m --until 10m", /--until is before --since/],
  ["log --seq 3..2", /--seq/],
  ["log --seq a", /--seq/],
  ["log --seq 1234567890123456789", /--seq/],
  ["log --limit 0", /--limit/],
  ["log --color blue", /--color/],
  ["absent", /ENOENT/],
];
for (const [argv, says] of unusable) {
  test(`audit show ${argv} -> 2`, async () => {
    const said = await show(argv.split(" ").filter((word) => word !== ""));
    assert.match(said.err, says);
    assert.deepEqual([said.exit, said.out], [2, ""]);
  });
}

test("--json prints the octets of the lines, so that they hash to their leaves", async () => {
  const lines = files.flatMap((file) => readFileSync(join(log.directory, file), "utf8").split("\n").slice(0, -1));
  const all = await show(["log", "--json"]);
  assert.equal(all.out, lines.map((line) => `${line}\n`).join(""));
  assert.match(all.err, /^11 of 11 records/);
  const [first = "", second = ""] = (await show(["log", "--json", "--seq", "2..3", "--stream", "a"])).out.split("\n");
  assert.equal(hash("sha256", `\0${first}`, "hex"), (JSON.parse(second) as { prev: string }).prev);
});

test("files are read once, in the order of the chain; what is unreadable is said, and the rest is shown", async () => {
  const named = files.map((file) => `log/${file}`);
  assert.deepEqual(linesOf(await show([...named.toReversed(), "log"])), linesOf(await show(["log"])));
  const said = await show([named[1] ?? "", "absent", "log", "--limit", "1"]);
  assert.deepEqual([said.exit, linesOf(said).length], [2, 1]);
  assert.match(said.err, /absent/);
  directory("none");
  directory("odd");
  mkdirSync(join(root, "odd", files[0] ?? ""));
  assert.match((await show(["none"])).err, /no audit segment/);
  assert.match((await show(["odd"])).err, /no audit segment/);
});

test("what is no record is shown with its place, bounded, and stops nothing", async () => {
  const bad = new WrittenLog(directory("bad"));
  const record = bad.append(EVENTS.allowed("x-1"));
  appendFileSync(bad.file, `{"a":"\u001b[2J"}\n\n${record.replace('"v":1', '"v": 1')}\n${"[".repeat(100_000)}\n`);
  appendFileSync(bad.file, Buffer.from([0xff, 0x0a]));
  bad.append(EVENTS.denied("x-2"));
  appendFileSync(bad.file, '{"action"');
  const said = await show(["bad", "--kind", "egress"]);
  assert.equal(said.exit, 0);
  assert.deepEqual(
    linesOf(said).map((line) => line.slice(108, 111)),
    ["x-1", "x-2"],
  );
  const damages = said.out.split("\n").filter((line) => line.startsWith("!!"));
  assert.deepEqual(
    damages.map((line) => line.slice(line.indexOf(".jsonl:") + 7).slice(0, 45)),
    [
      '3: malformed: no audit record: {"a":"\\u001b[2',
      "4: malformed: no audit record",
      '5: not canonical: not written like this: {"ac',
      "6: malformed: no audit record: [[[[[[[[[[[[[[",
      "7: malformed: longer than any record, or not ",
      "9: half a line: being written, or cut by a cr",
    ],
  );
  assert.match(said.err, /^2 of 3 records: [^\n]+\n6 lines are no record\n/);
  const json = await show(["bad", "--kind", "egress", "--json"]);
  assert.equal(json.out.split("\n").length, 3);
  assert.equal(json.err.match(/^!!/gm)?.length, 6);

  writeFileSync(join(root, "other.log"), "hello\n".repeat(1_000));
  const other = await show(["other.log", "log", "--limit", "1"]);
  assert.match(other.out, /:10: malformed[^\n]+\n!! \S+other\.log: 990 more like this\n/);
  assert.equal(linesOf(other).length, 1);
  writeFileSync(join(root, "long"), Buffer.alloc(MAXIMUM_LINE_BYTES * 20, "x"));
  const long = await show(["long"]);
  assert.deepEqual([long.exit, long.out.match(/\n/g)?.length], [1, 1]);
});

const HOSTILE = "a\u001b[2J\u009b1m\u202e\u200b\u2028\r\n\u0007\u05d0\u0301\u3164\ufeff  \u{e0041}b";

test("a record steers no terminal, as text or as JSON", async () => {
  const hostile = new WrittenLog(directory("hostile"));
  const changes: Partial<AuditEvent> = { action: HOSTILE, target: HOSTILE, rule: HOSTILE };
  // As if it had got past `safeText`.
  const raw = hostile.append(EVENTS.denied("x", { ...changes, detail: { [HOSTILE]: [HOSTILE, { [HOSTILE]: {} }] } }));
  assert.match(raw, /\u202e/);
  appendFileSync(hostile.file, `${raw.slice(20)}\n`);
  for (const argv of [["hostile"], ["hostile", "--json"]]) {
    const said = await show(argv, { columns: 150 });
    assert.doesNotMatch(`${said.out}${said.err}`, /(?!\n)[\p{C}\p{Zl}\p{Zp}\p{M}\u3164\u05d0]/u);
    assert.match(said.out, /\\u202e/);
  }
  const json = await show(["hostile", "--json", "--kind", "egress"], { columns: 80 });
  assert.deepEqual(JSON.parse(json.out), JSON.parse(raw));
  const text = await show(["hostile", "--kind", "egress"]);
  assert.equal(linesOf(text).length, 1);
  assert.doesNotMatch(linesOf(text)[0] ?? "", / b/);
  fc.assert(
    fc.property(fc.array(fc.nat(0x10ffff)), fc.integer({ min: 1, max: 80 }), (codes, maximum) => {
      const shown = shownText(String.fromCodePoint(...codes.map((code) => (code % 5 === 0 ? 0x20 : code))), maximum);
      assert.ok(shown.length <= maximum);
      assert.doesNotMatch(shown, /[\p{C}\p{Zl}\p{Zp}\p{M}]| {2}/u);
    }),
  );
});

test("on a terminal a long line is folded below itself, and colour is as asked for", async () => {
  const long = new WrittenLog(directory("long-target"));
  const detail = { outcome: "refused", detail: "03:00:09.000 allow ".repeat(20) };
  long.append(EVENTS.denied("x-1", { target: "a".repeat(1_000), detail }));
  for (const [columns, width] of [
    [130, 130],
    [20, 120],
  ] as const) {
    const { out } = await show(["long-target", "--kind", "egress"], { columns });
    const [, , first = "", ...folds] = out.split("\n").slice(0, -1);
    assert.match(first, /^03:00:01\.000 deny {2}egress\.decision connect {2}a+$/);
    assert.ok(folds.length > 2);
    for (const fold of folds) assert.match(fold, /^ {19}\S/);
    for (const line of [first, ...folds]) assert.ok(line.length <= width);
  }
  assert.equal(linesOf(await show(["long-target", "--kind", "egress"])).length, 1);
  for (const [argv, colors, painted] of [
    [["log"], true, true],
    [["log"], false, false],
    [["log", "--color", "always"], false, true],
    [["log", "--color", "never"], true, false],
    [["log", "--json"], true, false],
  ] as const) {
    const said = await show(argv, { colors });
    assert.equal(said.out.includes("\u001b[31mdeny  egress.decision\u001b[39m connect"), painted, argv.join(" "));
    assert.equal(said.out.includes("\u001b"), painted);
  }
});

test("whoever has read enough ends it", async () => {
  const said = await show(["log"], { gone: AbortSignal.abort() });
  assert.deepEqual([said.exit, said.err, linesOf(said).length], [0, "", 1]);
});

test("a glob is what a regular expression would be, and takes no longer than both lengths", () => {
  const characters = fc.constantFrom("a", "b", ".", "*", "?");
  fc.assert(
    fc.property(
      fc.string({ unit: characters, maxLength: 8 }),
      fc.string({ unit: characters, maxLength: 12 }),
      (glob, text) => {
        const pattern = glob.replaceAll(".", "\\.").replaceAll(/\*+/g, "[^]*").replaceAll("?", ".");
        assert.equal(matchesGlob(glob, text), new RegExp(`^${pattern}$`).test(text), `${glob} ${text}`);
      },
    ),
  );
  assert.equal(matchesGlob("*a".repeat(128), "a".repeat(100_000)), true);
  assert.equal(matchesGlob(`${"*a".repeat(127)}b`, "a".repeat(100_000)), false);
});

test("amounts in a column", () => {
  const amounts = [0, 999, 1_000, 1_024, 10_188, 10_240, 1_048_575, 1_023_999_999, 2 ** 50, 2 ** 53 - 1];
  assert.deepEqual(amounts.map(quantityText), [
    "0",
    "999",
    "1.0K",
    "1.0K",
    "9.9K",
    "10K",
    "1.0M",
    "977M",
    "1.0P",
    "8.0P",
  ]);
  const spans = [0, 999, 1_000, 59_949, 59_950, 61_000, 3_599_499, 3_600_000, 86_399_000, 90_000_000];
  assert.deepEqual(spans.map(spanText), [
    "0ms",
    "999ms",
    "1.0s",
    "59.9s",
    "1m00s",
    "1m01s",
    "59m59s",
    "1h00m",
    "1d00h",
    "1d01h",
  ]);
  for (const odd of [undefined, null, "1", -1, 1.5, 1e300, [1]])
    assert.equal(quantityText(odd) ?? spanText(odd), undefined);
});
