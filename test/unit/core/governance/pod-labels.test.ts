import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parsePodLabels } from "../../../../router/core/governance/pod-labels.ts";

const FORM = 'A line is not of the form name="value".';
const TWICE = "A label is there twice, or there are too many.";

const rows: readonly (readonly [what: string, text: string, expected: Readonly<Record<string, string>> | string])[] = [
  ["no label", "", {}],
  ["no label, and a line's end", "\n", {}],
  ["as the kubelet writes it", 'app="web"\nteam="research"', { app: "web", team: "research" }],
  ["with a line's end", 'app="web"\n', { app: "web" }],
  ["a prefix", 'app.kubernetes.io/name="a.b_c-d"', { "app.kubernetes.io/name": "a.b_c-d" }],
  ["an empty value", 'empty=""', { empty: "" }],
  ["a name that every object has", '__proto__="x"\nconstructor="y"', { ["__proto__"]: "x", constructor: "y" }],
  ["the longest", `${"n".repeat(317)}="${"v".repeat(63)}"`, { ["n".repeat(317)]: "v".repeat(63) }],
  ["a longer name", `${"n".repeat(318)}="v"`, FORM],
  ["a longer value", `n="${"v".repeat(64)}"`, FORM],
  ["a name twice", 'app="web"\napp="db"', TWICE],
  ["a name twice with one value", 'app="web"\napp="web"', TWICE],
  ["one bad line makes all of it bad", 'app="web"\nteam=research', FORM],
  ["no quotes", "app=web", FORM],
  ["other quotes", "app='web'", FORM],
  ["one quote", 'app="web', FORM],
  ["a quote within", 'app="we\\"b"', FORM],
  ["an escape", 'app="\\u0077eb"', FORM],
  ["a blank before", ' app="web"', FORM],
  ["a blank behind", 'app="web" ', FORM],
  ["a blank around =", 'app = "web"', FORM],
  ["no name", '="web"', FORM],
  ["a carriage return", 'app="web"\r\n', FORM],
  ["two in a line", 'app="web" team="x"', FORM],
  ["a second line hidden in a value", 'app="web\nteam="admin"', FORM],
  ["another letter", 'app="wéb"', FORM],
  ["a NUL", 'app="web"\0', FORM],
  ["a mark of byte order", '\ufeffapp="web"', FORM],
  ["1025 labels", Array.from({ length: 1_025 }, (_, index) => `n${index}="v"`).join("\n"), TWICE],
];
for (const [what, text, expected] of rows) {
  test(`labels: ${what}`, () => {
    const parsed = parsePodLabels(text);
    if (typeof expected === "string") assert.deepEqual(parsed, { ok: false, problem: expected });
    else assert.deepEqual(parsed, { ok: true, value: new Map(Object.entries(expected)) });
  });
}

test("1024 labels are read", () => {
  const parsed = parsePodLabels(Array.from({ length: 1_024 }, (_, index) => `n${index}="v"`).join("\n"));
  assert.equal(parsed.ok && parsed.value.size, 1_024);
});

const name = fc.stringMatching(/^[A-Za-z0-9._/-]{1,20}$/);
const value = fc.stringMatching(/^[A-Za-z0-9._-]{0,20}$/);

test("property: what the kubelet writes is read as it was", () => {
  fc.assert(
    fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (labels) => {
      const text = Object.entries(labels).map(([key, text_]) => `${key}="${text_}"`);
      assert.deepEqual(parsePodLabels(text.join("\n")), { ok: true, value: new Map(Object.entries(labels)) });
    }),
  );
});

test("property: of any text it takes whole lines or nothing, and never throws", () => {
  const line = fc.oneof(
    fc.string(),
    fc.tuple(name, value).map(([key, text]) => `${key}="${text}"`),
    fc.constant("\n"),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const text = lines.join("\n");
      const parsed = parsePodLabels(text);
      if (!parsed.ok) return;
      const written = [...parsed.value].map(([key, found]) => `${key}="${found}"`);
      assert.deepEqual(
        written,
        text.split("\n").filter((one) => one !== ""),
      );
    }),
  );
});
