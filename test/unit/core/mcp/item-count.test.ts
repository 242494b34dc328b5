import assert from "node:assert/strict";
import { test } from "node:test";
import { ItemCount } from "../../../../router/core/mcp/item-count.ts";

const rows: readonly (readonly [text: string, values: number])[] = [
  ["", 0],
  ["{}", 1],
  ["[{},{}]", 4],
  ['{"a":[1,2],"b":{}}', 5],
  ['{"a,[{":",[{"}', 1],
  ['{"\\"":"\\\\","a":",\\",["}', 2],
  ['{"\\\\":[[[]]]}', 4],
];
for (const [text, values] of rows) {
  test(`counts the values of ${text}, cut anywhere`, () => {
    const octets = new TextEncoder().encode(text);
    for (let cut = 0; cut <= octets.length; cut++) {
      const push = (most: number): boolean => {
        const count = new ItemCount(most);
        count.push(octets.subarray(0, cut));
        return count.push(octets.subarray(cut));
      };
      assert.equal(push(values), true);
      assert.equal(push(values - 1), false);
    }
  });
}
