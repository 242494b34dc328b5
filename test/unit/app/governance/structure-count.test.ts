import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { StructureCount } from "../../../../router/app/governance/structure-count.ts";

/** An octet a chunk: where a text is cut makes no difference. */
function counted(text: string): number {
  const structure = new StructureCount();
  return [...Buffer.from(text)].reduce((sum, octet) => sum + structure.count(Uint8Array.of(octet)), 0);
}

const cases: readonly (readonly [text: string, count: number])[] = [
  ["{}", 1],
  ["[[],[]]", 4],
  ['{"a":1,"b":[2,3]}', 4],
  ['{"a":",,,[[[{{{"}', 1],
  ['{"a":"\\",[","b":1}', 2],
  ['{"a":"\\\\","b":"\\\\\\",,"}', 2],
];
for (const [text, count] of cases) test(`${text}: ${count}`, () => assert.equal(counted(text), count));

test("property: no JSON value holds more values than were counted, plus itself", () => {
  const values = (value: unknown): number =>
    typeof value === "object" && value !== null
      ? Object.values(value).reduce((sum: number, inner) => sum + values(inner), 1)
      : 1;
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.ok(values(value) <= 2 * counted(text) + 1);
      const whole = new StructureCount();
      assert.equal(whole.count(Buffer.from(text)), counted(text));
    }),
  );
});
