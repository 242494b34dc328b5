import assert from "node:assert/strict";
import { scanPlan } from "../../../router/core/json/scan-plan.ts";
import { scanChunks } from "../../unit/core/json/scan-text.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import { mutated, randomOctets } from "../mutation.ts";
import type { Random } from "../random.ts";
import { oracleOf } from "./member-scan-oracle.ts";

const utf8 = new TextEncoder();

const PLAN = scanPlan({
  capture: new Map([
    ["model", 24],
    ["k", 64],
    ["usage", 200],
    ["größe", 40],
    ["tools", 16],
  ]),
  optional: new Set(["tools"]),
  items: new Set(["prompt", "k"]),
  count: new Set(["url", "k", "ü"]),
  watch: new Set(["image", "a"]),
  unread: new Map<string, ReadonlySet<string> | "all">([
    ["raw", "all"],
    ["input", new Set(["raw"])],
  ]),
  shapes: { list: "input", kind: "type", names: ["id", "a"] },
  depth: 6,
});

const SEEDS = [
  "{}",
  '{"model":"gpt","k":null,"usage":{"in":1,"out":[2,-3.5e+7,0.1E-2]},"url":{"url":[{"url":1}]}}',
  ' { "model" : "a\\u00e9\\ud83d\\ude00\\n" , "x" : [ true , false , null , [ ] , { } ] }\r\n\t',
  '{"größe":"ü €😀","\\u006dodel":1,"ü":{"\\u00fc":0},"messages":[{"role":"user","content":"\\"q\\\\"}]}',
  '{"a":{"b":{"c":{"d":{"e":1}}}},"k":[[[[["deep"]]]]]}',
  '{"prompt":["a",1,[2,3],{"b":4}],"tools":[{"type":"function"}],"k":[1,2]}',
  '{"tools":[1],"prompt":[[1],[2,[3]]]}',
  '{"input":[{"type":"t","id":"i","a":[1]},{"id":1,"type":null},{"a":""},"s",[{"id":2}]],"image":1}',
  '{"input":[{"raw":{"image":"a","raw":[{"a":1}]},"image":null},{"image":{}}],"raw":{"a":[{"image":2}]},"a":{"raw":{"a":1}}}',
  '{"usage":{"a":{"x":1},"b":{"x":1}},"error":{"message":"m","code":429}}',
].map((text) => utf8.encode(text));

const PIECES = [
  '"model":1,',
  ',"Model":2',
  '"\\u212a":3,',
  '"\u212a":3,',
  '"\\u006b":4,',
  '"k\\u0000":5,',
  '"u\u017fage":6,',
  '"\\ud800":7,',
  '"\\udc00\\ud800":7,',
  '"\\ud83d\\ude00":7,',
  '{"x":1,"\\u0078":2}',
  '{"url":0}',
  '"image":"i",',
  '"Image":"i",',
  '"\u0131mage":"i",',
  '"raw":{"image":1},',
  '"type":"item_reference",',
  '"\\u0074ype":"t",',
  '"id":"msg",',
  '"id":null,',
  '"a":"",',
  "[[[[[[[[",
  "]]]]",
  "{",
  "}",
  ",",
  ":",
  '"',
  "\\",
  "\\u",
  "00",
  "-",
  "1e999",
  "1.",
  ".5",
  "+1",
  "NaN",
  "nul",
  "/*c*/",
  "\ufeff",
  "\u00a0",
  "\u2028",
  "\u007f",
  "\0",
  "0123456789abcdefghijklmnopqrstuvwxyz",
  "__proto__",
].map((text) => utf8.encode(text));
const BROKEN = ["c0af", "eda080", "f4908080", "e28281c3", "f09f98", "80", "fe", "c3", "f8888080"].map((hex) =>
  Uint8Array.fromHex(hex),
);

/** Cut anywhere, empty chunks among the others. */
function cutByChance(octets: Uint8Array, random: Random): Uint8Array[] {
  const most = random.once(3) ? 2 : 20;
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < octets.length;) {
    const end = Math.min(octets.length, at + random.below(most + 1));
    chunks.push(octets.slice(at, end));
    at = end;
  }
  return chunks;
}

/** The scan says what the oracle says, wherever the text is cut. */
export const MEMBER_SCAN: FuzzTarget = {
  name: "member-scan",
  input(random) {
    if (random.once(40)) return randomOctets(random);
    const seed = random.pick(SEEDS);
    return random.once(40) ? seed : mutated(seed, random.once(8) ? BROKEN : PIECES, random);
  },
  examine(input, random) {
    const found = scanChunks(PLAN, [input]);
    assert.deepEqual(scanChunks(PLAN, cutByChance(input, random)), found, "it depends on the cuts");
    const expected = oracleOf(PLAN, input);
    if (!expected.ok || !found.ok) {
      const code = found.ok ? "accepted" : found.problem.code;
      assert.ok(!expected.ok && expected.codes.has(code), `${code} is not what the oracle says`);
      return false;
    }
    const { ok: _, ...rest } = expected;
    assert.deepEqual({ ...found.value }, { ...rest, capture: PLAN.capture });
    return true;
  },
};
