import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { countSigners } from "../../router/edge/trust/count-signers.ts";
import { parseLinearPattern } from "../../router/core/policy/linear-pattern.ts";
import { formatMarks, parseMarks } from "../../router/edge/trust/marks-file.ts";
import { verifyDocument } from "../../router/edge/trust/verify-document.ts";
import {
  attestationBundle,
  DOCUMENT,
  json,
  keyringOf,
  keyringWith,
  messageBundle,
  signersYaml,
  testKey,
} from "../unit/edge/trust/fixture.ts";
import { PrivateSigstore } from "../unit/edge/trust/private-sigstore.ts";

const alice = testKey();
const originals = [
  json(messageBundle(alice)),
  json(attestationBundle(alice)),
  json(messageBundle(alice), attestationBundle(alice)),
];

test("INV-TRUST-06: no bytes in place of a bundle throw, and none are accepted", async (t) => {
  const keyring = await keyringWith(t, { alice });
  const judge = (bundle: Uint8Array) =>
    verifyDocument(keyring, { kind: "EgressPolicy", file: "p", bytes: DOCUMENT, bundle });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => !judge(bytes).ok));
  fc.assert(fc.property(fc.jsonValue(), (value) => !judge(json(value)).ok));
});

test("INV-TRUST-06: a bundle bent anywhere is refused, or says the same as before", async (t) => {
  const keyring = await keyringWith(t, { alice });
  const edit = fc.record({ at: fc.nat(), value: fc.nat(255), cut: fc.nat(3) });
  fc.assert(
    fc.property(fc.constantFrom(...originals), fc.array(edit, { minLength: 1, maxLength: 4 }), (original, edits) => {
      let bent = original;
      for (const { at, value, cut } of edits) {
        const place = at % bent.length;
        bent = Buffer.concat([bent.subarray(0, place), Buffer.from([value]), bent.subarray(place + cut)]);
      }
      const result = verifyDocument(keyring, { kind: "EgressPolicy", file: "p", bytes: DOCUMENT, bundle: bent });
      if (result.ok) assert.deepEqual([result.value.text, result.value.signers], [DOCUMENT.toString(), ["alice"]]);
    }),
    { numRuns: 2000 },
  );
});

/** Replaces one value anywhere in a JSON tree. */
function bend(value: unknown, path: readonly number[], replacement: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof value !== "object" || value === null) return replacement;
  const keys = Object.keys(value);
  const key = keys[step % keys.length];
  if (key === undefined) return replacement;
  const changed = bend((value as Record<string, unknown>)[key], rest, replacement);
  return Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed };
}

test("INV-TRUST-06: a bundle with any member replaced is refused, or says the same as before", async (t) => {
  const keyring = await keyringWith(t, { alice });
  const path = fc.array(fc.nat(20), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      fc.constantFrom(messageBundle(alice), attestationBundle(alice)),
      path,
      fc.jsonValue(),
      (bundle, steps, value) => {
        const bent = json(bend(bundle, steps, value));
        const result = verifyDocument(keyring, { kind: "EgressPolicy", file: "p", bytes: DOCUMENT, bundle: bent });
        if (result.ok) assert.deepEqual(result.value.signers, ["alice"]);
      },
    ),
    { numRuns: 2000 },
  );
});

const sigstore = new PrivateSigstore();
const certified = JSON.stringify(sigstore.bundle(sigstore.leaf(), DOCUMENT));
const certificateSigners = signersYaml(["alice"])
  .replace("{ id: alice, key: { file: alice.pub } }", () => {
    return '{ id: alice, certificate: { identity: { exact: "https://ci.test/release" }, issuer: { exact: "https://issuer.test" } } }';
  })
  .replace("  requirements:", "  trustedRoots: [root.json]\n  requirements:");

test("INV-TRUST-06: a certificate bundle with a bit flipped anywhere within its base64 is refused, or says the same", async (t) => {
  const files = { "signers.yaml": certificateSigners, "root.json": JSON.stringify(sigstore.trustedRoot()) };
  const keyring = await keyringOf(t, files);
  const parts = [...certified.matchAll(/[A-Za-z0-9+/]{40,}={0,2}/g)];
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(7), (which, at, bit) => {
      const part = parts[which % parts.length];
      assert.ok(part !== undefined);
      const octets = Buffer.from(part[0], "base64");
      const place = at % octets.length;
      octets[place] = (octets[place] ?? 0) ^ (1 << bit);
      const bent = Buffer.from(
        certified.slice(0, part.index) + octets.toString("base64") + certified.slice(part.index + part[0].length),
      );
      const result = verifyDocument(keyring, { kind: "EgressPolicy", file: "p", bytes: DOCUMENT, bundle: bent });
      if (result.ok) assert.deepEqual(result.value.signers, ["alice"]);
    }),
    { numRuns: 150 },
  );
});

