import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { EvenGate } from "../../../../router/core/credential/even-gate.ts";
import { leakPattern } from "../../../../router/core/credential/leak-pattern.ts";
import { secretForms } from "../../../../router/core/credential/secret-forms.ts";

const SECRET = "sk-proj-Ab3+/x_Y~q=9-0123456789abcdefghi";
const FORMS = secretForms([SECRET]);
const LONGEST = Math.max(...FORMS.map(({ length }) => length));
/** In JSON's escapes: each character, within JSON in JSON in JSON, and what .NET escapes. */
const ESCAPED = [/./g, /./g, /[+/~]/g].map((which, at) =>
  SECRET.replaceAll(which, (octet) => {
    const digits = octet.charCodeAt(0).toString(16).padStart(4, "0");
    return `${at === 1 ? "\\\\\\\\" : "\\"}u${digits}`;
  }),
);
/** What may have gone out of a secret of this length: fewer than a quarter of its octets. */
const TOLD = SECRET.length / 4;

type Step = Uint8Array | "rest";

/** The lengths of what was sent in each step, and all of it; `cut`: the step at which the stream must be cut. */
function through(steps: readonly Step[], forms = FORMS): { sizes: number[][]; sent: Buffer; cut: number | undefined } {
  const sizes: number[][] = [];
  const sent: Buffer[] = [];
  const gate = new EvenGate([leakPattern(forms)], (octets) => {
    assert.ok(octets.length > 0);
    sizes.at(-1)?.push(octets.length);
    sent.push(Buffer.from(octets));
  });
  for (const [at, step] of steps.entries()) {
    sizes.push([]);
    const passed = step === "rest" ? gate.rest() === undefined : gate.push(step);
    if (!passed) return { sizes, sent: Buffer.concat(sent), cut: at };
  }
  sizes.push([]);
  gate.end();
  return { sizes, sent: Buffer.concat(sent), cut: undefined };
}

const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 900 }), fc.constantFrom(4_096, 4_097, 9_000)), {
  maxLength: 8,
});

test("INV-INSPECT-4: how much goes out, and when, does not depend on what it is", () => {
  const ending = fc.record({
    form: fc.constantFrom(...FORMS, ...ESCAPED),
    part: fc.integer({ min: 1, max: 9 * LONGEST }),
    lengths,
    rests: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
  });
  fc.assert(
    fc.property(ending, ({ form, part, lengths: given, rests }) => {
      const begun = form.slice(0, Math.min(part, form.length - 1));
      const steps = (content: (length: number) => string): Step[] =>
        given.flatMap((length, at) => {
          const chunk = Buffer.from(content(length));
          return rests[at] === true ? [chunk, "rest" as const] : [chunk];
        });
      const plain = through(steps((length) => ".".repeat(length)));
      const guess = through(steps((length) => begun.slice(-length).padStart(length, ".").slice(0, length)));
      assert.deepEqual(guess.sizes, guess.cut === undefined ? plain.sizes : [...plain.sizes.slice(0, guess.cut), []]);
      if (guess.cut !== undefined) assert.ok(begun.length >= TOLD);
    }),
  );
});

test("everything goes out, in order and at the end of it all, where no secret is in it", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant("rest" as const))), (steps) => {
      const whole = Buffer.concat(steps.filter((step) => step !== "rest"));
      assert.deepEqual(through(steps).sent, whole);
    }),
  );
  const large = Buffer.alloc(100_000, "abc");
  assert.deepEqual(through([Buffer.from("x"), large, Buffer.from("y"), "rest"]).sent.length, 100_002);
  assert.equal(through([Buffer.from("EMPTY")], []).sizes[0]?.[0], 5, "without a secret nothing waits");
});

test("INV-INSPECT-4: a secret is found however it is split, and none of it has gone out without a rest", () => {
  for (const form of FORMS) {
    const whole = Buffer.from(`data: ${form} and on`);
    for (let at = 0; at <= whole.length; at += 1) {
      const { cut, sent } = through([whole.subarray(0, at), whole.subarray(at)]);
      assert.ok(cut !== undefined && sent.length <= "data: ".length, `${form} at ${at}`);
      const rested = through([whole.subarray(0, at), "rest", whole.subarray(at)]);
      assert.ok(rested.cut !== undefined && rested.sent.length < "data: ".length + TOLD, `${form} at ${at}`);
    }
  }
});

test("INV-INSPECT-4: nor does any of it go out where it is escaped", () => {
  for (const text of ESCAPED) {
    const whole = Buffer.from(`data: ${text} and on`);
    for (let at = 0; at <= whole.length; at += 1) {
      const { cut, sent } = through([whole.subarray(0, at), whole.subarray(at)]);
      assert.ok(cut !== undefined && sent.length <= "data: ".length, `${text} at ${at}`);
    }
    for (const size of [1, 7, 64, 350]) {
      const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
        whole.subarray(at * size, (at + 1) * size),
      );
      const { cut, sent } = through(chunks);
      assert.ok(cut !== undefined && sent.length <= "data: ".length, `${text} by ${size}`);
    }
  }
});

test("a rest within an escape is of as many of the secret's octets as stand before it", () => {
  const [, deep = ""] = ESCAPED;
  const rested = (text: string): boolean => through([Buffer.from(text), "rest"]).cut === undefined;
  for (const text of ["x\\\\u003", "x\\\\\\\\u00", "\\", `x${deep.slice(0, 9)}`, `x${deep.slice(0, 89)}`])
    assert.ok(rested(text), text);
  assert.ok(!rested(`x${deep.slice(0, 90)}`));
});

test("octet by octet with rests between, less than a quarter of a secret goes out", () => {
  const steps = [...Buffer.from(SECRET)].flatMap((octet) => [Uint8Array.of(octet), "rest" as const]);
  const { cut, sent } = through(steps);
  assert.ok(cut !== undefined && sent.length < TOLD, sent.toString());
});

test("a rest says which pattern it was", () => {
  const patterns = ["one-secret-0123456789", "two-secret-0123456789"].map((secret) =>
    leakPattern(secretForms([secret])),
  );
  const gate = new EvenGate(patterns, () => undefined);
  assert.ok(gate.push(Buffer.from("two-secr")));
  assert.deepEqual(gate.rest(), { pattern: 1, octets: new Uint8Array(Buffer.from("two-secr")) });
  assert.ok(gate.push(Buffer.from("one-secr")));
  assert.equal(gate.rest()?.pattern, 0);
  assert.ok(gate.push(Buffer.from("one-s")));
  assert.equal(gate.rest(), undefined, "five octets are told");
});

test("whoever writes over what came or what was sent changes nothing", () => {
  const sent: string[] = [];
  const gate = new EvenGate([leakPattern(FORMS)], (octets) => {
    sent.push(Buffer.from(octets).toString());
    octets.fill(0);
  });
  const chunk = Buffer.from("x".repeat(9 * LONGEST + 1));
  for (let at = 0; at < 3; at += 1) {
    chunk.fill("x");
    assert.ok(gate.push(chunk));
  }
  chunk.fill("y");
  gate.end();
  assert.equal(sent.join(""), "x".repeat(3 * (9 * LONGEST + 1)));
});
