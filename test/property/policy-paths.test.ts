import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { allowsPath, deniesPath, parsePathPattern, readPath } from "../../router/core/policy/path-pattern.ts";

const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 500) };

/** The plainest matcher there is: tries everything, in exponential time. */
function matches(pattern: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return path.length === 0;
  if (first === "**") return path.some((_, index) => matches(rest, path.slice(index))) || matches(rest, []);
  const [segment, ...others] = path;
  return segment !== undefined && matchesGlob(first.split(""), segment.split("")) && matches(rest, others);
}

function matchesGlob(glob: readonly string[], text: readonly string[]): boolean {
  const [first, ...rest] = glob;
  if (first === undefined) return text.length === 0;
  if (first === "*") return matchesGlob(rest, text) || (text.length > 0 && matchesGlob(glob, text.slice(1)));
  return text[0] === first && matchesGlob(rest, text.slice(1));
}

const segmentGlob = fc.string({ unit: fc.constantFrom("a", "b", "*"), minLength: 1, maxLength: 5 });
const globSegments = fc.array(fc.oneof(segmentGlob, fc.constant("**")), { minLength: 1, maxLength: 5 });
const pathSegments = fc.array(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 6,
});

test("patterns match what a plain exhaustive matcher matches", () => {
  fc.assert(
    fc.property(globSegments, pathSegments, (glob, path) => {
      fc.pre(glob.every((segment) => segment === "**" || !segment.includes("**")));
      const pattern = parsePathPattern(`/${glob.join("/")}`);
      assert.ok(pattern.ok);
      const read = readPath(`/${path.join("/")}`);
      const expected = matches(glob, path);
      assert.equal(allowsPath(pattern.value, read), expected);
      assert.equal(deniesPath(pattern.value, read), expected);
    }),
    { ...runs, numRuns: runs.numRuns * 10 },
  );
});

const noisy = fc
  .array(
    fc.constantFrom("/", "a", ".", "..", "%", "2e", "2f", "25", "%2e", "%2F", "%5c", ";", "\\", "*", "\u0000", "é"),
    {
      maxLength: 12,
    },
  )
  .map((parts) => `/${parts.join("")}`);

test("INV-POLICY-PATH: whatever the path, nothing throws, and what allow matches, deny matches too", () => {
  fc.assert(
    fc.property(fc.oneof(noisy, fc.string(), fc.string({ unit: "binary" })), noisy, (path, text) => {
      const read = readPath(path);
      for (const candidate of ["/**", "/a", "/a/**", text]) {
        const pattern = parsePathPattern(candidate);
        if (!pattern.ok) continue;
        if (allowsPath(pattern.value, read)) assert.ok(deniesPath(pattern.value, read), `${candidate} on ${path}`);
      }
    }),
    { ...runs, numRuns: runs.numRuns * 4 },
  );
});

/** Plainest readings of what an encoded slash is: one more letter of its segment, or a slash. */
const SLASH_READINGS = [(text: string) => text.replace(/%2f/gi, "S"), (text: string) => text.replace(/%2f/gi, "/")];

test("INV-POLICY-PATH: an encoded slash widens no allow rule, and hides nothing from a deny rule", () => {
  const parts = fc.array(fc.constantFrom("a", "b", "/", "%2f", "%2F"), { minLength: 1, maxLength: 9 });
  const globs = fc.array(fc.constantFrom("a", "b", "*", "/", "%2f", "/**/"), { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(globs, parts, (glob, path) => {
      const text = `/${glob.join("").replaceAll("//", "/")}`;
      const sent = `/${path.join("")}`;
      const pattern = parsePathPattern(text);
      const read = readPath(sent);
      if (!pattern.ok || read === "ambiguous") return;
      const [asLetter, asSlash] = SLASH_READINGS.map((reading) =>
        matches(reading(text).slice(1).split("/"), reading(sent).slice(1).split("/")),
      );
      // To an origin that decodes it, and to one that does not, it is a path that the rule names.
      assert.equal(allowsPath(pattern.value, read), asLetter === true && asSlash === true, `${text} on ${sent}`);
      if (asLetter === true || asSlash === true) assert.ok(deniesPath(pattern.value, read), `${text} on ${sent}`);
    }),
    { ...runs, numRuns: runs.numRuns * 20 },
  );
});

/** What lenient origins make of a path: decode twice, turn backslashes, drop parameters, fold and trim, merge slashes, resolve dots. */
function lenientOrigin(path: string): string {
  let text = path;
  for (let round = 0; round < 2; round += 1) {
    text = text.replace(/(?:%[0-9a-f]{2})+/gi, (hex) => Buffer.from(hex.replaceAll("%", ""), "hex").toString());
  }
  const segments: string[] = [];
  for (const segment of text
    .normalize("NFKC")
    .toLowerCase()
    .split("#", 1)
    .join("")
    .replaceAll("\\", "/")
    .split("/")
    .map((part) => (part.split(";", 1)[0] ?? "").trim().replace(/(?<=[^.])\.+$/, ""))) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return `/${segments.join("/")}`;
}

test("INV-POLICY-PATH: what /a/** allows stays under /a at a lenient origin; what gets to /b there, /b/** denies", () => {
  const allow = parsePathPattern("/a/**");
  const deny = parsePathPattern("/b/**");
  assert.ok(allow.ok && deny.ok);
  const parts = fc.array(
    fc.constantFrom(
      "/a",
      "/b",
      "/",
      "/..",
      "/.",
      "/%2e%2e",
      "/..;x",
      ";x",
      "/..%20",
      "/%20..",
      "/..%23",
      "%23",
      "%20",
      ".",
      "A",
      "/B",
      "%ef%bd%82",
      "/%ef%bc%8e.",
      "%ef%bc%8f",
      "%2f",
      "%5c",
      "%252e",
      "\\",
      "b",
      "a",
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  );
  fc.assert(
    fc.property(parts, (pieces) => {
      const path = `/${pieces.join("")}`.replace(/^\/\//, "/");
      const reached = lenientOrigin(path);
      const read = readPath(path);
      if (allowsPath(allow.value, read)) assert.match(reached, /^\/a(?:\/|$)/, path);
      if (/^\/b(?:\/|$)/.test(reached)) assert.ok(deniesPath(deny.value, read), path);
    }),
    { ...runs, numRuns: runs.numRuns * 10 },
  );
});
