import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { LeakGate } from "../../../../router/core/credential/leak-gate.ts";
import { begunForm, findsForm, leakPattern } from "../../../../router/core/credential/leak-pattern.ts";
import { LeakScan } from "../../../../router/core/credential/leak-scan.ts";
import {
  holdsSecret,
  MINIMUM_SECRET,
  REDACTED,
  redactSecrets,
  secretForms,
} from "../../../../router/core/credential/secret-forms.ts";

const SECRET = "sk-proj-Ab3+/x_Y~q=9";

/** What a gate sends for these chunks, and whether it found a secret. */
function through(
  forms: readonly string[],
  chunks: readonly Uint8Array[],
): { readonly sent: Buffer; readonly found: boolean } {
  const sent: Buffer[] = [];
  const gate = new LeakGate(leakPattern(forms), (octets) => {
    assert.ok(octets.length > 0);
    sent.push(Buffer.from(octets));
  });
  for (const chunk of chunks) if (!gate.push(chunk)) return { sent: Buffer.concat(sent), found: true };
  gate.end();
  return { sent: Buffer.concat(sent), found: false };
}

test("INV-MODEL-LEAK: a secret is found however it is split and spelled, and none of its octets has gone out", () => {
  const spellings: readonly (readonly [name: string, text: string])[] = [
    ["as it is", SECRET],
    ["in JSON with escaped slashes", SECRET.replaceAll("/", "\\/")],
    ["as .NET writes it", SECRET.replaceAll("+", "\\u002B")],
    ["in a URL", encodeURIComponent(SECRET)],
    ["in a URL in lower case", encodeURIComponent(SECRET).replace(/%../g, (escape) => escape.toLowerCase())],
    ["in base64", Buffer.from(SECRET).toString("base64")],
    ["in Basic", Buffer.from(`u:${SECRET}:p`).toString("base64")],
    ["in Basic of a longer name", Buffer.from(`me:${SECRET}`).toString("base64")],
    ["in base64url", Buffer.from(`x${SECRET}`).toString("base64url")],
  ];
  const forms = secretForms([SECRET]);
  for (const [name, text] of spellings) {
    assert.ok(holdsSecret(`a ${text} b`, forms), name);
    const whole = Buffer.from(`data: {"echo":"${text}"}\n\n`);
    for (let at = 0; at <= whole.length; at += 1) {
      const { found, sent } = through(forms, [whole.subarray(0, at), whole.subarray(at)]);
      assert.ok(found, `${name} split at ${at}`);
      // Of base64, the digit before the first that is the secret's alone may be gone: it tells two to four bits.
      assert.ok('data: {"echo":"'.length + 4 >= sent.length, `${name} split at ${at}: ${sent.toString()}`);
      if (text === SECRET) assert.ok(whole.indexOf(SECRET) >= sent.length, `split at ${at}`);
    }
    const octets = [...whole].map((octet) => Uint8Array.of(octet));
    assert.ok(through(forms, octets).found, `${name}, octet by octet`);
  }
});

test("what holds no secret goes through as it came, the very chunks where nothing waits", () => {
  const forms = secretForms([SECRET]);
  const chunk = Buffer.from('data: {"text":"sk-proj-Ab3+/x_Y~q=8"}\n\n');
  const sent: Uint8Array[] = [];
  const gate = new LeakGate(leakPattern(forms), (octets) => void sent.push(octets));
  assert.ok(gate.push(chunk));
  assert.equal(sent[0], chunk);
  assert.ok(gate.push(Buffer.from("abc sk-pr")));
  assert.equal(Buffer.from(sent[1] ?? []).toString(), "abc ");
  assert.ok(gate.push(Buffer.from("oj-A")));
  assert.equal(sent.length, 2, "all of it may still become the secret");
  assert.ok(gate.push(Buffer.from("sk-p")));
  assert.equal(Buffer.from(sent[2] ?? []).toString(), "sk-proj-A");
  gate.end();
  assert.equal(Buffer.concat(sent.slice(1)).toString(), "abc sk-proj-Ask-p");
  gate.end();
  assert.equal(sent.length, 4);
});

test("a buffer that is used again after push changes nothing of what waits", () => {
  const forms = secretForms([SECRET]);
  const buffer = Buffer.from("sk-proj-A");
  const sent: Buffer[] = [];
  const gate = new LeakGate(leakPattern(forms), (octets) => void sent.push(Buffer.from(octets)));
  assert.ok(gate.push(buffer));
  buffer.fill("!");
  assert.ok(gate.push(Buffer.from("?")));
  assert.equal(Buffer.concat(sent).toString(), "sk-proj-A?");
});

test("whoever writes over what was sent changes nothing of what is looked for", () => {
  const gate = new LeakGate(leakPattern([SECRET]), (octets) => void octets.fill(0));
  assert.ok(gate.push(Buffer.from("sk-proj-")));
  assert.ok(gate.push(Buffer.from("!")));
  assert.ok(gate.push(Buffer.from("sk-proj-")));
  gate.end();
  assert.equal(gate.push(Buffer.from(SECRET)), false);
});

