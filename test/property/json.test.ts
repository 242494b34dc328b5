import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { editMembers } from "../../router/core/json/member-edit.ts";
import { scanPlan } from "../../router/core/json/scan-plan.ts";
import { splice } from "../../router/core/json/splice.ts";
import { runCampaign } from "../fuzz/campaign.ts";
import { MEMBER_SCAN } from "../fuzz/json/member-scan.ts";
import { oracleOf } from "../fuzz/json/member-scan-oracle.ts";
import { cutAt, scanChunks } from "../unit/core/json/scan-text.ts";

const NAMES = ["model", "usage", "stream", "größe"];
const PLAN = scanPlan({
  capture: new Map(NAMES.map((name) => [name, 1_000_000])),
  optional: new Set(["stream"]),
  items: new Set(["usage", "url"]),
  count: new Set(["url", "ü", ""]),
  watch: new Set(["a", "toString"]),
  unread: new Map<string, ReadonlySet<string> | "all">([
    ["größe", "all"],
    ["usage", new Set(["url"])],
  ]),
  shapes: { list: "usage", kind: "a", names: ["ü", "url"] },
  depth: 512,
});

const name = fc.oneof(
  fc.constantFrom(...NAMES, "url", "ü", "a", "", "__proto__", "toString"),
  fc.string({ unit: "grapheme", maxLength: 8 }),
);
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ minLength: 20, maxLength: 200 }),
);
const json: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -0.5, 1e300),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    text,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(name, tie("value"), { maxKeys: 4 }),
  ),
})).value;
const object = fc.dictionary(name, json, { maxKeys: 7 });

/** The same value written in one of its many forms: white space, escapes, numbers with exponents. */
function written(value: unknown, choose: () => number): string {
  const space = (): string => ["", "", "", " ", "\n", "\t\r\n  "][choose() % 6] ?? "";
  if (typeof value === "string") return quoted(value, choose);
  if (typeof value === "number" && choose() % 3 === 0) return value.toExponential().replace("e", "E");
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts = Array.isArray(value)
    ? value.map((item) => written(item, choose))
    : Object.entries(value).map(([key, item]) => quoted(key, choose) + space() + ":" + space() + written(item, choose));
  const body = parts.map((part) => space() + part + space()).join(",");
  return Array.isArray(value) ? `[${body || space()}]` : `{${body || space()}}`;
}

function quoted(value: string, choose: () => number): string {
  const unit = (at: number): string => `\\u${value.charCodeAt(at).toString(16).padStart(4, "0")}`;
  let inside = "";
  for (let at = 0; at < value.length; at++) {
    const character = value.charAt(at);
    // A pair is escaped as a whole or not at all.
    const isPair = /[\ud800-\udbff]/.test(character) && /[\udc00-\udfff]/.test(value.charAt(at + 1));
    const isEscaped = choose() % 8 === 0;
    if (isPair) inside += isEscaped ? unit(at) + unit(++at) : character + value.charAt(++at);
    else if (isEscaped) inside += character === "/" ? "\\/" : unit(at);
    else inside += JSON.stringify(character).slice(1, -1);
  }
  return `"${inside}"`;
}

interface Written {
  readonly value: Record<string, unknown>;
  readonly octets: Uint8Array;
  readonly chunks: Uint8Array[];
}
const document: fc.Arbitrary<Written> = fc
  .tuple(object, fc.infiniteStream(fc.nat(1000)), fc.array(fc.nat(), { maxLength: 8 }))
  .map(([value, stream, cuts]) => {
    const octets = Buffer.from(written(value, () => stream.next().value as number));
    return {
      value,
      octets,
      chunks: cutAt(
        octets,
        cuts.map((cut) => cut % (octets.length + 1)),
      ),
    };
  });

/** Whether the scan refuses what the parser takes, as it should: a name that is not one name to all readers. */
function isStricter(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, item]) => !key.isWellFormed() || isStricter(item));
}

