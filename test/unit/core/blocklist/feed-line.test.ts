import assert from "node:assert/strict";
import { test } from "node:test";
import { type FeedFormat, readFeedLine } from "../../../../router/core/blocklist/feed-line.ts";

/** `=name` is listed alone, `*name` with all that is below it, `-` is ignored, `?` is not understood. */
type Row = readonly [format: FeedFormat, line: string, items: string];

const rows: readonly Row[] = [
  // hosts
  ["hosts", "0.0.0.0 bad.example", "=bad.example"],
  ["hosts", "127.0.0.1\tbad.example", "=bad.example"],
  ["hosts", "  127.0.0.1   bad.example   ", "=bad.example"],
  ["hosts", ":: bad.example", "=bad.example"],
  ["hosts", "::1 bad.example", "=bad.example"],
  ["hosts", "0.0.0.0 a.example b.example\tc.example", "=a.example =b.example =c.example"],
  ["hosts", "0.0.0.0 bad.example # why", "=bad.example"],
  ["hosts", "0.0.0.0 bad.example#why and b.example", "=bad.example"],
  ["hosts", "0.0.0.0 a.example\r", "=a.example"],
  ["hosts", "0.0.0.0 BAD.Example.", "=bad.example"],
  ["hosts", "0.0.0.0 0.0.0.0", "-"],
  ["hosts", "127.0.0.1 localhost localhost.localdomain local", "- - -"],
  ["hosts", "::1 ip6-localhost ip6-loopback", "- -"],
  ["hosts", "fe80::1%lo0 localhost", "-"],
  ["hosts", "::1%lo0 bad.example", "-"],
  ["hosts", "0.0.0.0%eth0 bad.example", "-"],
  ["hosts", "255.255.255.255 broadcasthost", "-"],
  ["hosts", "93.184.216.34 www.example.com", "-"],
  ["hosts", "127.0.0.1 198.51.100.7", "=198.51.100.7"],
  ["hosts", "0.0.0.0 bad.example no/name b.example", "=bad.example ? =b.example"],
  ["hosts", "bad.example", "?"],
  ["hosts", "0.0.0.0", "?"],
  ["hosts", "00.0.0.0 bad.example", "?"],
  ["hosts", "*.bad.example", "?"],
  ["hosts", "0.0.0.0 *.bad.example", "?"],
  ["hosts", "0.0.0.0\u00a0bad.example", "?"],
  // domains
  ["domains", "bad.example", "*bad.example"],
  ["domains", "bad.example # why", "*bad.example"],
  ["domains", "bad.example#why", "?"],
  ["domains", "bad.example##.ad", "?"],
  ["domains", "198.51.100.7", "=198.51.100.7"],
  ["domains", "2001:DB8::0007", "=2001:db8::7"],
  ["domains", "::ffff:198.51.100.7", "=198.51.100.7"],
  ["domains", "::ffff:127.0.0.1", "-"],
  ["domains", "127.9.9.9", "-"],
  ["domains", "[2001:db8::7]", ""],
  ["domains", "com", "-"],
  ["domains", "localhost", "-"],
  ["domains", "two words", "?"],
  ["domains", "*.bad.example", "?"],
  ["domains", "||bad.example^", "?"],
  ["domains", "0.0.0.0 bad.example", "?"],
  ["domains", "https://bad.example/x", "?"],
  ["domains", "bad.example:443", "?"],
  ["domains", "bad.example/path", "?"],
  ["domains", "b\u00e4d.example", "?"],
  ["domains", "bad%2eexample", "?"],
  ["domains", "bad.example\0", "?"],
  ["domains", "\0", "?"],
  ["domains", "bad\u000bexample.com", "?"],
  ["domains", "198.51.100.7.5", "?"],
  ["domains", "0x7f.1", "?"],
  ["domains", `${"a".repeat(64)}.example`, "?"],
  ["domains", "-bad.example", "?"],
  ["domains", "bad..example", "?"],
  ["domains", ".", "?"],
  // wildcards
  ["wildcards", "*.bad.example", "*bad.example"],
  ["wildcards", "||bad.example^", "*bad.example"],
  ["wildcards", "bad.example", "*bad.example"],
  ["wildcards", "||198.51.100.7^", "=198.51.100.7"],
  ["wildcards", "*.198.51.100.7", "?"],
  ["wildcards", "*.com", "-"],
  ["wildcards", "||zip^", "-"],
  ["wildcards", "*.*.bad.example", "?"],
  ["wildcards", "a.*.example", "?"],
  ["wildcards", "*", "?"],
  ["wildcards", "*.", "?"],
  ["wildcards", "||^", "?"],
  ["wildcards", "||bad.example", "?"],
  ["wildcards", "||bad.example^$third-party", "?"],
  ["wildcards", "@@||good.example^", "?"],
  ["wildcards", "/regex/", "?"],
  ["wildcards", "0.0.0.0 bad.example", "?"],
  // auto
  ["auto", "0.0.0.0 bad.example", "=bad.example"],
  ["auto", "*.bad.example", "*bad.example"],
  ["auto", "||bad.example^", "*bad.example"],
  ["auto", "bad.example", "*bad.example"],
  ["auto", "198.51.100.7", "=198.51.100.7"],
  ["auto", "<!DOCTYPE html>", "?"],
  ["auto", "<html>", "?"],
  ["auto", "Service unavailable, try again later", "?"],
  ["auto", '{"error":"not found"}', "?"],
  // nothing is said
  ["auto", "", ""],
  ["auto", " \t\r", ""],
  ["auto", "# bad.example", ""],
  ["auto", "  #bad.example", ""],
  ["auto", "! Title: a list", ""],
  ["auto", "[Adblock Plus 2.0]", ""],
  ["hosts", "#0.0.0.0 bad.example", ""],
];

for (const [format, line, expected] of rows) {
  test(`readFeedLine as ${format}: ${JSON.stringify(line).slice(0, 60)}`, () => {
    const items = readFeedLine(line, format).map((item) => {
      if (item.kind === "entry") return `${item.wide ? "*" : "="}${item.text}`;
      return item.kind === "ignored" ? "-" : "?";
    });
    assert.equal(items.join(" "), expected);
  });
}
