import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { BehaviorWatch } from "../../../../router/app/governance/behavior-watch.ts";
import type { AuditEvent } from "../../../../router/core/audit/audit-event.ts";
import { ownEvent } from "../../../../router/core/audit/own-event.ts";
import { BehaviorMonitor } from "../../../../router/core/behavior/behavior-monitor.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import {
  compileGovernancePolicy,
  NO_GOVERNANCE,
  type GovernanceSnapshot,
} from "../../../../router/core/governance/compile-governance-policy.ts";
import type { Log } from "../../../../router/edge/log/log.ts";
import { DIGEST, governance, governanceDocument, NOON } from "../../core/governance/engine-fixture.ts";

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-behavior-"));
  directories.push(directory);
  return directory;
}

function policy(response: string, more = ""): GovernanceSnapshot {
  return governance([], `behavior: [{ id: d, detector: denials, count: 3, window: 1m, response: ${response} }]${more}`);
}
const QUARANTINE = policy("{ kind: quarantine }");

/** A policy of now, and what it lifts. */
function lifting(liftBefore: number): GovernanceSnapshot {
  const more = "behavior: [{ id: d, detector: denials, count: 3, window: 1m, response: { kind: quarantine } }]";
  const document = { ...governanceDocument([], more), liftBefore: epochMillis(liftBefore) };
  return compileGovernancePolicy(document, DIGEST, millis(0), { signed: true });
}

function watchOf(directory: string, steadyFrom = 0, told = (): unknown => undefined) {
  let steady = steadyFrom;
  const [records, logged, alerts]: [AuditEvent[], string[], string[]] = [[], [], []];
  let changes = 0;
  const log: Pick<Log, "event"> = { event: (level, event) => logged.push(`${level} ${event}`) };
  const watch = new BehaviorWatch({
    clock: { now: () => epochMillis(NOON + steady), monotonic: () => millis(steady) },
    // What it calls of the log, and nothing else.
    log: log as Log,
    directory,
    recordSoon: (event) => records.push(event),
    alerted: (kind) => (told(), alerts.push(kind)),
    changed: () => (changes += 1),
  });
  const denial = (): void => {
    steady += 1;
    const event = ownEvent(epochMillis(NOON + steady), "governance.decision", "exec", "/bin/sh", {});
    watch.seen({ ...event, decision: "deny", reason: "governance_denied" });
  };
  return { watch, records, logged, alerts, denial, changes: () => changes, pass: (by: number) => (steady += by) };
}

test("a detector trips: a metric, a record, the quarantine, and what is live is judged again", async () => {
  const world = watchOf(scratch());
  world.watch.apply(QUARANTINE);
  await world.watch.restore(QUARANTINE);
  world.denial();
  world.denial();
  assert.equal(world.watch.quarantine(), undefined);
  world.denial();
  assert.deepEqual(world.watch.quarantine(), { kind: "quarantined", since: NOON + 3, detector: "d" });
  assert.deepEqual(world.alerts, ["denials"]);
  assert.equal(world.changes(), 1);
  const [record] = world.records;
  assert.deepEqual(
    [record?.kind, record?.action, record?.target, record?.rule],
    ["governance.alert", "denials", "/bin/sh", "d"],
  );
  assert.equal(record?.detail?.["response"], "quarantine");
  await world.watch.close();
});

test("a quarantine outlives the process, and its policy", async () => {
  const directory = scratch();
  const first = watchOf(directory);
  first.watch.apply(QUARANTINE);
  await first.watch.restore(QUARANTINE);
  for (let count = 0; count < 3; count += 1) first.denial();
  await first.watch.close();
  for (const snapshot of [QUARANTINE, governance([]), NO_GOVERNANCE]) {
    const next = watchOf(directory, 5);
    next.watch.apply(snapshot);
    await next.watch.restore(snapshot);
    assert.equal(next.watch.quarantine()?.detector, "d");
    await next.watch.close();
  }
});

