import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { runCampaign } from "../fuzz/campaign.ts";
import { FEED } from "../fuzz/blocklist/feed.ts";
import { build, hostOf, readFeed } from "../fuzz/blocklist/feed-text.ts";

const label = fc.stringMatching(/^[a-z0-9]{1,12}$/);
const name = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 6 }), label)
  .map(([labels, last]) => `${labels.join(".")}.${last}x`)
  // WHATWG URL, "ends in a number": that is no host's name.
  .filter((text) => !/(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(text));
const line = fc.oneof(
  name,
  name.map((text) => `*.${text}`),
  name.map((text) => `||${text}^`),
  fc.array(name, { minLength: 1, maxLength: 9 }).map((names) => `0.0.0.0 ${names.join(" ")}`),
  fc.constantFrom("", "# x", "127.0.0.1 localhost", "com", "<html>", "198.51.100.7", "\u0000"),
);

/** The same octets, cut where the numbers say. */
function cut(octets: Uint8Array, at: readonly number[]): readonly Uint8Array[] {
  const places = [
    0,
    ...at.map((place) => place % (octets.length + 1)).toSorted((one, other) => one - other),
    octets.length,
  ];
  return places.slice(1).map((place, index) => octets.subarray(places[index], place));
}

test("INV-BLOCKLIST-PARSE: a feed is the same however it is cut", () => {
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 40 }),
      fc.constantFrom("\n", "\r\n"),
      fc.array(fc.nat(), { maxLength: 20 }),
      fc.constantFrom("auto", "hosts", "domains", "wildcards"),
      (lines, end, at, format) => {
        const octets = Buffer.from(lines.join(end), "latin1");
        assert.deepEqual(readFeed(cut(octets, at), format), readFeed([octets], format));
      },
    ),
  );
});

test("INV-BLOCKLIST-PARSE: no octets make the parser throw, and nothing is listed that no host can be", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(), { maxLength: 5 }), (octets, at) => {
      const read = readFeed(cut(octets, at));
      assert.ok(read.ok);
      assert.ok(read.value.counts.entries <= octets.length / 3);
    }),
  );
});

test("a wide entry lists all that is below it and nothing beside it, an exact one itself alone", () => {
  fc.assert(
    fc.property(name, label, fc.boolean(), (text, below, isWide) => {
      const read = readFeed([isWide ? `*.${text}` : `0.0.0.0 ${text}`]);
      assert.ok(read.ok);
      const list = build([{ name: "feed", entries: read.value.entries }]);
      assert.equal(list.blockedBy(hostOf(text)), "feed");
      assert.equal(list.blockedBy(hostOf(`${below}.${text}`)), isWide ? "feed" : undefined);
      assert.equal(list.blockedBy(hostOf(`${below}${text}`)), undefined);
      assert.equal(list.blockedBy(hostOf(`${text}.${below}xz`)), undefined);
    }),
  );
});

// The long run is `node test/fuzz/blocklist.ts`; this one stays the same from day to day.
test("INV-BLOCKLIST-PARSE: 10,000 changed feeds against an oracle", () => {
  const { accepted } = runCampaign(FEED, 10_000, 20_480);
  assert.ok(accepted > 1_000);
});