test("INV-TRUST-02: a changed document is refused under every bundle", async (t) => {
  const keyring = await keyringWith(t, { alice });
  fc.assert(
    fc.property(fc.constantFrom(...originals), fc.nat(), fc.integer({ min: 1, max: 127 }), (bundle, at, flip) => {
      const bytes = Uint8Array.from(DOCUMENT);
      const place = at % bytes.length;
      bytes[place] = (bytes[place] ?? 0) ^ flip;
      assert.ok(!verifyDocument(keyring, { kind: "EgressPolicy", file: "p", bytes, bundle }).ok);
    }),
  );
});

test("INV-TRUST-05: as many signers as the best assignment has, found by trying all", () => {
  const best = (claims: readonly (readonly string[])[], used: ReadonlySet<string> = new Set()): number => {
    const [first, ...rest] = claims;
    if (first === undefined) return 0;
    const taken = first.filter((id) => !used.has(id)).map((id) => 1 + best(rest, new Set([...used, id])));
    return Math.max(best(rest, used), ...taken);
  };
  const claims = fc.array(fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 3 }), { maxLength: 5 });
  fc.assert(
    fc.property(claims, (lists) => {
      const counted = countSigners(lists.map((signers, index) => ({ principal: `p${index}`, signers })));
      assert.equal(counted.length, best(lists));
      assert.equal(new Set(counted).size, counted.length);
    }),
  );
});

test("INV-TRUST-10: what V8's engine matches wholly, the linear one matches, and nothing else", () => {
  const atom = fc.constantFrom("a", "b", ".", "\\.", "[ab]", "[^a]", "[a-c]", "\\d", "\\w", "x");
  const { pattern } = fc.letrec<{ pattern: string; item: string }>((tie) => ({
    pattern: fc
      .array(
        fc.array(tie("item"), { maxLength: 3 }).map((items) => items.join("")),
        { minLength: 1, maxLength: 3 },
      )
      .map((branches) => branches.join("|")),
    item: fc.oneof(
      { maxDepth: 2 },
      fc.tuple(atom, fc.constantFrom("", "*", "+", "?")).map((parts) => parts.join("")),
      fc.tuple(tie("pattern"), fc.constantFrom("", "*", "+", "?")).map(([inner, times]) => `(${inner})${times}`),
    ),
  }));
  const text = fc
    .array(fc.constantFrom("a", "b", "c", "x", ".", "1", "/", "\n"), { maxLength: 6 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, text, (source, candidate) => {
      const result = parseLinearPattern(`^${source}$`);
      assert.ok(result.ok);
      assert.equal(result.value(candidate), new RegExp(`^(?:${source})$`).test(candidate));
    }),
    { numRuns: 1000 },
  );
});

test("no pattern text throws", () => {
  const text = fc
    .array(fc.constantFrom(...Array.from("^$()[]*+?|\\.-ab:{}d")), { maxLength: 12 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (source) => {
      const result = parseLinearPattern(`^${source}$`);
      if (result.ok) result.value("ab");
    }),
    { numRuns: 2000 },
  );
});

test("INV-FRESH-06: marks are read back as they were written, and damaged bytes never as something else that is empty", () => {
  const time = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).map(epochMillis);
  const mark = fc.record(
    {
      version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      digest: fc
        .string({ unit: fc.constantFrom(...Array.from("0123456789abcdef")), minLength: 64, maxLength: 64 })
        .map((hex) => `sha256:${hex}`),
      issuedAt: time,
      lastSeen: time,
    },
    { noNullPrototype: true },
  );
  const name = fc.string({ minLength: 1, maxLength: 8 });
  const marks = fc
    .array(fc.tuple(fc.constantFrom("EgressPolicy", "InferencePolicy"), name, mark), { minLength: 1, maxLength: 5 })
    .map((rows) => {
      const kinds = new Map<string, Map<string, (typeof rows)[number][2]>>();
      for (const [kind, key, value] of rows) {
        const names = kinds.get(kind) ?? new Map<string, (typeof rows)[number][2]>();
        kinds.set(kind, names.set(key, value));
      }
      return kinds;
    });
  fc.assert(
    fc.property(marks, fc.nat(), (made, at) => {
      const octets = Buffer.from(formatMarks(made));
      assert.deepEqual(parseMarks(octets), made);
      assert.equal(parseMarks(octets.subarray(0, at % (octets.length - 2))), undefined, "cut");
    }),
  );
});
