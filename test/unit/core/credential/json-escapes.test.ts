import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LONGEST_ESCAPE, placeBefore, unescaped } from "../../../../router/core/credential/json-escapes.ts";
import { LeakGate } from "../../../../router/core/credential/leak-gate.ts";
import { leakPattern } from "../../../../router/core/credential/leak-pattern.ts";
import { LeakScan } from "../../../../router/core/credential/leak-scan.ts";
import { holdsSecret, REDACTED, redactSecrets, secretForms } from "../../../../router/core/credential/secret-forms.ts";

const unicode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

test("escapes are read as what they stand for, however deep", () => {
  const rows: readonly (readonly [text: string, plain: string, cut?: number])[] = [
    ["plain", "plain"],
    [String.raw`a\u003db`, "a=b"],
    [String.raw`a\u002Bb\u002bc`, "a+b+c"],
    [String.raw`a\/b`, "a/b"],
    [String.raw`a\\\/b\\u003d\\\\u003D`, "a/b=="],
    [String.raw`\"q\"`, '"q"'],
    [String.raw`\u00e9\u20AC`, "\xff\xff"],
    [String.raw`\u00zz`, "u00zz"],
    [String.raw`\n\\n\\\t\r`, "\xffn\xff\xff"],
    [String.raw`\\\\\u0041`, "\xffA"],
    [String.raw`x\u0`, "x", 1],
    [String.raw`x\\u004`, "x", 1],
    [`x${"\\".repeat(4)}`, "x", 1],
    [`x${"\\".repeat(5)}`, "x\xff", 5],
    ["\\", "", 0],
  ];
  for (const [text, plain, cut] of rows) {
    const read = unescaped(Buffer.from(text));
    assert.equal(Buffer.from(read.octets).toString("latin1"), plain, text);
    assert.equal(read.cut, cut ?? text.length, text);
    for (let index = 0; index <= read.octets.length; index += 1) {
      const from = placeBefore(Buffer.from(text), index);
      assert.deepEqual(unescaped(Buffer.from(text).subarray(from)).octets, read.octets.subarray(index), text);
    }
  }
});

/** Of keys as they are issued, with what encoders escape. */
const key = fc
  .array(fc.constantFrom(..."abu01-_+=/&<>'\"~.".split("")), { minLength: 8, maxLength: 40 })
  .map((list) => list.join(""))
  .filter((text) => !/^u[0-9a-f]{4}/.test(text));
const before = fc
  .array(fc.constantFrom("a", "0", "{", '":"', String.raw`\n`, String.raw`\\`, String.raw`\"`, String.raw`\u00e9`), {
    maxLength: 8,
  })
  .map((list) => list.join(""));
