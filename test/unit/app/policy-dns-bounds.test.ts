import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditEvent } from "../../../router/core/audit/audit-event.ts";
import { epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { ok } from "../../../router/core/base/result.ts";
import { DENY_ALL } from "../../../router/core/policy/snapshot.ts";
import { type Hostname, parseHostname } from "../../../router/core/wire/hostname.ts";
import { InventedNames, QueryRate } from "../../../router/app/policy-dns-limits.ts";
import { DnsRecords, type DnsVerdict } from "../../../router/app/policy-dns-records.ts";
import { compiled } from "../core/policy/policy-fixture.ts";

const HOUR = 3_600_000;

test("INV-DNS-TUNNEL: 20,000 names below all wildcards together, and room again after an hour", () => {
  const names = new InventedNames(500);
  const fill = (at: number): number => {
    let admitted = 0;
    for (let index = 0; index < 25_000; index++) {
      const part = { text: `n${index}`, below: `w${index % 50}.test` };
      if (names.admit(part, millis(at)) === "ok") admitted += 1;
    }
    return admitted;
  };
  assert.equal(fill(0), 20_000);
  assert.equal(names.size, 20_000);
  assert.equal(names.admit({ text: "n0", below: "w0.test" }, millis(HOUR - 1)), "ok", "told already");
  assert.equal(names.admit({ text: "more", below: "other.test" }, millis(HOUR - 1)), "many");
  assert.equal(names.admit({ text: "more", below: "other.test" }, millis(HOUR)), "ok");
  assert.equal(names.size, 1);
  assert.equal(fill(HOUR), 19_999);
});

test("INV-DNS-RATE: a clock that stands still or steps back gives nothing", () => {
  const rate = new QueryRate(5, millis(1_000));
  const taken = (at: number): number => {
    let count = 0;
    while (count < 100 && rate.take(millis(at))) count += 1;
    return count;
  };
  assert.deepEqual(
    [taken(1_000), taken(1_000), taken(500), taken(700), taken(1_700), taken(3_600_000)],
    [10, 0, 0, 1, 5, 10],
  );
});

test("INV-DNS-TUNNEL: what is counted, and what never is", () => {
  const policy = compiled({
    mode: "learn",
    allow: [
      { id: "exact", hosts: ["a.x.test"] },
      { id: "wild", hosts: ["**.x.test"] },
    ],
  });
  const names = new InventedNames(1, new Set([name("pinned.x.test")]));
  const rows: readonly (readonly [string, number, RegExp | undefined])[] = [
    ["n0.x.test", 0, undefined],
    ["n0.x.test", HOUR - 1, undefined],
    ["n1.x.test", HOUR - 1, /^Too many names below this wildcard/],
    ["a.x.test", HOUR - 1, undefined],
    ["pinned.x.test", HOUR - 1, undefined],
    ["n1.x.test", HOUR, undefined],
    // Learn mode: below its domain.
    ["n0.y.test", HOUR, undefined],
    ["n1.y.test", HOUR, /^Too many/],
    [
      `${"abcdefghijklmnopqrstuvwxyz234567".repeat(2).slice(0, 63)}.${"qwertzuiop".repeat(4)}.z.test`,
      HOUR,
      /carries more/,
    ],
  ];
  for (const [host, at, expected] of rows) {
    const said = names.obstacle(policy, name(host), millis(at));
    if (expected === undefined) assert.equal(said, undefined, host);
    else assert.match(said ?? "", expected, host);
  }
  assert.match(names.obstacle(DENY_ALL, name("n0.x.test"), millis(HOUR)) ?? "", /^No egress policy/);
});

function name(text: string): Hostname {
  const parsed = parseHostname(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

function verdict(target: string, decision: "allow" | "deny"): DnsVerdict {
  return { action: "dns.A", target, decision, reason: null, rule: null, policy: null };
}

function recording(): {
  readonly records: DnsRecords;
  readonly events: AuditEvent[];
  pass(milliseconds: number): void;
} {
  const events: AuditEvent[] = [];
  let now = 0;
  const records = new DnsRecords({
    clock: { now: () => epochMillis(now), monotonic: () => millis(now) },
    async record(event) {
      events.push(event);
      return ok(undefined);
    },
    recordSoon: (event) => void events.push(event),
  });
  return { records, events, pass: (milliseconds) => void (now += milliseconds) };
}

test("INV-DNS-AUDIT: allowed answers are remembered within bounds, and each is on record beyond them", async () => {
  const { records, events } = recording();
  for (let index = 0; index < 5_000; index++) assert.ok(await records.allow(verdict(`n${index}.test`, "allow")));
  assert.deepEqual([records.size, events.length], [4_096, 5_000]);
  await records.allow(verdict("n0.test", "allow"));
  assert.equal(events.length, 5_000);
  await records.allow(verdict("n4999.test", "allow"));
  assert.equal(events.length, 5_001);
});

test("INV-DNS-AUDIT: a minute ends in so many records of repetitions, and one of the rest", () => {
  const { records, events, pass } = recording();
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 600; index++) records.refuse(verdict(`n${index}.test`, "deny"));
  }
  assert.equal(events.length, 600);
  pass(59_999);
  records.sweep();
  assert.equal(events.length, 600);
  pass(1);
  records.sweep();
  assert.deepEqual([records.size, events.length], [0, 600 + 512 + 1]);
  assert.deepEqual([events[600]?.detail, events.at(-1)?.detail], [{ again: 2 }, { count: 2 * 88 }]);
  assert.equal(events.at(-1)?.action, "dns.repeated");
});

test("INV-DNS-AUDIT: other addresses, removed ones, or another policy are another answer", async () => {
  const { records, events } = recording();
  const policy = (digest: string) => ({ name: "p", version: 1, digest });
  const given = (addresses: readonly string[], removed: readonly string[] = [], digest = "sha256:1") =>
    records.allow({ ...verdict("a.test", "allow"), policy: policy(digest), detail: { addresses, removed } });
  await given(["192.0.2.1", "192.0.2.2"]);
  await given(["192.0.2.2", "192.0.2.1"]);
  assert.equal(events.length, 1, "in another order");
  await given(["192.0.2.1", "192.0.2.3"]);
  await given(["192.0.2.1"], ["192.0.2.2"]);
  await given(["192.0.2.1"], ["192.0.2.3"]);
  await given(["192.0.2.1"], ["192.0.2.3"], "sha256:2");
  assert.equal(events.length, 5);
  const removed = (address: string): void =>
    records.refuse({ ...verdict("a.test", "deny"), detail: { removed: [address] } });
  removed("10.0.0.1");
  removed("10.0.0.1");
  removed("10.0.0.2");
  assert.deepEqual([events.length, records.size], [7, 7]);
  for (let index = 0; index < 5_000; index++) await given([`198.18.${index >> 8}.${index & 255}`]);
  assert.equal(records.size, 4_096 + 2);
});
