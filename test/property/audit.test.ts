import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { AuditValue } from "../../router/core/audit/audit-event.ts";
import { canonicalJson, isCanonical, mendValue } from "../../router/core/audit/canonical-json.ts";
import { type AuditRecord, parseAnyRecord, parseRecord } from "../../router/core/audit/parse-record.ts";
import { plainRecord } from "../../router/core/audit/plain-record.ts";
import { MAXIMUM_LINE_BYTES, recordRenderer } from "../../router/core/audit/record.ts";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import { ChainFixture, verifyBytes } from "../unit/core/audit/chain-fixture.ts";
import { karsLog, verifyKarsLines } from "../unit/core/audit/kars-fixture.ts";

/** Any UTF-16 units, lone surrogates and controls among them. */
const text = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0xd7fe, max: 0xe001 }),
      fc.integer({ max: 0x80, min: 0 }),
    ),
  )
  .map((units) => String.fromCharCode(...units));
const { value } = fc.letrec<{ value: AuditValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    text,
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4 }),
  ),
}));

/** RFC 8785 section 3.2.3 as it reads, member by member. */
function memberByMember(any: AuditValue): string {
  if (typeof any !== "object" || any === null) return JSON.stringify(any);
  if (Array.isArray(any)) return `[${any.map((item: AuditValue) => memberByMember(item)).join(",")}]`;
  const members = Object.entries(any).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${memberByMember(item)}`).join(",")}}`;
}

test("whatever the order and the kind of its keys, a value's members stand in the order of RFC 8785", () => {
  const odd = [
    "__proto__",
    "constructor",
    "toJSON",
    "length",
    "0",
    "9",
    "10",
    "01",
    "-1",
    "4294967294",
    "4294967295",
    "",
  ];
  const key = fc.oneof(
    fc.constantFrom(...odd),
    fc.string({ maxLength: 3 }),
    fc.string({ minLength: 60, maxLength: 70 }),
  );
  const { tree } = fc.letrec<{ tree: AuditValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(-0, 1e21, 5e-324, true, null, '"', "\u2028", "\u{1f600}"),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.array(fc.tuple(key, tie("tree")), { maxLength: 12 }).map((entries) => Object.fromEntries(entries)),
    ),
  }));
  fc.assert(fc.property(tree, (any) => assert.equal(canonicalJson(any), memberByMember(any))));
});

test("every mended value has one canonical form, which is that of its own parse", () => {
  fc.assert(
    fc.property(value, (any) => {
      const form = canonicalJson(mendValue(any)) ?? assert.fail("no form");
      const again = JSON.parse(form) as AuditValue;
      assert.equal(canonicalJson(again), form);
      assert.equal(isCanonical(form, again), true);
      assert.equal(isCanonical(` ${form}`, again), false);
    }),
  );
});

test("INV-AUDIT-RENDER: any event is one bounded, canonical record", () => {
  const render = recordRenderer({ namespace: "n", pod: "p", agent: "a" }, "0".repeat(32));
  const at = { seq: 1, prev: "0".repeat(64), time: "2026-11-20T00:00:00.000Z", uptime: millis(1) };
  fc.assert(
    fc.property(text, text, text, value, (action, target, rule, detail) => {
      const policy = { name: target, version: 1, digest: rule };
      const base = { time: epochMillis(0), kind: "guard", decision: "none", reason: null, request: null } as const;
      const line = render({ ...base, action, target, rule, policy, detail: { detail } }, at);
      assert.equal(parseRecord(line).ok, true);
      assert.equal(line.includes("\n"), false);
      assert.ok(Buffer.byteLength(line) < MAXIMUM_LINE_BYTES);
    }),
  );
});

/** Texts and details as they usually are, and sometimes not. */
const usualText = fc.oneof({ arbitrary: fc.stringMatching(/^[a-zé.:{},]{0,12}$/), weight: 30 }, text);
const usualKey = fc.oneof(
  { arbitrary: fc.constantFrom("a", "ab", "abc", "b", "B", "a_", "a0"), weight: 30 },
  usualText,
);
const usualValue = fc.oneof(
  { arbitrary: fc.oneof(fc.nat(), fc.boolean(), fc.constant(null), fc.array(usualText, { maxLength: 3 })), weight: 30 },
  { arbitrary: usualText, weight: 10 },
  fc.maxSafeInteger(),
  value,
);
const usualLine = fc
  .tuple(usualText, usualText, fc.option(usualText), fc.dictionary(usualKey, usualValue, { maxKeys: 4 }), fc.nat())
  .map(([action, target, rule, detail, seq]) => {
    const render = recordRenderer({ namespace: "n", pod: "p", agent: "a" }, "0123456789abcdef".repeat(2));
    const policy = rule === null ? null : { name: target, version: seq, digest: rule };
    const base = { time: epochMillis(0), kind: "egress.end", decision: "allow", reason: null, request: rule } as const;
    const at = { seq, prev: "ab".repeat(32), time: "2026-11-20T00:00:00.000Z", uptime: millis(seq) };
    return render({ ...base, action, target, rule, policy, detail }, at);
  });