/** How one character is written. */
const spellings: readonly ((character: string) => string)[] = [
  (character) => character,
  unicode,
  (character) => unicode(character).toUpperCase().replace("U", "u"),
  (character) => (/[/"]/.test(character) ? `\\${character}` : character),
  (character) => `\\${unicode(character)}`,
  (character) => (character === "/" ? String.raw`\\\/` : character),
];
const spelled = fc
  .tuple(key, fc.array(fc.nat(spellings.length - 1), { minLength: 40, maxLength: 40 }))
  .map(([secret, choices]) => ({
    secret,
    text: Array.from(secret, (character, at) => spellings[choices[at] ?? 0]?.(character) ?? character).join(""),
  }));

test("INV-MODEL-LEAK: property: a key in any mixture of plain and escaped spellings, cut anywhere, does not go out", () => {
  fc.assert(
    fc.property(spelled, before, fc.array(fc.nat(400), { maxLength: 8 }), fc.boolean(), (one, start, cuts, single) => {
      const forms = secretForms([one.secret]);
      const whole = Buffer.from(`${start}${one.text}" more`);
      const ends = single ? whole.keys().toArray() : cuts.map((cut) => cut % whole.length).toSorted((a, b) => a - b);
      let sent = "";
      const gate = new LeakGate(leakPattern(forms), (octets) => (sent += Buffer.from(octets).toString("latin1")));
      const found = [...ends, whole.length].some((end, at) => !gate.push(whole.subarray(ends[at - 1] ?? 0, end)));
      assert.ok(found, "it is found");
      // Of a long run of backslashes the first may be gone.
      assert.ok(start.replaceAll("\\", "").startsWith(sent.replaceAll("\\", "")), `went out: ${sent}`);
      assert.ok(holdsSecret(whole.toString(), forms));
      const redacted = redactSecrets(whole.toString(), forms);
      assert.ok(redacted.includes(REDACTED) && !holdsSecret(redacted, forms));
    }),
    { numRuns: 800 },
  );
});

test("property: what holds no key goes through as it is, however it is cut, and little of it waits", () => {
  const secret = "ab+/=cab";
  const part = fc.constantFrom("a", "b", "ab+", "\\/", "=c", "\\u0061", "\\u002B", "\\", "\\\\", "u0z", "ab+/=ca", "x");
  const pattern = leakPattern(secretForms([secret]));
  fc.assert(
    fc.property(fc.array(fc.array(part, { maxLength: 6 }), { maxLength: 12 }), (given) => {
      const chunks = given.map((parts) => Buffer.from(parts.join("")));
      const whole = Buffer.concat(chunks);
      const scan = new LeakScan(pattern);
      let sent = "";
      const gate = new LeakGate(pattern, (octets) => (sent += Buffer.from(octets).toString("latin1")));
      for (const chunk of chunks) {
        if (!gate.push(chunk)) {
          assert.ok(holdsSecret(whole.toString(), [...secretForms([secret])]));
          return;
        }
        scan.push(chunk);
        assert.ok(scan.begun.length < pattern.longest * LONGEST_ESCAPE);
      }
      assert.equal(holdsSecret(whole.toString(), secretForms([secret])), false);
      gate.end();
      assert.equal(sent, whole.toString());
    }),
    { numRuns: 3_000 },
  );
});

test("texts are redacted in escapes too, and what was JSON still is", () => {
  const secret = "AZ+key/with+base64==0123456789";
  const forms = secretForms([secret]);
  const all = Array.from(secret, (character) => unicode(character)).join("");
  for (const text of [secret.replaceAll("=", unicode("=")), secret.replaceAll("/", "\\/"), all]) {
    const body = `{"error":{"message":"key ${text}\\n","n":1.0,"next":"\\\\${text}"}}`;
    const redacted = redactSecrets(body, forms);
    assert.equal((JSON.parse(redacted) as { error: { message: string } }).error.message, `key ${REDACTED}\n`);
    assert.ok(redacted.includes('"n":1.0') && !redacted.includes("key/"), redacted);
  }
  const escape = `\\"key\\": \\"${secret.replaceAll("=", "\\\\u003d")}\\", other \\u00e9`;
  assert.equal(redactSecrets(escape, forms), `\\"key\\": \\"${REDACTED}\\", other \\u00e9`);
  assert.equal(redactSecrets(`${all}${all}`, forms), REDACTED + REDACTED);
  assert.equal(redactSecrets(String.raw`none: \u0041 \/`, forms), String.raw`none: \u0041 \/`);
});

test("a secret with backslashes is found as it is and as JSON", () => {
  const secret = String.raw`pass\word\"n\n12`;
  const forms = secretForms([secret]);
  for (const text of [secret, JSON.stringify(secret)]) {
    assert.ok(holdsSecret(`x ${text} y`, forms), text);
  }
});

test("escapes cannot make the search slow", () => {
  const secret = Array.from({ length: 100 }, (_, at) => String.fromCharCode(0x21 + ((at * 37) % 90))).join("");
  const plain = secret.replaceAll("\\", "x");
  const pattern = leakPattern(secretForms([plain]));
  const begun = Buffer.from(Array.from(plain.slice(0, -1), (character) => unicode(character)).join(""));
  const scan = new LeakScan(pattern);
  const redacting = `${Array.from(plain, (character) => unicode(character)).join("")}\\`.repeat(80);
  const began = performance.now();
  for (let round = 0; round < 20; round += 1) {
    for (const octet of begun) assert.equal(scan.push(Uint8Array.of(octet)), false);
  }
  for (let round = 0; round < 40; round += 1) assert.equal(scan.push(Buffer.alloc(65_536, "\\n\\\\")), false);
  assert.ok(redactSecrets(redacting, secretForms([plain])).startsWith(REDACTED));
  assert.ok(performance.now() - began < 5_000);
});
