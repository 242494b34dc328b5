import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import {
  type FreshnessQuestion,
  type HighWaterMark,
  judgeFreshness,
} from "../../../../router/core/policy/freshness.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const ISSUED = Date.UTC(2026, 10, 1);
const EXPIRES = ISSUED + 100 * DAY;
const NOW = ISSUED + 10 * DAY;
const digest = `sha256:${"a".repeat(64)}`;
const otherDigest = `sha256:${"b".repeat(64)}`;

const mark = (change: Partial<Record<keyof HighWaterMark, number | string>> = {}): HighWaterMark =>
  ({ version: 7, digest, issuedAt: ISSUED, lastSeen: NOW - MINUTE, ...change }) as HighWaterMark;

interface Change {
  readonly version?: number;
  readonly issuedAt?: number;
  readonly expiresAt?: number;
  readonly namespaces?: readonly string[];
  readonly agents?: readonly string[];
  readonly mark?: HighWaterMark;
  readonly now?: number;
  readonly grace?: number;
}

function question(change: Change): FreshnessQuestion {
  const { version = 7, issuedAt = ISSUED, expiresAt = EXPIRES, namespaces = ["research"], agents = ["*"] } = change;
  return {
    document: {
      kind: "EgressPolicy",
      name: "p",
      version,
      issuedAt: epochMillis(issuedAt),
      expiresAt: epochMillis(expiresAt),
      audience: { namespaces, agents },
    },
    digest,
    mark: change.mark,
    identity: { namespace: "research", agent: "scout" },
    now: epochMillis(change.now ?? NOW),
    expiryGrace: millis(change.grace ?? 0),
  };
}

const rows: readonly (readonly [name: string, change: Change, expected: string])[] = [
  ["first boot, no mark", {}, "fresh"],
  ["the same version again", { mark: mark() }, "fresh"],
  ["a higher version", { version: 8, mark: mark({ digest: otherDigest }) }, "fresh"],
  [
    "issued before the version it replaces: a signed rollback on purpose",
    { version: 8, mark: mark({ issuedAt: ISSUED + DAY, digest: otherDigest }) },
    "fresh",
  ],

  ["audience: namespace by name and agent by name", { agents: ["scout"] }, "fresh"],
  ["audience: every namespace", { namespaces: ["*"] }, "fresh"],
  ["INV-FRESH-04: 3.7 cross-tenant replay: another namespace", { namespaces: ["finance"] }, "wrong_audience"],
  ["audience: another agent", { agents: ["writer"] }, "wrong_audience"],
  ["audience: a prefix is no match", { namespaces: ["resear"] }, "wrong_audience"],
  ["audience: a glob is no match", { agents: ["sc*"] }, "wrong_audience"],
  ["audience: empty lists name nobody", { namespaces: [], agents: [] }, "wrong_audience"],

  ["INV-FRESH-01: 3.7 rollback: a lower version", { version: 6, mark: mark() }, "rolled_back"],
  ["INV-FRESH-02: the same version with another content", { mark: mark({ digest: otherDigest }) }, "equivocation"],
  ["INV-FRESH-05: 3.7 fast-forward by one more than a million", { version: 1_000_008, mark: mark() }, "fast_forward"],
  ["fast-forward by a million", { version: 1_000_007, mark: mark() }, "fresh"],
  ["first version 2^31", { version: 2 ** 31 }, "fresh"],
  ["first version 2^31 + 1", { version: 2 ** 31 + 1 }, "fast_forward"],
  ["first version 2^53 - 1", { version: Number.MAX_SAFE_INTEGER }, "fast_forward"],

  ["issued 5 minutes ahead of the clock", { issuedAt: NOW + 5 * MINUTE }, "fresh"],
  ["issued more than 5 minutes ahead of the clock", { issuedAt: NOW + 5 * MINUTE + 1 }, "issued_in_future"],

  ["just before 80 % of the life", { now: ISSUED + 80 * DAY - 1 }, "fresh"],
  ["at 80 % of the life", { now: ISSUED + 80 * DAY }, "ageing"],
  ["the last millisecond", { now: EXPIRES - 1 }, "ageing"],
  ["3.7 freeze: at expiry, without grace", { now: EXPIRES }, "expired"],
  ["at expiry, in the grace", { now: EXPIRES, grace: DAY }, "grace"],
  ["the last millisecond of the grace", { now: EXPIRES + DAY - 1, grace: DAY }, "grace"],
  ["after the grace", { now: EXPIRES + DAY, grace: DAY }, "expired"],
  ["expires when it is issued", { expiresAt: ISSUED, grace: 365 * DAY }, "expired"],

  [
    "INV-FRESH-03: 3.7 clock moved back: what was seen expired stays expired",
    { now: NOW, mark: mark({ lastSeen: EXPIRES }) },
    "expired",
  ],
  [
    "clock moved back by a minute across the expiry",
    { now: EXPIRES - MINUTE, mark: mark({ lastSeen: EXPIRES }) },
    "expired",
  ],
  ["clock before the last accepted issue", { now: ISSUED - DAY, mark: mark({ lastSeen: ISSUED - DAY }) }, "fresh"],
  ["clock at 1970, no mark", { now: 0 }, "issued_in_future"],

  ["NaN as the clock", { now: Number.NaN }, "issued_in_future"],
  ["NaN as the version", { version: Number.NaN }, "fast_forward"],
  ["NaN as the version, with a mark", { version: Number.NaN, mark: mark() }, "rolled_back"],
  ["NaN as the expiry", { expiresAt: Number.NaN }, "expired"],
  ["NaN as the grace", { grace: Number.NaN }, "expired"],
  ["NaN in the mark", { mark: mark({ version: Number.NaN }) }, "rolled_back"],
];

for (const [name, change, expected] of rows) {
  test(name, () => {
    const result = judgeFreshness(question(change));
    assert.equal(result.ok ? result.value.phase : result.problem.code, expected);
    if (!result.ok) assert.match(result.problem.message, /^EgressPolicy p version .*\.$/);
  });
}

test("the mark to store never falls, in any of its parts", () => {
  const before = mark({ issuedAt: ISSUED + DAY, lastSeen: NOW + DAY, digest: otherDigest });
  const result = judgeFreshness(question({ version: 8, mark: before }));
  assert.ok(result.ok);
  assert.deepEqual(result.value.mark, { version: 8, digest, issuedAt: ISSUED + DAY, lastSeen: NOW + DAY });
  assert.equal(result.value.time, NOW + DAY);
});

test("a clock more than 5 minutes behind what was seen is said aloud", () => {
  for (const [behind, expected] of [
    [5 * MINUTE, false],
    [5 * MINUTE + 1, true],
  ] as const) {
    const result = judgeFreshness(question({ mark: mark({ lastSeen: NOW + behind }) }));
    assert.equal(result.ok && result.value.clockMovedBack, expected);
  }
});

test("the part of the life that is used", () => {
  for (const [now, expected] of [
    [ISSUED - MINUTE, 0],
    [ISSUED, 0],
    [ISSUED + 50 * DAY, 0.5],
    [EXPIRES + 10 * DAY, 1.1],
  ] as const) {
    const result = judgeFreshness(question({ now, grace: 30 * DAY }));
    assert.equal(result.ok && result.value.lifeUsed, expected);
  }
});