function hasQuarantine(path: string): boolean {
  if (!existsSync(path)) return false;
  const monitor = new BehaviorMonitor();
  assert.ok(monitor.restore(JSON.parse(readFileSync(path, "utf8")), 0).ok);
  return monitor.standing({ at: NOON, steady: 0 }, "exec").kind === "quarantined";
}

test("a quarantine is on the disk as soon as it stands: a kill does not lift it", async () => {
  const directory = scratch();
  const path = join(directory, "behavior.json");
  let wasKept: boolean | undefined;
  const first = watchOf(directory, 0, () => (wasKept ??= hasQuarantine(path)));
  first.watch.apply(QUARANTINE);
  await first.watch.restore(QUARANTINE);
  first.denial();
  first.denial();
  assert.equal(hasQuarantine(path), false);
  // Nobody closes it, and nothing is waited for.
  first.denial();
  assert.equal(hasQuarantine(path), true);
  assert.equal(wasKept, true, "before anybody is told");
  await first.watch.close();
});

test("a quarantine whose alarm is quiet is kept at once as well, and ends what is live", async () => {
  const directory = scratch();
  const world = watchOf(directory);
  world.watch.apply(policy("{ kind: alert }, quiet: 1h"));
  await world.watch.restore(policy("{ kind: alert }, quiet: 1h"));
  for (let count = 0; count < 3; count += 1) world.denial();
  assert.deepEqual([world.alerts, world.changes()], [["denials"], 0]);
  world.watch.apply(policy("{ kind: quarantine }, quiet: 1h"));
  world.denial();
  assert.deepEqual([world.alerts, world.changes()], [["denials"], 1]);
  assert.equal(hasQuarantine(join(directory, "behavior.json")), true);
  await world.watch.close();
});

test("what was counted goes on being counted over a restart", async () => {
  const directory = scratch();
  const first = watchOf(directory);
  first.watch.apply(QUARANTINE);
  await first.watch.restore(QUARANTINE);
  first.denial();
  first.denial();
  await first.watch.close();
  const next = watchOf(directory);
  next.watch.apply(QUARANTINE);
  await next.watch.restore(QUARANTINE);
  next.denial();
  assert.equal(next.watch.quarantine()?.detector, "d");
  await next.watch.close();
});

const lifted: readonly (readonly [string, number, boolean])[] = [
  ["before it began", 3, false],
  ["at its moment", NOON + 3, false],
  ["after it began", NOON + 4, true],
];
for (const [name, liftBefore, isLifted] of lifted) {
  test(`liftBefore ${name}: ${isLifted ? "lifted, and on record" : "it stands"}`, async () => {
    const world = watchOf(scratch());
    world.watch.apply(QUARANTINE);
    await world.watch.restore(QUARANTINE);
    for (let count = 0; count < 3; count += 1) world.denial();
    world.pass(10_000);
    world.watch.apply(lifting(liftBefore));
    assert.equal(world.watch.quarantine() === undefined, isLifted);
    assert.equal(
      world.records.some(({ action, kind }) => kind === "governance.alert" && action === "lift"),
      isLifted,
    );
    assert.equal(world.changes(), isLifted ? 2 : 1);
    await world.watch.close();
  });
}

