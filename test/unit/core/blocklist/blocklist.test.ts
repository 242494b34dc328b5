import assert from "node:assert/strict";
import { test } from "node:test";
import { buildBlocklist, EMPTY_BLOCKLIST, MOST_FEEDS } from "../../../../router/core/blocklist/blocklist.ts";
import { hostOf, listOf, readFeed, SEED } from "../../../fuzz/blocklist/feed-text.ts";

const list = listOf({
  hosts: "0.0.0.0 exact.example\n0.0.0.0 both.example\n0.0.0.0 twice.example\n127.0.0.1 198.51.100.7\n",
  domains: "domain.example\n*.wild.example\nboth.example\n2001:db8::7\ndeep.down.co.uk\n",
  more: "0.0.0.0 twice.example\n||wild.example^\n",
});

const rows: readonly (readonly [host: string, feed: string | undefined])[] = [
  ["exact.example", "hosts"],
  ["EXACT.Example.", "hosts"],
  ["a.exact.example", undefined],
  ["xexact.example", undefined],
  ["example", undefined],
  ["domain.example", "domains"],
  ["a.domain.example", "domains"],
  ["a.b.c.d.domain.example", "domains"],
  ["xdomain.example", undefined],
  ["domain.example.org", undefined],
  ["wild.example", "domains"],
  ["a.wild.example", "domains"],
  // One feed lists it alone, another with what is below it: the wider one counts, whichever came first.
  ["both.example", "domains"],
  ["a.both.example", "domains"],
  // The first of two.
  ["twice.example", "hosts"],
  ["a.twice.example", undefined],
  ["198.51.100.7", "hosts"],
  ["198.51.100.70", undefined],
  ["::ffff:198.51.100.7", "hosts"],
  ["2001:db8::7", "domains"],
  ["2001:db8::8", undefined],
  ["co.uk", undefined],
  ["down.co.uk", undefined],
  ["x.deep.down.co.uk", "domains"],
  [`${"a.".repeat(119)}domain.example`, "domains"],
];

for (const [host, feed] of rows) {
  test(`blockedBy ${host.slice(0, 40)}: ${feed}`, () => {
    assert.equal(list.blockedBy(hostOf(host)), feed);
  });
}

test("a list counts what several feeds list once", () => {
  assert.equal(list.entries, 8);
  assert.equal(EMPTY_BLOCKLIST.blockedBy(hostOf("exact.example")), undefined);
  assert.equal(listOf({}).blockedBy(hostOf("exact.example")), undefined);
});

test("every entry of a large list is found, and nothing else", () => {
  const names = Array.from({ length: 50_000 }, (_, index) => `n${index}.example`);
  const large = listOf({ one: names.map((name) => `0.0.0.0 ${name}`).join("\n") });
  assert.equal(large.entries, names.length);
  for (const name of names) {
    assert.equal(large.blockedBy(hostOf(name)), "one");
    assert.equal(large.blockedBy(hostOf(`x.${name}`)), undefined);
    assert.equal(large.blockedBy(hostOf(`x${name}`)), undefined);
  }
});

test("a list is built in steps of at most 2,048 entries", () => {
  const read = readFeed([Array.from({ length: 20_000 }, (_, index) => `n${index}.example`).join("\n")]);
  assert.ok(read.ok);
  const steps = buildBlocklist(SEED, [{ name: "one", entries: read.value.entries }]);
  let count = 0;
  while (steps.next().done !== true) count += 1;
  assert.equal(count, Math.floor(20_000 / 2_048));
});

test("the last of as many feeds as there may be is told by its name; one more is a bug", () => {
  const feeds = Object.fromEntries(
    Array.from({ length: MOST_FEEDS }, (_, index) => [`f${index}`, `n${index}.example`]),
  );
  assert.equal(listOf(feeds).blockedBy(hostOf(`a.n${MOST_FEEDS - 1}.example`)), `f${MOST_FEEDS - 1}`);
  assert.throws(() => listOf({ ...feeds, more: "more.example" }), RangeError);
});
