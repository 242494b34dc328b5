import assert from "node:assert/strict";
import { posix, win32 } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { compileArgumentText } from "../../router/core/governance/argument-text.ts";
import { readText } from "../../router/core/governance/text-reading.ts";
import { NO, type Truth, YES } from "../../router/core/governance/truth.ts";

function asked(glob: string): (text: string) => Truth {
  const matcher = compileArgumentText({ in: [], glob: [glob], pattern: [] }, new Map());
  return (text) => matcher(text, readText);
}

const pieces = (...texts: readonly string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...texts), { maxLength: 9 }).map((parts) => parts.join(""));

/** What readers of other kinds make of a path. */
function resolutions(text: string): readonly string[] {
  const found = [text];
  for (let times = 0; times < 2; times += 1) {
    try {
      found.push(decodeURIComponent(found.at(-1) ?? ""));
    } catch {
      break;
    }
  }
  return found.flatMap((one) => [
    posix.resolve("/", one),
    posix.resolve("/", one.trim()),
    posix.resolve("/", one.replaceAll("\\", "/")),
    win32
      .resolve("/", one)
      .replace(/^[A-Z]:/i, "")
      .replaceAll("\\", "/"),
  ]);
}

const PATH = pieces("/", "/", ".", "..", "/../", "etc", "/etc/", "x", "\\", "%2e", "%2F", "%25", "%5c", "%65tc", " ");

test("INV-GOV-PLACES: where node's readers of paths find a place, a test about it does not say no, and yes only where all do", () => {
  const isThere = asked("/etc/*");
  fc.assert(
    fc.property(PATH, (path) => {
      const text = `/${path}`;
      const readings = resolutions(text).map((place) => place.startsWith("/etc/"));
      const truth = isThere(text);
      if (readings.includes(true)) assert.notEqual(truth, NO);
      if (truth === YES) assert.ok(!readings.includes(false) || text === "/etc/");
    }),
    { numRuns: 5_000 },
  );
});

const HOSTS = [
  "evil.example",
  "EVIL.example",
  "evil%2eexample",
  "evil.example.",
  "ev\til.example",
  "evil\u3002example",
];
const NUMBERS = [
  "169.254.169.254",
  "2852039166",
  "0xa9fea9fe",
  "169.254.43518",
  "0251.0376.0251.0376",
  "169.254.169.254.",
];
const address = fc
  .tuple(
    fc.constantFrom("https:", "HTTPS:", "ht\ntps:", " https:"),
    fc.constantFrom("//", "/", "", "///", "\\\\", "/\\", "\t//"),
    fc.constantFrom("", "", "u@", "u:p@", "@", "h@evil@"),
    fc.constantFrom(...HOSTS, ...NUMBERS, "good.example", "[::1]"),
    fc.constantFrom("", ":", ":443", ":0443", ":8443", ":00443"),
    pieces("/", "?", "#", "..", "x", "\\", "@", "%2e", "evil.example", ";"),
  )
  .map((parts) => parts.join(""));

test("INV-GOV-PLACES: where the WHATWG reader of addresses finds a place, a test about it does not say no", () => {
  for (const host of ["evil.example", "169.254.169.254"]) {
    const isThere = asked(`https://${host}/*`);
    fc.assert(
      fc.property(address, (text) => {
        const url = URL.parse(text);
        const truth = isThere(text);
        const isHere = url?.protocol === "https:" && url.hostname.replace(/\.$/, "") === host && url.port === "";
        if (isHere) assert.notEqual(truth, NO);
        if (truth === YES) assert.ok(isHere);
      }),
      { numRuns: 5_000 },
    );
  }
});

test("INV-GOV-PLACES: a text without what readers read otherwise is what is written", () => {
  const isThere = asked("/etc/*");
  const plain = fc.string({ unit: fc.constantFrom(..."abc/ \n-'\"$()|".split("")), maxLength: 30 });
  fc.assert(
    fc.property(plain, (text) => {
      fc.pre(!text.includes("etc"));
      assert.equal(isThere(text), NO);
      assert.equal(isThere(`say ${text}`), NO);
    }),
  );
});
