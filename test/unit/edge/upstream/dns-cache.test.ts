import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { Hostname } from "../../../../router/core/wire/hostname.ts";
import { createDnsCache, type KeptAnswer } from "../../../../router/edge/upstream/dns-cache.ts";
import { ip } from "../../core/policy/policy-fixture.ts";

const name = (text: string): Hostname => text as Hostname;
const ADDRESS: KeptAnswer = { kind: "found", addresses: [ip("192.0.2.1")] };
const ABSENT: KeptAnswer = { kind: "absent", absent: "name", detail: "A ENOTFOUND" };

const table: readonly { what: string; ttl: number; at: number; kept: boolean }[] = [
  { what: "within its TTL", ttl: 5, at: 4_999, kept: true },
  { what: "at its end", ttl: 5, at: 5_000, kept: false },
  { what: "a long TTL counts 30 s", ttl: 86_400, at: 29_999, kept: true },
  { what: "and no more", ttl: 86_400, at: 30_000, kept: false },
  { what: "zero: never", ttl: 0, at: 0, kept: false },
  { what: "negative: never", ttl: -1, at: 0, kept: false },
  { what: "no number: never", ttl: Number.NaN, at: 0, kept: false },
];

for (const row of table) {
  test(`answers are kept: ${row.what}`, () => {
    let now = 1_000;
    const cache = createDnsCache({ now: () => epochMillis(0), monotonic: () => millis(now) });
    for (const answer of [ADDRESS, ABSENT]) {
      now = 1_000;
      const counts = cache.set(name("a.test"), answer, row.ttl);
      assert.equal(counts, row.ttl > 0 ? Math.min(row.ttl, 30) : 0);
      now += row.at;
      const left = (counts * 1_000 - row.at) / 1_000;
      assert.deepEqual(cache.get(name("a.test")), row.kept ? { answer, ttl: left } : undefined);
    }
  });
}

test("answers are kept: no more than 1,000 names, the oldest goes first", () => {
  const cache = createDnsCache({ now: () => epochMillis(0), monotonic: () => millis(0) });
  for (let index = 0; index < 1_000; index++) cache.set(name(`n${index}.test`), ADDRESS, 30);
  cache.set(name("n0.test"), ADDRESS, 30);
  cache.set(name("one-more.test"), ADDRESS, 30);
  assert.equal(cache.get(name("n1.test")), undefined);
  for (const kept of ["n0.test", "n2.test", "n999.test", "one-more.test"]) assert.ok(cache.get(name(kept)), kept);
});

test("answers are kept: names that are not there take no place from names that are", () => {
  const cache = createDnsCache({ now: () => epochMillis(0), monotonic: () => millis(0) });
  cache.set(name("there.test"), ADDRESS, 30);
  for (let index = 0; index < 5_000; index++) cache.set(name(`n${index}.test`), ABSENT, 30);
  assert.equal(cache.get(name("there.test"))?.answer, ADDRESS);
  assert.equal(cache.get(name("n3999.test")), undefined);
  assert.equal(cache.get(name("n4000.test"))?.answer, ABSENT);
  cache.set(name("n4000.test"), ADDRESS, 30);
  assert.equal(cache.get(name("n4000.test"))?.answer, ADDRESS, "the newer answer counts");
});

test("answers are kept: a TTL of zero takes an older answer away", () => {
  const cache = createDnsCache({ now: () => epochMillis(0), monotonic: () => millis(0) });
  cache.set(name("a.test"), ADDRESS, 30);
  cache.set(name("a.test"), ADDRESS, 0);
  assert.equal(cache.get(name("a.test")), undefined);
});
