import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fetchAnswer, fetchResponse } from "../../../../router/app/fetch/fetch-answer.ts";
import { fieldOf } from "../../../../router/app/fetch/fetch-fields.ts";
import { parseFetchUrl } from "../../../../router/core/wire/fetch-url.ts";

const url = parseFetchUrl("https://a.example/x?y");
assert.ok(url.ok);
const at = url.value;

type Told = { readonly body?: string; readonly bodyBase64?: string; readonly headers: readonly (readonly string[])[] };

function told(content: string | Uint8Array, fields = [fieldOf("a", "b")]): Told {
  const octets = Buffer.from(content as string);
  // In two pieces, wherever that cuts.
  const middle = Math.floor(octets.length / 2);
  const answer = { status: 200, fields, content: [octets.subarray(0, middle), octets.subarray(middle)] };
  return fetchAnswer(answer, at, []) as Told;
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
      const length = JSON.stringify(told(Uint8Array.from({ length: 999 }, () => octet))).length;
      assert.ok(length < 2 * 999 + 300, String(octet));
    }
  });

  test("the response is as long as it says", () => {
    for (const keepAlive of [true, false]) {
      const text = fetchResponse("r-1", told("\u00fc"), keepAlive).toString("latin1");
      const [head = "", body = ""] = text.split("\r\n\r\n");
      assert.match(head, new RegExp(`\r\nContent-Length: ${body.length}\r\n`));
      assert.match(head, keepAlive ? /\r\nConnection: keep-alive$/ : /\r\nConnection: close$/);
    }
  });
});
