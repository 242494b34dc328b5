import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { behaviorReplay } from "../../../cli/behavior.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { EVENTS, WrittenLog } from "../../fakes/written-log.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-behavior-"));
after(() => rmSync(root, { recursive: true }));

const policy = (...detectors: readonly string[]): string =>
  [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: GovernancePolicy",
    "metadata: { name: g }",
    "spec:",
    "  version: 1",
    '  issuedAt: "2026-11-01T00:00:00Z"',
    '  expiresAt: "2027-02-20T00:00:00Z"',
    '  audience: { namespaces: ["*"], agents: ["*"] }',
    "  delegate: [egress]",
    "  rules: []",
    ...(detectors.length === 0 ? [] : ["  behavior:", ...detectors.map((line) => `    - { ${line} }`)]),
    "",
  ].join("\n");

function directory(name: string, text?: string): string {
  mkdirSync(join(root, name));
  if (text !== undefined) writeFileSync(join(root, name, "g.yaml"), text);
  return name;
}

async function replay(...argv: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: root,
    now: () => epochMillis(0),
  };
  const exit = await behaviorReplay(argv, io);
  return { exit, stdout, stderr };
}

const strict = directory(
  "strict",
  policy(
    "id: refused, detector: denials, count: 3, response: { kind: quarantine }",
    "id: leak, detector: volume, bytes: 3Ki, response: { kind: throttle, perMinute: 6 }",
    "id: many, detector: burst, count: 1000",
  ),
);
const lenient = directory("lenient", policy("id: refused, detector: denials, count: 5"));
directory("without", policy());
directory("nothing");
writeFileSync(join(root, "nothing", "s.yaml"), "kind: SignerPolicy\n");

/** Three denials in a row, over two segments and a restart; then three ends of 1,234 octets each. */
const audit = directory("audit");
const log = new WrittenLog(join(root, audit));
log.append(EVENTS.denied("a"));
log.append(EVENTS.denied("b"));
log.start("b");
log.append(EVENTS.denied("c", { target: "evil\u001b[2J.example:443" }));
for (const request of ["d", "e", "f"]) {
  log.append(EVENTS.allowed(request));
  log.append(EVENTS.ended(request));
}

test("alarms are those of the log's own times and order, across segments and restarts; exit 1", async () => {
  const { exit, stdout, stderr } = await replay("--policy", strict, "--audit", audit);
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    "2026-11-20T03:00:04.000Z  refused (denials): 3, at egress evil\\u001b[2J.example:443; quarantine",
    "2026-11-20T03:00:10.000Z  leak (volume): 3702 octets, at egress api.github.com:443; throttle to 6 a minute for 900 s",
    "     1  refused",
    "     1  leak",
    "     0  many",
    "2 alarms in 11 records",
  ]);
  assert.deepEqual([exit, stderr], [1, ""]);
});

test("as JSON, a line each and a summary", async () => {
  const { exit, stdout } = await replay("--policy", `${strict}/g.yaml`, "--audit", audit, "--json");
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  assert.partialDeepStrictEqual(lines, [
    { time: "2026-11-20T03:00:04.000Z", detector: "refused", kind: "denials", action: "egress", count: 3 },
    { detector: "leak", response: { kind: "throttle", perMinute: 6 } },
    { alarms: 2, records: 11, damaged: 0, detectors: { refused: 1, leak: 1, many: 0 } },
  ]);
  assert.equal(exit, 1);
});

test("no alarm: exit 0; in a log that is damaged: 1, and it says so", async () => {
  assert.equal((await replay("--policy", lenient, "--audit", audit)).exit, 0);
  const damaged = directory("damaged");
  const written = new WrittenLog(join(root, damaged));
  written.append(EVENTS.denied("a"));
  appendFileSync(written.file, Buffer.concat([Buffer.of(0xff, 0x0a), Buffer.from('{"half":')]));
  const { exit, stdout } = await replay("--policy", lenient, "--audit", damaged);
  assert.match(stdout, /0 alarms in 2 records; 2 lines are no records/);
  assert.equal(exit, 1);
  // Longer than any record: what follows it is not looked for.
  writeFileSync(written.file, `${"x".repeat(2_000_000)}\n`);
  const long = await replay("--policy", lenient, "--audit", damaged);
  assert.match(long.stderr, /holds no record/);
  assert.equal(long.exit, 2);
});

const unusable: readonly (readonly [argv: readonly string[], says: RegExp])[] = [
  [[], /--policy names/],
  [["--policy", "strict"], /--audit names/],
  [["--policy", "strict", "audit"], /--audit names/],
  [["--policy", "strict", "--audit", "audit", "--wrong"], /--wrong/],
  [["--policy", "without", "--audit", "audit"], /no detectors/],
  [["--policy", "nothing", "--audit", "audit"], /no document .* GovernancePolicy/],
  [["--policy", "nowhere", "--audit", "audit"], /unreadable/],
  [["--policy", "strict", "--audit", "nothing"], /no audit segment/],
  [["--policy", "strict", "--audit", "nowhere"], /no such file/],
];
for (const [argv, says] of unusable) {
  test(`behavior replay ${argv.join(" ")} -> 2`, async () => {
    const { exit, stdout, stderr } = await replay(...argv);
    assert.match(stderr, says);
    assert.deepEqual([exit, stdout], [2, ""]);
  });
}
