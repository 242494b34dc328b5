import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { builtInPatterns } from "../../router/core/guardrail/built-in-patterns.ts";
import { readText } from "../../router/core/guardrail/folded-text.ts";
import type { BuiltInPattern } from "../../router/core/guardrail/guardrail-rule.ts";
import { eachJsonToken } from "../../router/core/guardrail/json-strings.ts";
import { judgeBody } from "../../router/core/guardrail/judge-body.ts";
import { maskedText } from "../../router/core/guardrail/match.ts";
import { PatternSearch, type SearchPattern } from "../../router/core/guardrail/pattern-search.ts";
import { parseSearchPattern } from "../../router/core/guardrail/search-syntax.ts";
import { StreamGuard } from "../../router/core/guardrail/stream-guard.ts";

const BUILT_INS: readonly BuiltInPattern[] = [
  "api_key",
  "private_key",
  "aws_access_key",
  "github_token",
  "jwt",
  "credit_card",
  "us_ssn",
  "iban",
  "email",
  "phone",
  "ip_address",
];

function searchFor(patterns: readonly SearchPattern[], keepLeads = false): PatternSearch {
  const compiled = PatternSearch.compile(patterns, keepLeads);
  assert.ok(compiled.ok, compiled.ok ? "" : compiled.problem);
  return compiled.value;
}
const builtIns = { block: searchFor(builtInPatterns(BUILT_INS), true), mask: searchFor(builtInPatterns(BUILT_INS)) };

/** Patterns over a, b, c and blanks whose alternatives are sorted out by V8 below. */
const set = fc.constantFrom("a", "b", "c", "[ab]", "[^a]", ".", "\\w", "\\s", "\\x61");
const pattern: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    set,
    fc.tuple(tie("node"), tie("node")).map(([one, other]) => one + other),
    fc.tuple(tie("node"), tie("node")).map(([one, other]) => `(?:${one}|${other})`),
    fc
      .tuple(tie("node"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{2,}"))
      .map(([item, count]) => `(?:${item})${count}`),
    fc
      .tuple(fc.constantFrom("\\b", "\\B", "^", ""), tie("node"), fc.constantFrom("\\b", "\\B", "$", ""))
      .map((all) => all.join("")),
  ),
})).node;
const words = fc.array(fc.constantFrom("a", "b", "c", " ", "\n"), { maxLength: 12 }).map((all) => all.join(""));

/** Leftmost, longest, not overlapping, by asking V8 about each stretch of a short text. */
function oracle(source: string, text: string): readonly [number, number][] {
  const whole = (start: number, end: number): boolean => {
    const regexp = new RegExp(
      `(?<=^[^]{${start}})(?:${source.replaceAll(".", "[^\\n]")})(?=[^]{${text.length - end}}$)`,
    );
    return regexp.test(text);
  };
  const found: [number, number][] = [];
  for (let start = 0; start < text.length;) {
    let end = text.length;
    while (end > start && !whole(start, end)) end -= 1;
    if (end > start) found.push([start, end]);
    start = end > start ? end : start + 1;
  }
  return found;
}

test("a search finds the leftmost longest matches that V8 allows, and test() agrees with find()", () => {
  fc.assert(
    fc.property(pattern, words, (source, text) => {
      const parsed = parseSearchPattern(source);
      fc.pre(parsed.ok);
      const search = searchFor([{ name: "p", pattern: source }]);
      const found = search.find(text)?.map(({ start, end }) => [start, end]);
      assert.deepEqual(found, oracle(source, text));
      assert.equal(search.test(text), found?.length === 0 ? undefined : "p");
    }),
    { numRuns: 600 },
  );
});

test("any text is a pattern or a problem, and no pattern throws on any text", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), pattern),
      fc.string({ unit: "binary" }),
      (source, text) => {
        const compiled = PatternSearch.compile([{ name: "p", pattern: source }], true);
        if (!compiled.ok) return assert.match(compiled.problem, /\.$/);
        const found = compiled.value.find(text);
        return assert.equal(compiled.value.test(text) !== undefined, found === undefined || found.length > 0);
      },
    ),
    { numRuns: 500 },
  );
});

