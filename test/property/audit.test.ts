import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { AuditValue } from "../../router/core/audit/audit-event.ts";
import { canonicalJson, isCanonical, mendValue } from "../../router/core/audit/canonical-json.ts";
import { parseRecord } from "../../router/core/audit/parse-record.ts";
import { MAXIMUM_LINE_BYTES, recordRenderer } from "../../router/core/audit/record.ts";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import { ChainFixture, verifyBytes } from "../unit/core/audit/chain-fixture.ts";

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
