import assert from "node:assert/strict";
import { test } from "node:test";
import { requestFraming } from "../../../../router/core/wire/request-framing.ts";
import { headOf } from "./head-of.ts";

const accepted: readonly (readonly [version: "1.0" | "1.1", fields: readonly string[], framing: object])[] = [
  ["1.1", [], { kind: "none" }],
  ["1.0", [], { kind: "none" }],
  ["1.1", ["Content-Length: 0"], { kind: "length", length: 0 }],
  ["1.0", ["content-length: 5"], { kind: "length", length: 5 }],
  ["1.1", ["Content-Length: \t5 "], { kind: "length", length: 5 }],
  ["1.1", ["Content-Length: 9007199254740991"], { kind: "length", length: 9_007_199_254_740_991 }],
  ["1.1", ["Transfer-Encoding: chunked"], { kind: "chunked" }],
  ["1.1", ["TRANSFER-ENCODING: Chunked"], { kind: "chunked" }],
];

for (const [version, fields, framing] of accepted) {
  test(`requestFraming: ${version} ${fields.join(", ")}`, () => {
    assert.deepEqual(requestFraming(headOf(`POST / HTTP/${version}`, ...fields)), { ok: true, value: framing });
  });
}

const BOTH = "The request has both Content-Length and Transfer-Encoding.";
const MORE_LENGTHS = "The request has more than one Content-Length field.";
const MORE_CODINGS = "The request has more than one Transfer-Encoding field.";
const LENGTH = "The Content-Length is not a plain decimal number.";
const CODING = "The Transfer-Encoding is not exactly chunked.";
const OLD = "An HTTP/1.0 request has no Transfer-Encoding.";

const refused: readonly (readonly [version: "1.0" | "1.1", fields: readonly string[], problem: string])[] = [
  ["1.1", ["Content-Length: 5", "Transfer-Encoding: chunked"], BOTH],
  ["1.1", ["Transfer-Encoding: chunked", "Content-Length: 5"], BOTH],
  ["1.1", ["Transfer-Encoding: identity", "Content-Length: 5"], BOTH],
  ["1.1", ["Transfer-Encoding:", "Content-Length: 5"], BOTH],
  ["1.1", ["Content-Length: 5", "Content-Length: 6"], MORE_LENGTHS],
  ["1.1", ["Content-Length: 5", "content-length: 5"], MORE_LENGTHS],
  ["1.1", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], MORE_CODINGS],
  ["1.1", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], MORE_CODINGS],
  ["1.0", ["Transfer-Encoding: chunked"], OLD],
  ...[
    "gzip, chunked",
    "chunked, gzip",
    "chunked, chunked",
    "identity",
    "gzip",
    "",
    "chunked;q=1",
    "x-chunked",
    "chunked,",
    '"chunked"',
    "chunk",
    "chunked\u00a0",
    "cow",
  ].map((value) => ["1.1", [`Transfer-Encoding: ${value}`], CODING] as const),
  ...[
    "",
    "+5",
    "-5",
    "-0",
    "5,5",
    "5, 5",
    "5 5",
    "0x5",
    "5.0",
    "5e1",
    "05",
    "00",
    "5;",
    "five",
    "١",
    "\u00b2",
    "99999999999999999",
  ].map((value) => ["1.1", [`Content-Length: ${Buffer.from(value).toString("latin1")}`], LENGTH] as const),
  ["1.1", ["Content-Length: 9007199254740992"], "The Content-Length is larger than 2^53-1."],
  ["1.1", ["Content-Length: 9999999999999999"], "The Content-Length is larger than 2^53-1."],
  ["1.1", ["Content-Length: 18446744073709551621"], LENGTH],
];

for (const [version, fields, problem] of refused) {
  test(`INV-WIRE-FRAMING: refused, ${version} ${JSON.stringify(fields)}`, () => {
    assert.deepEqual(requestFraming(headOf(`POST / HTTP/${version}`, ...fields)), { ok: false, problem });
  });
}