const SECRETS = [
  "ghp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2",
  "AKIAIOSFODNN7EXAMPLE",
  "4111 1111 1111 1111",
  "john.doe+x@mail.example.com",
  "+1 (415) 555-2671",
  "DE89 3704 0044 0532 0130 00",
  "078-05-1120",
  "2001:db8::8a2e:370:7334",
  "192.0.2.17",
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
  "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----",
];
const prose = fc.constantFrom(
  "Hello ",
  "the ",
  "sk",
  "a",
  " 12",
  "-",
  "4",
  ", ",
  "é",
  "@",
  ".",
  "A",
  "DE",
  "\n",
  "next",
);
const story = fc.array(fc.oneof({ weight: 4, arbitrary: prose }, fc.constantFrom(...SECRETS)), { maxLength: 14 });
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 });

function piecesOf(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, turn = 0; at < text.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const octets = (frame: string): Uint8Array => new TextEncoder().encode(frame);
const delta = (content: string): Uint8Array =>
  octets(`data: ${JSON.stringify({ id: "x", choices: [{ index: 0, delta: { content } }] })}\n\n`);

interface Streamed {
  readonly text: string;
  readonly blocked: string | undefined;
  readonly frames: number;
}

function streamed(action: "block" | "mask", pieces: readonly string[]): Streamed {
  const guard = new StreamGuard({ api: "chat", checks: [{ guardrail: "g", search: builtIns[action], action }] });
  let text = "";
  let frames = 0;
  const steps = [...pieces.map((piece) => () => guard.frame(delta(piece))), () => guard.end()];
  for (const step of steps) {
    const taken = step();
    if (taken.kind === "blocked") return { text, blocked: taken.name, frames };
    for (const frame of taken.frames) {
      frames += 1;
      const json = new TextDecoder().decode(frame).slice(6);
      text += (JSON.parse(json) as { choices: [{ delta: { content: string } }] }).choices[0].delta.content;
    }
  }
  return { text, blocked: undefined, frames };
}

test("INV-GUARDRAIL-STREAM: a stream cut anywhere is masked as the whole text is, and no frame is lost", () => {
  fc.assert(
    fc.property(story, cuts, (parts, sizes) => {
      const text = parts.join("");
      const pieces = piecesOf(text, sizes);
      const whole = maskedText(text, 0, text.length, builtIns.mask.find(text) ?? []);
      const { text: out, blocked, frames } = streamed("mask", pieces);
      // Folded, accents are gone, and then something more may be found: that blocks.
      if (blocked !== undefined) return assert.match(readText(text, "folded") ?? "", /./);
      assert.equal(frames, pieces.length);
      return assert.equal(out, whole);
    }),
    { numRuns: 500 },
  );
});

test("a stream cut anywhere is blocked where the whole text is, and nothing of the first match is out but its lead", () => {
  fc.assert(
    fc.property(story, cuts, (parts, sizes) => {
      const text = parts.join("");
      const { text: out, blocked } = streamed("block", piecesOf(text, sizes));
      const found = builtIns.block.find(text) ?? [];
      const folded = readText(text, "folded");
      const isFound = found.length > 0 || (folded !== undefined && builtIns.block.test(folded) !== undefined);
      assert.equal(blocked !== undefined, isFound);
      assert.ok(text.startsWith(out));
      const first = found[0];
      if (first === undefined) return;
      const leaked = out.slice(first.start);
      assert.match(leaked, /^(?:-----|[A-Za-z0-9._%+'-]*)$/, "no more than a lead");
      assert.equal(builtIns.block.test(leaked), undefined);
    }),
    { numRuns: 500 },
  );
});

test("INV-GUARDRAIL-ESCAPES: escapes of JSON hide nothing, wherever a call's arguments are cut, and where an action is mask no more is blocked than of the whole", () => {
  const argued = (text: string): Uint8Array =>
    octets(
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: text } }] } }] })}\n\n`,
    );
  const blockedIn = (action: "block" | "mask", pieces: readonly string[]): boolean => {
    const guard = new StreamGuard({ api: "chat", checks: [{ guardrail: "g", search: builtIns[action], action }] });
    return [...pieces.map((piece) => guard.frame(argued(piece))), guard.end()].some(({ kind }) => kind === "blocked");
  };
  const escapedFrom = (text: string, every: number): string =>
    Array.from(JSON.stringify({ text }))
      .map((character, at) =>
        at > 9 && at % every === 0 && /[\w@.]/.test(character) && !/[bfnrtu]/.test(character)
          ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
          : character,
      )
      .join("");
  fc.assert(
    fc.property(story, cuts, fc.integer({ min: 1, max: 9 }), (parts, sizes, every) => {
      const text = parts.join("");
      const json = escapedFrom(text, every);
      assert.deepEqual(JSON.parse(json), { text });
      const pieces = piecesOf(json, sizes);
      if (builtIns.block.test(text) !== undefined) assert.ok(blockedIn("block", pieces));
      const body = JSON.stringify({ choices: [{ message: { content: json } }] });
      for (const action of ["block", "mask"] as const) {
        const isWhole = judgeBody(builtIns[action], action, body, "output").kind === "block";
        const isCut = blockedIn(action, pieces);
        assert.ok(isCut || !isWhole);
        // A reading begins with the first piece that needs it; what came before is there as it stood.
        if (!text.includes("é")) assert.equal(isCut, isWhole);
      }
    }),
    { numRuns: 400 },
  );
});

test("every string, name and number of a JSON text is given, in order", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.boolean(), (json, spaced) => {
      const text = spaced ? JSON.stringify(JSON.parse(json), null, 2) : json;
      const given: unknown[] = [];
      assert.ok(
        eachJsonToken(text, ({ kind, value, start, end }) => {
          given.push(kind === "number" ? Number(value) : value);
          assert.deepEqual(JSON.parse(text.slice(start, end)), kind === "number" ? Number(value) : value);
        }),
      );
      const expected: unknown[] = [];
      // A reviver would see array indices as names.
      const walk = (value: unknown): void => {
        if (typeof value === "string" || typeof value === "number") expected.push(value);
        else if (Array.isArray(value)) value.forEach(walk);
        else if (typeof value === "object" && value !== null) {
          for (const [name, member] of Object.entries(value)) {
            expected.push(name);
            walk(member);
          }
        }
      };
      walk(JSON.parse(text));
      // Objects order names that are numbers first, and keep one of two.
      assert.deepEqual(new Set(given), new Set([...given, ...expected]));
    }),
  );
});

test("no body makes the judge throw, and what is masked is JSON in which nothing more is found", () => {
  const value = fc.oneof(fc.constantFrom(...SECRETS), fc.string(), fc.constantFrom("user", "text"));
  const body = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc
      .record({
        model: value,
        messages: fc.array(
          fc.record({ role: value, content: fc.oneof(value, fc.array(fc.record({ type: value, text: value }))) }),
        ),
      })
      .map((record) => JSON.stringify(record)),
  );
  fc.assert(
    fc.property(body, fc.constantFrom("input" as const, "output" as const), (text, phase) => {
      const verdict = judgeBody(builtIns.mask, "mask", text, phase);
      const blocked = judgeBody(builtIns.block, "block", text, phase).kind === "block";
      assert.equal(blocked, verdict.kind !== "pass");
      if (verdict.kind === "mask") assert.equal(judgeBody(builtIns.mask, "mask", verdict.body, phase).kind, "pass");
    }),
    { numRuns: 300 },
  );
});