test("found stays found", () => {
  const scan = new LeakScan(leakPattern(secretForms([SECRET])));
  assert.equal(scan.push(Buffer.from(SECRET)), true);
  assert.equal(scan.push(Buffer.from("nothing")), true);
});

test("short secrets are not looked for, and without any everything passes", () => {
  assert.deepEqual(secretForms(["EMPTY", "1234567"]), []);
  assert.equal("12345678".length, MINIMUM_SECRET);
  assert.ok(secretForms(["12345678"]).every((form) => form.length >= MINIMUM_SECRET));
  assert.equal(through([], [Buffer.from("EMPTY")]).sent.toString(), "EMPTY");
  assert.throws(() => leakPattern(["abc"]));
});

test("texts are redacted in every spelling, and nothing else of them changes", () => {
  const forms = secretForms([SECRET, "another-secret"]);
  const text = `key ${SECRET}, url ${encodeURIComponent(SECRET)}, json ${JSON.stringify({ k: "another-secret" })}, other`;
  assert.equal(redactSecrets(text, forms), `key ${REDACTED}, url ${REDACTED}, json {"k":"${REDACTED}"}, other`);
  const basic = Buffer.from(`user:${SECRET}`).toString("base64");
  assert.ok(redactSecrets(basic, forms).includes(REDACTED));
  assert.equal(redactSecrets("$& $1 another-secret", forms), `$& $1 ${REDACTED}`);
  // One secret that begins with another is replaced as a whole.
  assert.equal(redactSecrets("abcdefgh1234", secretForms(["abcdefgh", "abcdefgh1234"])), REDACTED);
});

test("property: the gate finds exactly what a plain search finds, and sends exactly the rest", () => {
  // Two letters, so that texts are full of beginnings, repetitions and near misses.
  const letters = fc.array(fc.constantFrom("a", "b"), { minLength: 8, maxLength: 14 }).map((list) => list.join(""));
  const piece = fc.oneof(
    fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 12 }).map((list) => list.join("")),
    letters,
  );
  fc.assert(
    fc.property(
      fc.array(letters, { minLength: 1, maxLength: 3 }),
      fc.array(piece, { maxLength: 12 }),
      (forms, chunks) => {
        const text = chunks.join("");
        const { found, sent } = through(
          forms,
          chunks.map((chunk) => Buffer.from(chunk)),
        );
        const firstEnd = Math.min(
          ...forms
            .map((form) => text.indexOf(form))
            .map((at, index) => (at === -1 ? Infinity : at + (forms[index]?.length ?? 0))),
        );
        assert.equal(found, firstEnd !== Infinity);
        if (!found) assert.equal(sent.toString(), text);
        else {
          assert.ok(text.startsWith(sent.toString()));
          for (const form of forms) {
            const at = text.indexOf(form);
            if (at !== -1 && at + form.length === firstEnd)
              assert.ok(sent.length <= at, "an octet of the secret went out");
          }
        }
      },
    ),
    { numRuns: 3_000 },
  );
});

test("property: one secret of any octets in a text of any octets is found at every place", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary-ascii", minLength: 8, maxLength: 200 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 100 }),
      (secret, before, after) => {
        const pattern = leakPattern([secret]);
        const whole = Buffer.concat([before, Buffer.from(secret, "latin1"), after]);
        assert.ok(findsForm(pattern, whole));
        assert.equal(findsForm(pattern, before), Buffer.from(before).includes(Buffer.from(secret, "latin1")));
        const cut = whole.subarray(0, before.length + secret.length - 1);
        assert.ok((begunForm(pattern, cut)?.length ?? 0) >= secret.length - 1);
      },
    ),
    { numRuns: 500 },
  );
});

test("an origin that knows the secret cannot make the search slow", () => {
  // Fixed, and without a repetition that would make one out of two ends of it.
  const secret = Array.from({ length: 20 }, (_, at) => createHash("sha256").update(`${at}`).digest("base64url")).join(
    "",
  );
  assert.notEqual(secret.at(0), secret.at(-1));
  const pattern = leakPattern(secretForms([secret]));
  // All of the window again and again, and never the secret.
  const near = Buffer.from(`${secret.slice(0, 64)}!`.repeat(1_000));
  const tail = Buffer.from(secret.slice(0, -1));
  const started = performance.now();
  for (let round = 0; round < 50; round += 1) assert.equal(findsForm(pattern, near), false);
  const scan = new LeakScan(pattern);
  for (let round = 0; round < 20; round += 1)
    for (const octet of tail) assert.equal(scan.push(Uint8Array.of(octet)), false);
  assert.ok(performance.now() - started < 1_000);
});