test("INV-JSON-WHOLE: a document is read as the platform's parser reads it, wherever it is cut", () => {
  fc.assert(
    fc.property(document, ({ value, octets, chunks }) => {
      const found = scanChunks(PLAN, chunks);
      assert.deepEqual(scanChunks(PLAN, [octets]), found);
      const expected = oracleOf(PLAN, octets);
      if (!found.ok) {
        assert.ok(isStricter(value) || !expected.ok, found.problem.code);
        return;
      }
      assert.ok(expected.ok);
      const { ok: _, ...rest } = expected;
      assert.deepEqual({ ...found.value }, { ...rest, capture: PLAN.capture });
      const again = Object.assign(Object.create(null), JSON.parse(Buffer.from(octets).toString()));
      for (const [key, member] of found.value.members) assert.deepEqual(member.value, again[key]);
    }),
    { numRuns: 600, seed: 20_480 },
  );
});

test("every beginning of a document is cut short", () => {
  fc.assert(
    fc.property(document, ({ octets }) => {
      if (!scanChunks(PLAN, [octets]).ok) return;
      for (let end = 0; end < Math.min(octets.length, 400); end++) {
        const found = scanChunks(PLAN, [octets.subarray(0, end)]);
        assert.deepEqual(found.ok ? "accepted" : [found.problem.code, found.problem.at], ["cut_short", end]);
      }
    }),
    { numRuns: 100, seed: 20_480 },
  );
});

test("changed octets never make it throw, nor depend on the cuts", () => {
  const change = fc.tuple(fc.nat(), fc.nat(255));
  fc.assert(
    fc.property(document, fc.array(change, { minLength: 1, maxLength: 4 }), ({ octets, chunks }, changes) => {
      const changed = Uint8Array.from(octets);
      for (const [at, octet] of changes) changed[at % changed.length] = octet;
      let base = 0;
      const pieces = chunks.map(({ length }) => changed.subarray(base, (base += length)));
      const found = scanChunks(PLAN, [changed]);
      assert.deepEqual(scanChunks(PLAN, pieces), found);
      assert.equal(oracleOf(PLAN, changed).ok, found.ok);
    }),
    { numRuns: 600, seed: 20_480 },
  );
});

test("20,000 changed texts against the oracle", () => {
  runCampaign(MEMBER_SCAN, 20_000, 20_480);
});

test("INV-JSON-EDIT: an edited text is the edited object, and all else is the chunks as they were", () => {
  const changes = fc.uniqueArray(
    fc.record({ name: fc.constantFrom(...NAMES), text: fc.option(json, { nil: undefined }) }),
    {
      selector: (change) => change.name,
    },
  );
  fc.assert(
    fc.property(document, changes, ({ chunks }, wanted) => {
      const found = scanChunks(PLAN, chunks);
      fc.pre(found.ok);
      const whole = Buffer.concat(chunks).toString();
      const expected = new Map(Object.entries(JSON.parse(whole)));
      for (const change of wanted) {
        if (change.text === undefined) expected.delete(change.name);
        else expected.set(change.name, change.text);
      }
      const texts = wanted.map(({ name, text }) => ({
        name,
        text: text === undefined ? undefined : JSON.stringify(text),
      }));
      const edits = editMembers(found.value, texts);
      const result = splice(chunks, edits);
      const edited = Buffer.concat([...result.chunks]).toString();
      assert.deepEqual(
        Object.fromEntries(Object.entries(JSON.parse(edited))),
        JSON.parse(JSON.stringify(Object.fromEntries(expected))),
      );
      assert.equal(result.length, Buffer.byteLength(edited));
      const again = scanChunks(PLAN, result.chunks);
      assert.ok(again.ok, "it cannot be scanned again");
      assert.equal(again.value.size, expected.size);
      const own = new Set(chunks.map(({ buffer }) => buffer));
      const foreign = result.chunks.filter(({ buffer }) => !own.has(buffer)).length;
      assert.ok(foreign <= edits.length);
      if (edits.length === 0)
        assert.deepEqual(
          result.chunks,
          chunks.filter(({ length }) => length > 0),
        );
    }),
    { numRuns: 800, seed: 20_480 },
  );
});
