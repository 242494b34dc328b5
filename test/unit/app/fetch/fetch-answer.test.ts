import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FetchAnswer, fetchAnswer, fetchHead } from "../../../../router/app/fetch/fetch-answer.ts";
import { fieldOf } from "../../../../router/app/fetch/fetch-fields.ts";
import { parseFetchUrl } from "../../../../router/core/wire/fetch-url.ts";

const url = parseFetchUrl("https://a.example/x?y");
assert.ok(url.ok);
const at = url.value;

type Told = { readonly body?: string; readonly bodyBase64?: string; readonly headers: readonly (readonly string[])[] };

function told(content: string | Uint8Array, fields = [fieldOf("a", "b")]): Told {
  return read(answered(content, fields));
}

function read(answer: FetchAnswer): Told {
  const whole = Buffer.concat([...answer.pieces()]);
  assert.equal(whole.length, answer.length);
  return JSON.parse(whole.toString()) as Told;
}

function answered(content: string | Uint8Array, fields = [fieldOf("a", "b")]): FetchAnswer {
  const octets = Buffer.from(content as string);
  // In two pieces, wherever that cuts.
  const middle = Math.floor(octets.length / 2);
  const answer = { status: 200, fields, content: [octets.subarray(0, middle), octets.subarray(middle)] };
  return fetchAnswer(answer, at, []);
}

describe("the answer of a fetch", () => {
  const texts = ["", "text", "\u00fc\u2028\u{1f600}\t\r\n", "\ufeffbom", '"\\'];
  for (const text of texts) {
    test(`${JSON.stringify(text)} is text`, () =>
      assert.deepEqual([told(text).body, told(text).bodyBase64], [text, undefined]));
  }
  const binary: readonly (readonly [string, readonly number[]])[] = [
    ["gzip", [0x1f, 0x8b, 8, 0]],
    ["NUL", [0x61, 0]],
    ["half a character", [0xc3]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["latin1", [0xfc]],
    ["a terminal's escape", [0x1b, 0x5b, 0x6d]],
  ];
  for (const [what, octets] of binary) {
    test(`${what} is base64`, () => {
      const { body, bodyBase64 } = told(Uint8Array.from(octets));
      assert.deepEqual([body, bodyBase64], [undefined, Buffer.from(octets).toString("base64")]);
    });
  }

  test("its fields are a list, with those that come twice", () => {
    const fields = [fieldOf("set-cookie", "a=b"), fieldOf("set-cookie", "c=d")];
    assert.deepEqual(told("", fields).headers, [
      ["set-cookie", "a=b"],
      ["set-cookie", "c=d"],
    ]);
  });

  test("no octet takes more than two of JSON", () => {
    for (let octet = 0; octet < 256; octet += 1) {
      const { length } = answered(Uint8Array.from({ length: 999 }, () => octet));
      assert.ok(length < 2 * 999 + 300, String(octet));
    }
  });

  test("in many pieces it is the same, wherever they end in it", () => {
    for (const character of ["x", "\u00fc", "\u20ac", "\u{1f600}", '"', "\n"]) {
      for (const shift of ["", "y", "yy", "yyy"]) {
        const text = shift + character.repeat(60_000);
        assert.equal(told(text).body, text);
        const octets = Buffer.from(`\0${text}`);
        assert.deepEqual(Buffer.from(told(octets).bodyBase64 ?? "", "base64"), octets);
      }
    }
  });

  test("the head says how long it is, and whether more may follow", () => {
    assert.match(fetchHead("r-1", 12, true), /\r\nContent-Length: 12\r\n[^]*\r\nConnection: keep-alive\r\n\r\n$/);
    assert.match(fetchHead("r-1", 12, false), /\r\nConnection: close\r\n\r\n$/);
  });
});