const unreadable: readonly (readonly [string, (path: string) => void])[] = [
  ["garbage", (path) => writeFileSync(path, "{")],
  ["empty", (path) => writeFileSync(path, "")],
  ["of another form", (path) => writeFileSync(path, '{"responses":[]}')],
  ["a list", (path) => writeFileSync(path, "[]")],
  ["null", (path) => writeFileSync(path, "null")],
  ["no UTF-8", (path) => writeFileSync(path, Buffer.from([0x22, 0xff, 0x22]))],
  ["too long", (path) => writeFileSync(path, " ".repeat(16 * 1024 * 1024 + 1))],
  ["a directory", (path) => mkdirSync(path)],
  ["a link to a good one", (path) => (writeFileSync(`${path}.x`, GOOD), symlinkSync(`${path}.x`, path))],
  ["a dangling link", (path) => symlinkSync(`${path}.gone`, path)],
  ["cut short", (path) => writeFileSync(path, GOOD.slice(0, -1))],
];
const GOOD = await good();
async function good(): Promise<string> {
  const directory = scratch();
  const world = watchOf(directory);
  world.watch.apply(QUARANTINE);
  await world.watch.restore(QUARANTINE);
  world.denial();
  await world.watch.close();
  return readFileSync(join(directory, "behavior.json"), "utf8");
}
for (const [name, write] of unreadable) {
  test(`a state that is ${name} quarantines, and says so`, async () => {
    const directory = scratch();
    write(join(directory, "behavior.json"));
    const world = watchOf(directory);
    world.watch.apply(QUARANTINE);
    await world.watch.restore(QUARANTINE);
    assert.equal(world.watch.quarantine()?.detector, "behavior-state");
    assert.match(world.logged.join("\n"), /error the behaviour monitor's state cannot be read/);
    // A restart does not make it good.
    await world.watch.close();
    const next = watchOf(directory);
    await next.watch.restore(QUARANTINE);
    assert.equal(next.watch.quarantine()?.detector, "behavior-state");
    await next.watch.close();
  });
}

test("a state that is not there is a first start", async () => {
  const world = watchOf(scratch());
  await world.watch.restore(QUARANTINE);
  assert.equal(world.watch.quarantine(), undefined);
  assert.deepEqual(world.logged, []);
  await world.watch.close();
});

test("an unreadable state is lifted by the policy as any quarantine is", async () => {
  const directory = scratch();
  writeFileSync(join(directory, "behavior.json"), "{");
  const world = watchOf(directory);
  await world.watch.restore(QUARANTINE);
  assert.equal(world.watch.quarantine()?.detector, "behavior-state");
  world.watch.apply(lifting(NOON + 1_000));
  assert.equal(world.watch.quarantine(), undefined);
  await world.watch.close();
});

test("a state that cannot be kept is told, and what stands goes on standing", async () => {
  const directory = scratch();
  const world = watchOf(directory);
  world.watch.apply(QUARANTINE);
  await world.watch.restore(QUARANTINE);
  rmSync(directory, { recursive: true });
  for (let count = 0; count < 3; count += 1) world.denial();
  await world.watch.close();
  assert.equal(world.watch.quarantine()?.detector, "d");
  assert.match(world.logged.join("\n"), /error the behaviour monitor's state cannot be kept/);
});

test("a policy that goes missing stops no detector, and one without detectors counts nothing", async () => {
  const world = watchOf(scratch());
  world.watch.apply(QUARANTINE);
  await world.watch.restore(QUARANTINE);
  world.watch.apply(NO_GOVERNANCE);
  for (let count = 0; count < 3; count += 1) world.denial();
  assert.equal(world.watch.quarantine()?.detector, "d");
  const other = watchOf(scratch());
  other.watch.apply(governance([]));
  for (let count = 0; count < 100; count += 1) other.denial();
  assert.deepEqual([other.alerts, other.watch.quarantine()], [[], undefined]);
  await Promise.all([world.watch.close(), other.watch.close()]);
});

test("an alert alone changes nothing for what is live", async () => {
  const world = watchOf(scratch());
  world.watch.apply(policy("{ kind: alert }"));
  for (let count = 0; count < 5; count += 1) world.denial();
  assert.deepEqual([world.alerts, world.changes(), world.watch.quarantine()], [["denials"], 0, undefined]);
  await world.watch.close();
});

test(
  "what is not readable to us quarantines",
  { skip: process.getuid?.() === 0 ? "root reads everything" : false },
  async () => {
    const directory = scratch();
    writeFileSync(join(directory, "behavior.json"), GOOD);
    chmodSync(join(directory, "behavior.json"), 0);
    const world = watchOf(directory);
    await world.watch.restore(QUARANTINE);
    assert.equal(world.watch.quarantine()?.detector, "behavior-state");
    await world.watch.close();
  },
);
