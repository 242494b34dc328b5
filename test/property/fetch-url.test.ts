import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatFetchUrl, locationUrl, parseFetchUrl } from "../../router/core/wire/fetch-url.ts";

const base = parseFetchUrl("http://a.example:8080/one/two?q=1");
assert.ok(base.ok);
const from = base.value;

const PIECES =
  "http:// https:// HTTP: // / \\ . .. /../ /./ ? # @ : :80 :443 %2e %2f %5c % a.example b.example 127.0.0.1 0x7f.1 " +
  "[::1] [::ffff:1.2.3.4] 169.254.169.254 \u00fc \u3002 x ; & = ..; user:pw@ localhost 1 xn--a";
const pieces = fc.constantFrom("\t", "\n", " ", ...PIECES.split(" "));
const reference = fc.oneof(
  fc.array(pieces, { maxLength: 8 }).map((list) => list.join("")),
  fc.string({ maxLength: 40 }),
);

test("a Location that is followed leads where a browser would go, by way of the same host", () => {
  fc.assert(
    fc.property(reference, (location) => {
      const led = locationUrl(from, location);
      if (!led.ok) return;
      const text = formatFetchUrl(led.value);
      const browser = new URL(location, formatFetchUrl(from));
      browser.hash = "";
      // A browser keeps the dot at the end of a name, and escapes what we leave bare; host and port are what is dialled.
      const ours = new URL(text);
      assert.equal(ours.host, browser.host.replace(/\.(?=:|$)/, ""));
      assert.equal(ours.protocol, browser.protocol);
      assert.equal(ours.pathname + ours.search, browser.pathname + browser.search);
      assert.doesNotMatch(text, /[^\x21-\x7e]|#|\\/);
    }),
    { numRuns: 5_000 },
  );
});

test("a URL that is accepted is its own spelling, and what its spelling says", () => {
  fc.assert(
    fc.property(reference, (text) => {
      const parsed = parseFetchUrl(text);
      if (!parsed.ok) {
        assert.ok(parsed.problem.endsWith(".") && parsed.problem.length < 200);
        return;
      }
      assert.deepEqual(parseFetchUrl(formatFetchUrl(parsed.value)), parsed);
    }),
    { numRuns: 5_000 },
  );
});