/** What is taken out where, and what is put there. */
const edit = fc.tuple(fc.nat(), fc.nat(3), fc.oneof(fc.stringMatching(/^["a-f0-9,:{}[\]\\-]{0,3}$/), text));

/** Both ways to read a record agree; whether the short one had an answer. */
function agree(line: string): boolean {
  const [plain, any] = [plainRecord(line), parseAnyRecord(line)];
  const essence = ({ stream, seq, prev, time, kind, detail }: AuditRecord): AuditRecord => {
    return { stream, seq, prev, time, kind, detail };
  };
  if (plain === undefined) return false;
  assert.ok(any.ok, line);
  assert.deepEqual(essence(plain), essence(any.value));
  return true;
}

test("a record read off its text is what its parse is, and nothing else is read so", () => {
  let plain = 0;
  fc.assert(
    fc.property(usualLine, fc.array(edit, { maxLength: 3 }), fc.nat(), fc.nat(7), (line, edits, octet, bit) => {
      assert.equal(parseAnyRecord(line).ok, true);
      plain += Number(agree(line));
      let edited = line;
      for (const [place, length, put] of edits) {
        const at = place % (edited.length + 1);
        edited = edited.slice(0, at) + put + edited.slice(at + length);
      }
      agree(edited);
      const octets = Buffer.from(line);
      const flipped = octet % octets.length;
      octets[flipped] = (octets[flipped] ?? 0) ^ (1 << bit);
      agree(octets.toString());
    }),
    { numRuns: 2_000 },
  );
  assert.ok(plain > 500, String(plain));
});

test("a record whose members are out of order, missing or twice, its own or its detail's, is not read off its text", () => {
  const how = fc.constantFrom("swap", "drop", "double");
  fc.assert(
    fc.property(usualLine, fc.boolean(), fc.nat(), fc.nat(), how, (line, isInside, one, other, change) => {
      const record = JSON.parse(line) as { readonly [key: string]: AuditValue };
      const members = Object.entries(isInside ? (record["detail"] ?? {}) : record).map(([key, member]) => {
        return `${JSON.stringify(key)}:${JSON.stringify(member)}`;
      });
      const [from, to] = [one % Math.max(members.length, 1), other % Math.max(members.length, 1)];
      const rest = change === "double" ? members : members.toSpliced(from, 1);
      const text = `{${(change === "drop" ? rest : rest.toSpliced(to, 0, ...members.slice(from, from + 1))).join(",")}}`;
      agree(isInside ? line.replace(JSON.stringify(record["detail"]), () => text) : text);
    }),
    { numRuns: 1_000 },
  );
});

test("the verifier has a verdict on any octets, and it is damage wherever a record but the last was touched", () => {
  const files = new ChainFixture(["a", "xyz"], ["b", "x."]).files;
  const bytes = Buffer.from(files.flatMap((lines) => lines.map((line) => `${line}\n`)).join(""));
  const lastLine = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1;
  fc.assert(
    fc.property(fc.nat(bytes.length), fc.nat(600), fc.uint8Array({ maxLength: 40 }), (start, length, put) => {
      const changed = Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + length)]);
      const { damage } = verifyBytes([changed]);
      const isSame = changed.equals(bytes);
      const isCutBehind = changed.length < bytes.length && bytes.subarray(0, changed.length).equals(changed);
      if (!isSame && !isCutBehind && start < lastLine) assert.notEqual(damage, undefined);
      if (isSame) assert.equal(damage, undefined);
    }),
    { numRuns: 1_000 },
  );
});

test("a chain of kars: any octets have a verdict, and it is damage unless the chain was only cut at an end", () => {
  const text = karsLog("abcdef").join("\n");
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(600), fc.string({ maxLength: 40 }), (start, length, put) => {
      const changed = text.slice(0, start) + put + text.slice(start + length);
      const lines = changed.split("\n");
      const { damage, entries } = verifyKarsLines(lines);
      assert.equal(
        damage === undefined,
        text.startsWith(changed) || text.endsWith(changed) ? entries === lines.length : false,
      );
    }),
    { numRuns: 1_000 },
  );
});
