import assert from "node:assert/strict";
import { test } from "node:test";
import { Excerpt } from "../../../../router/core/json/excerpt.ts";
import { foldName } from "../../../../router/core/json/fold-name.ts";
import { memberCount } from "../../../../router/core/json/member-count.ts";
import { endOfPlain, wordsOf } from "../../../../router/core/json/plain-run.ts";
import { octetsOf, textOf } from "../../../../router/core/json/utf8.ts";

test("a run ends at the first octet that is not plain: each octet, at each place, at each alignment", () => {
  const memory = new Uint8Array(32);
  for (let octet = 0; octet < 256; octet++) {
    const isPlain = octet >= 0x20 && octet < 0x80 && octet !== 0x22 && octet !== 0x5c;
    for (let begin = 0; begin < 4; begin++) {
      const octets = memory.subarray(begin, begin + 13);
      for (let at = 0; at < octets.length; at++) {
        octets.fill([0x20, 0x21, 0x23, 0x7f, 0x5b, 0x5d][(at + octet) % 6] ?? 0);
        octets[at] = octet;
        for (const from of [0, at]) {
          assert.equal(endOfPlain(octets, wordsOf(octets), from), isPlain ? 13 : at, `${octet} at ${at}, from ${from}`);
        }
      }
    }
  }
});

test("no run is longer than its octets", () => {
  const memory = new Uint8Array(16).fill(0x61);
  for (let begin = 0; begin < 5; begin++) {
    for (let end = begin; end < 12; end++) {
      const octets = memory.subarray(begin, end);
      assert.equal(endOfPlain(octets, wordsOf(octets), 0), end - begin);
    }
  }
});

const texts = ["", "a", "\0\u007f", "é", "€", "\ud7ff\ue000\uffff", "😀", "a😀é€", "x".repeat(32), "x".repeat(33)];
for (const text of [...texts, "x".repeat(4096), "ab€😀".repeat(5000), "y".repeat(10_000)]) {
  test(`UTF-8 there and back: ${JSON.stringify(text.slice(0, 12))}, ${text.length} units`, () => {
    const octets = new TextEncoder().encode(text);
    assert.deepEqual(octetsOf(text), octets);
    assert.equal(textOf(octets, 0, octets.length), text);
    const room = Uint8Array.from([0x62, ...octets, 0x62]);
    assert.equal(textOf(room, 1, room.length - 1), text);
  });
}

test("half of a surrogate pair has no octets", () => {
  for (const text of ["\ud800", "a\udc00", "\ud800a", "\ud800\ud800"]) assert.throws(() => octetsOf(text), /surrogate/);
});

const folds: readonly (readonly [name: string, folded: string])[] = [
  ["", ""],
  ["max_tokens", "max_tokens"],
  ["Max_TOKENS", "max_tokens"],
  ["max_to\u212aens", "max_tokens"],
  ["u\u017fage", "usage"],
  ["U\u017fAGE", "usage"],
  ["str\u0130ng", "string"],
  ["str\u0131ng", "string"],
  ["GRÖSSE", "grösse"],
  ["größe", "größe"],
  ["GRÖẞE", "größe"],
  ["ΜΟΔΕΛΣ", "μοδελσ"],
  ["µοδελς", "μοδελσ"],
  ["ﬁle", "ﬁle"],
  ["𐐀", "𐐨"],
  ["model\0x", "model"],
  ["\0model", ""],
  ["MODEL \0", "model "],
];
for (const [name, folded] of folds) {
  test(`without case: ${JSON.stringify(name)}`, () => assert.equal(foldName(name), folded));
}

test("what is taken for a name by simple case folding has the same form", () => {
  const name = "max_tokens temperature usage kind";
  for (let point = 0; point < 0x1_1000; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const character = String.fromCodePoint(point);
    for (const letter of "skimatd") {
      const isTaken = new RegExp(letter, "iu").test(character);
      if (isTaken) assert.equal(foldName(name.replaceAll(letter, character)), name, character);
    }
  }
});

test("the members of all objects in a value", () => {
  const value = JSON.parse('{"a":[{"b":1},{"b":{"__proto__":[]}}],"c":null,"d":"e"}');
  assert.equal(memberCount(value), 6);
  for (const plain of [null, 1, "a", true, [], {}, [[], {}]]) assert.equal(memberCount(plain), 0);
});

test("an excerpt over chunks", () => {
  const excerpt = new Excerpt();
  assert.equal(excerpt.isOpen, false);
  const octets = octetsOf("<é€😀>");
  excerpt.begin(1);
  for (let at = 0; at < octets.length - 2; at++) excerpt.keep(octets.subarray(at, at + 1), at, 1);
  assert.equal(excerpt.finish(octets.subarray(octets.length - 2), octets.length - 2, 1), "é€😀");
  assert.equal(excerpt.isOpen, false);
  excerpt.begin(3);
  assert.equal(excerpt.finish(octets, 0, 6), "€");
});
