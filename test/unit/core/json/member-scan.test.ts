import assert from "node:assert/strict";
import { test } from "node:test";
import { MemberScan } from "../../../../router/core/json/member-scan.ts";
import { scanPlan } from "../../../../router/core/json/scan-plan.ts";
import type { ScanProblemCode } from "../../../../router/core/json/scan-problem.ts";
import { cutAt, inPieces, scanChunks } from "./scan-text.ts";

const PLAN = scanPlan({
  capture: new Map([
    ["model", 12],
    ["stream", 5],
    ["max_tokens", 20],
    ["usage", 200],
  ]),
  count: new Set(["image_url", "é", "model"]),
  depth: 5,
});

const bytes = (text: string): Uint8Array => Buffer.from(text);
const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** What the scan says of the octets in one chunk; in every other cut it must say the same. */
function scan(octets: Uint8Array, plan = PLAN): ReturnType<typeof scanChunks> {
  const found = scanChunks(plan, [octets]);
  for (const size of [1, 2, 3, 5]) assert.deepEqual(scanChunks(plan, inPieces(octets, size)), found, `by ${size}`);
  return found;
}

const accepted: readonly (readonly [text: string, values: Record<string, unknown>, counts?: Record<string, number>])[] =
  [
    ["{}", {}],
    [" \t\r\n{ \t\r\n} \t\r\n", {}],
    ['{"a":1}', {}],
    ['{"model":"gpt"}', { model: "gpt" }, { model: 1 }],
    ['{"model":"x" , "stream" : true}', { model: "x", stream: true }, { model: 1 }],
    ['{"stream":false}', { stream: false }],
    ['{"stream":null}', { stream: null }],
    ['{"max_tokens":0}', { max_tokens: 0 }],
    ['{"max_tokens":-0}', { max_tokens: -0 }],
    ['{"max_tokens":-12.50e-1 }', { max_tokens: -1.25 }],
    ['{"max_tokens":1E+2,"a":0}', { max_tokens: 100 }],
    ['{"max_tokens":1e999}', { max_tokens: Infinity }],
    ['{"usage":{"in":1,"of":{"a":[],"b":{}}},"x":[1,[2,[3]]]}', { usage: { in: 1, of: { a: [], b: {} } } }],
    // The same name in different objects is no duplicate, nor is it where nothing is captured.
    ['{"usage":[{"a":1},{"a":2,"b":{"a":3}}]}', { usage: [{ a: 1 }, { a: 2, b: { a: 3 } }] }],
    ['{"x":{"a":1,"a":2}}', {}],
    ['{"usage":{"__proto__":{"a":1},"constructor":2}}', { usage: JSON.parse('{"__proto__":{"a":1},"constructor":2}') }],
    ['{"__proto__":1,"constructor":2,"hasOwnProperty":3}', {}],
    // Names are compared after unescaping.
    ['{"\\u006d\\u006F\\u0064el":"x"}', { model: "x" }, { model: 1 }],
    ['{"a":{"image\\u005furl":1},"b":[{"image_url":2}],"image_url":3}', {}, { image_url: 3 }],
    [`{"a":{"${Buffer.from("image_url").toString("hex").replaceAll(/../g, "\\u00$&")}":1}}`, {}, { image_url: 1 }],
    ['{"a":{"\\u00e9":1,"é":2,"e":3}}', {}, { é: 2 }],
    ['{"a":{"model":1,"Model":2,"mode":3,"modell":4}}', {}, { model: 1 }],
    ['{"a":"image_url","b":["image_url"]}', {}],
    ['{"\\ud83d\\ude00":1,"":2,"\\"":3,"\\\\":4,"\\/\\b\\f\\n\\r\\t":5}', {}],
    // Half of a pair is only refused in names.
    ['{"model":"\\ud800"}', { model: "\ud800" }, { model: 1 }],
    ['{"model":"\\udc00"}', { model: "\udc00" }, { model: 1 }],
    ['{"model":"é€😀"}', { model: "é€😀" }, { model: 1 }],
    ['{"model":"\u007f\u0080\u2028"}', { model: "\u007f\u0080\u2028" }, { model: 1 }],
    // To the limits, and not over them.
    ['{"model":"0123456789"}', { model: "0123456789" }, { model: 1 }],
    ['{"stream":12345 }', { stream: 12_345 }],
    ['{"a":[[[[1]]]]}', {}],
    [`{"${"a".repeat(1024)}":1}`, {}],
    [`{"a":{"${"a".repeat(100_000)}":1}}`, {}],
    // A longer name than a captured one, and others that no reader takes for it.
    ['{"models":1,"mod":2,"módel":3,"model\\u0001":4,"max-tokens":5,"maxTokens":6}', {}],
  ];

for (const [text, values, counts = {}] of accepted) {
  test(`accepted: ${text.slice(0, 80)}`, () => {
    const found = scan(bytes(text));
    assert.ok(found.ok, JSON.stringify(found));
    const { members, length, open, close, size } = found.value;
    assert.deepEqual(Object.fromEntries([...members].map(([name, { value }]) => [name, value])), values);
    assert.deepEqual(Object.fromEntries(found.value.counts), counts);
    const octets = Buffer.from(text);
    assert.equal(length, octets.length);
    assert.equal(octets.subarray(0, open).toString().trim(), "{");
    assert.equal(octets.subarray(close).toString().trim(), "}");
    assert.equal(size, Object.keys(JSON.parse(text)).length);
    for (const { keyAt, at, end, value } of members.values()) {
      assert.equal(octets[keyAt], 0x22);
      assert.deepEqual(JSON.parse(octets.subarray(at, end).toString()), value);
      assert.equal(octets.subarray(at, end).toString().trim().length, octets.subarray(at, end).toString().length);
    }
  });
}

const refused: readonly (readonly [text: string | Uint8Array, code: ScanProblemCode, at: number])[] = [
  ["", "cut_short", 0],
  [" \n", "cut_short", 2],
  ["{", "cut_short", 1],
  ['{"a":1', "cut_short", 6],
  ['{"a":tru', "cut_short", 8],
  ['{"model":"\\ud83d', "cut_short", 16],
  ["[]", "not_object", 0],
  ['  "{}"', "not_object", 2],
  ["null", "not_object", 0],
  ["-1", "not_object", 0],
  ["\ufeff{}", "malformed", 0],
  ["\u00a0{}", "malformed", 0],
  ["\u000b{}", "malformed", 0],
  ["}", "malformed", 0],
  ["NaN", "malformed", 0],
  ["{}{}", "malformed", 2],
  ["{},", "malformed", 2],
  ["{}\0", "malformed", 2],
  ["{} //", "malformed", 3],
  ["{,}", "malformed", 1],
  ['{"a"}', "malformed", 4],
  ['{"a":}', "malformed", 5],
  ['{"a":1,}', "malformed", 7],
  ['{"a":1,,"b":2}', "malformed", 7],
  ['{"a":1 "b":2}', "malformed", 7],
  ['{"a"::1}', "malformed", 5],
  ['{"a":1]', "malformed", 6],
  ['{"a":[1}', "malformed", 7],
  ['{"a":[1,]}', "malformed", 8],
  ['{"a":[,1]}', "malformed", 6],
  ['{"a":[1 2]}', "malformed", 8],
  ['{"a":[1:2]}', "malformed", 7],
  ['{"a":{1:2}}', "malformed", 6],
  ["{a:1}", "malformed", 1],
  ["{'a':1}", "malformed", 1],
  ["{1:1}", "malformed", 1],
  ["{null:1}", "malformed", 1],
  ['{"a":01}', "malformed", 6],
  ['{"a":-}', "malformed", 6],
  ['{"a":--1}', "malformed", 6],
  ['{"a":+1}', "malformed", 5],
  ['{"a":.5}', "malformed", 5],
  ['{"a":1.}', "malformed", 7],
  ['{"a":1.e2}', "malformed", 7],
  ['{"a":1e}', "malformed", 7],
  ['{"a":1e+}', "malformed", 8],
  ['{"a":1e5.5}', "malformed", 8],
  ['{"a":0x1}', "malformed", 6],
  ['{"a":1_0}', "malformed", 6],
  ['{"a":1n}', "malformed", 6],
  ['{"a":NaN}', "malformed", 5],
  ['{"a":-Infinity}', "malformed", 6],
  ['{"a":True}', "malformed", 5],
  ['{"a":nul}', "malformed", 8],
  ['{"a":nulll}', "malformed", 9],
  ['{"a":truefalse}', "malformed", 9],
  ['{"a":undefined}', "malformed", 5],
  ['{"a":/**/1}', "malformed", 5],
  ['{"a":"\n"}', "malformed", 6],
  ['{"a":"\t"}', "malformed", 6],
  ['{"a":"\0"}', "malformed", 6],
  ['{"a":"0123456789abcdef\u001f"}', "malformed", 22],
  ['{"a\n":1}', "malformed", 3],
  ['{"a":"\\x41"}', "malformed", 7],
  ['{"a":"\\\'"}', "malformed", 7],
  ['{"a":"\\v"}', "malformed", 7],
  ['{"a":"\\u12g4"}', "malformed", 10],
  ['{"a":"\\U0041"}', "malformed", 7],
  ['{"a":"\\\n"}', "malformed", 7],
  ['{"a":\u00a01}', "malformed", 5],
  ['{"a":“x”}', "malformed", 5],
  // RFC 3629: overlong, surrogates, beyond U+10FFFF, lone and missing tails.
  [latin1('{"a":"\x80"}'), "not_utf8", 6],
  [latin1('{"a":"\xff"}'), "not_utf8", 6],
  [latin1('{"a":"\xc0\xaf"}'), "not_utf8", 6],
  [latin1('{"a":"\xc1\xbf"}'), "not_utf8", 6],
  [latin1('{"a":"\xe0\x9f\xbf"}'), "not_utf8", 7],
  [latin1('{"a":"\xed\xa0\x80"}'), "not_utf8", 7],
  [latin1('{"a":"\xf0\x8f\xbf\xbf"}'), "not_utf8", 7],
  [latin1('{"a":"\xf4\x90\x80\x80"}'), "not_utf8", 7],
  [latin1('{"a":"\xf5\x80\x80\x80"}'), "not_utf8", 6],
  [latin1('{"a":"\xe2\x82"}'), "not_utf8", 8],
  [latin1('{"a":"\xc3\xc3\xa9"}'), "not_utf8", 7],
  [latin1('{"\xe9":1}'), "not_utf8", 3],
  [latin1('{"a":"\xfe\xff\x00x"}'), "not_utf8", 6],
  // A quote or a backslash must not hide in a sequence.
  [latin1('{"a":"\xe2"}'), "not_utf8", 7],
  [latin1('{"a":"\xf0\x9f\\"}'), "not_utf8", 8],
  // Names.
  ['{"a":1,"a":2}', "duplicate_member", 7],
  ['{"a":1,"\\u0061":2}', "duplicate_member", 7],
  ['{"model":"x","model":"y"}', "duplicate_member", 13],
  ['{"é":1,"\\u00E9":2}', "duplicate_member", 8],
  ['{"__proto__":1,"__proto__":2}', "duplicate_member", 15],
  ['{"":1,"":2}', "duplicate_member", 6],
  ['{"usage":{"a":1,"\\u0061":1}}', "duplicate_member", 1],
  ['{"usage":[{"b":{"a":1,"c":2,"a":1}}]}', "duplicate_member", 1],
  ['{"usage":{"__proto__":1,"__proto__":1}}', "duplicate_member", 1],
  ['{"Model":"x"}', "ambiguous_member", 1],
  ['{"model":"x","MODEL":"y"}', "ambiguous_member", 13],
  ['{"MODEL":"y","model":"x"}', "ambiguous_member", 1],
  ['{"\\u004dodel":"x"}', "ambiguous_member", 1],
  ['{"max_to\u212aens":1}', "ambiguous_member", 1],
  ['{"max_to\\u212aens":1}', "ambiguous_member", 1],
  ['{"u\u017fage":1}', "ambiguous_member", 1],
  ['{"U\u017fAGE":1}', "ambiguous_member", 1],
  ['{"model\\u0000":1}', "ambiguous_member", 1],
  ['{"Model\\u0000x":1}', "ambiguous_member", 1],
  ['{"\\ud800":1}', "ambiguous_member", 8],
  ['{"\\udc00":1}', "ambiguous_member", 5],
  ['{"\\uDBFFx":1}', "ambiguous_member", 8],
  ['{"\\ud800\\n":1}', "ambiguous_member", 9],
  ['{"\\ud800\\ud800":1}', "ambiguous_member", 11],
  ['{"\\ud800\\u0041":1}', "ambiguous_member", 10],
  ['{"a":{"\\udfff":1}}', "ambiguous_member", 10],
  // Bounds.
  ['{"a":[[[[[', "too_deep", 9],
  ['{"a":{"b":{"c":{"d":{', "cut_short", 21],
  ['{"a":{"b":{"c":{"d":{"e":{', "too_deep", 25],
  ['{"a":[{"b":[{"c":[', "too_deep", 17],
  ['{"model":"01234567890"}', "value_too_long", 9],
  ['{"model":"01234567890', "cut_short", 21],
  ['{"model":"012345678901', "value_too_long", 9],
  // A value is too long before whatever is wrong with it beyond its bound.
  ['{"model":"0123456789\n', "malformed", 20],
  ['{"model":"01234567890\n', "malformed", 21],
  ['{"model":"012345678901\n', "value_too_long", 9],
  ['{"stream":123456}', "value_too_long", 10],
  [`{"${"a".repeat(1025)}":1}`, "name_too_long", 1],
  [`{"${"a".repeat(1025)}`, "name_too_long", 1],
  [`{"${"a".repeat(1024)}\n`, "malformed", 1026],
  [`{"b":1,"${"a".repeat(1026)}\n`, "name_too_long", 7],
];

for (const [text, code, at] of refused) {
  test(`refused: ${code} at ${at}: ${JSON.stringify(Buffer.from(text).toString().slice(0, 80))}`, () => {
    const found = scan(typeof text === "string" ? bytes(text) : text);
    assert.deepEqual(found.ok ? "accepted" : [found.problem.code, found.problem.at], [code, at]);
    assert.match(found.ok ? "" : found.problem.sentence, /^[A-Z][^"{}]+\.$/);
  });
}

test("up to 512 top-level members, each once", () => {
  const members = Array.from({ length: 513 }, (_, index) => `"m${index}":${index}`);
  const found = scan(bytes(`{${members.slice(0, 512).join(",")}}`));
  assert.equal(found.ok ? found.value.size : found.problem.code, 512);
  const text = `{${members.join(",")}}`;
  const more = scan(bytes(text));
  assert.deepEqual(more.ok ? "accepted" : [more.problem.code, more.problem.at], [
    "too_many_members",
    text.indexOf('"m512"'),
  ]);
});

test("where the captured members stand", () => {
  const text = '{ "a" : 1 , "model" : "é" , "usage":{"a":[1,2]} ,"stream" : 7 }';
  const found = scan(bytes(text));
  assert.ok(found.ok);
  const offset = (part: string): number => Buffer.byteLength(text.slice(0, text.indexOf(part)));
  assert.deepEqual(Object.fromEntries(found.value.members), {
    model: {
      keyAt: offset('"model"'),
      at: offset('"é"'),
      end: offset('"é"') + 4,
      value: "é",
      index: 1,
      commaBefore: offset(', "model"'),
      commaAfter: offset(', "usage"'),
    },
    usage: {
      keyAt: offset('"usage"'),
      at: offset('{"a":['),
      end: offset(' ,"stream"'),
      value: { a: [1, 2] },
      index: 2,
      commaBefore: offset(', "usage"'),
      commaAfter: offset(',"stream"'),
    },
    stream: {
      keyAt: offset('"stream"'),
      at: offset("7 }"),
      end: offset("7 }") + 1,
      value: 7,
      index: 3,
      commaBefore: offset(',"stream"'),
      commaAfter: undefined,
    },
  });
  assert.equal(found.value.open, 1);
  assert.equal(found.value.close, Buffer.byteLength(text) - 1);
});

const WISHES = scanPlan({
  capture: new Map([
    ["model", 8],
    ["tools", 8],
    ["both", 8],
  ]),
  optional: new Set(["tools", "both"]),
  items: new Set(["prompt", "both"]),
  count: new Set(["x"]),
  depth: 5,
});

type Counted = Record<string, readonly [items: number, numbers: number]>;

const wished: readonly (readonly [text: string, values: Record<string, unknown>, long: string[], items: Counted])[] = [
  ['{"tools":[1,2,3]}', { tools: [1, 2, 3] }, [], {}],
  ['{"tools":[1,2, 3]}', { tools: [1, 2, 3] }, [], {}],
  ['{"tools":[1, 2, 3],"model":"m"}', { model: "m" }, ["tools"], {}],
  ['{"tools":"1234567","x":{"x":[]}}', {}, ["tools"], {}],
  ['{"tools":123456789 ,"model":1}', { model: 1 }, ["tools"], {}],
  // What is not kept is not judged for duplicates below the top.
  ['{"tools":[{"a":1,"a":2}]}', {}, ["tools"], {}],
  ['{"prompt":[]}', {}, [], { prompt: [0, 0] }],
  ['{"prompt":[ ] , "model":1}', { model: 1 }, [], { prompt: [0, 0] }],
  ['{"prompt":[1,-2.5e3 ,3]}', {}, [], { prompt: [3, 3] }],
  ['{"prompt":["a","1",null,true]}', {}, [], { prompt: [4, 0] }],
  ['{"prompt":[[1,2],[3,4,5],[]]}', {}, [], { prompt: [3, 0] }],
  ['{"prompt":[1,"a",[2],{"b":[3,4]}]}', {}, [], { prompt: [4, 1] }],
  ['{"prompt":{"a":1,"b":2}}', {}, [], {}],
  ['{"prompt":"[1,2]","y":[1,2]}', {}, [], {}],
  ['{"\\u0070rompt":[1]}', {}, [], { prompt: [1, 1] }],
  ['{"both":[1,"a"]}', { both: [1, "a"] }, [], { both: [2, 1] }],
  ['{"both":[1,"a",[[2]]]}', {}, ["both"], { both: [3, 1] }],
];

for (const [text, values, long, items] of wished) {
  test(`passed over and counted: ${text}`, () => {
    const found = scan(bytes(text), WISHES);
    assert.ok(found.ok);
    const members = [...found.value.members].map(([name, member]) => [name, member.value]);
    assert.deepEqual(Object.fromEntries(members), values);
    assert.deepEqual([...found.value.long], long);
    const counted = [...found.value.items].map(([name, count]) => [name, [count.items, count.numbers]]);
    assert.deepEqual(Object.fromEntries(counted), items);
  });
}

const unwished: readonly (readonly [text: string, code: ScanProblemCode, at: number])[] = [
  ['{"model":"1234567"}', "value_too_long", 9],
  ['{"tools":[1,2,3,4,5,6,}', "malformed", 22],
  ['{"both":[{"a":1,"a":2}]', "cut_short", 23],
  ['{"tools":{"a":{"a":1}},"tools":1}', "duplicate_member", 23],
  ['{"prompt":[1],"prompt":[2]}', "duplicate_member", 14],
  ['{"Prompt":[1]}', "ambiguous_member", 1],
  ['{"prompt\\u0000":[1]}', "ambiguous_member", 1],
];

for (const [text, code, at] of unwished) {
  test(`passed over or counted, and refused: ${text}`, () => {
    const found = scan(bytes(text), WISHES);
    assert.deepEqual(found.ok ? "accepted" : [found.problem.code, found.problem.at], [code, at]);
  });
}

test("a plan is refused that cannot be meant", () => {
  const wishes = { capture: new Map([["a", 1]]), count: new Set<string>(), depth: 1 };
  assert.throws(() => scanPlan({ ...wishes, optional: new Set(["b"]) }), /not captured/);
  assert.throws(() => scanPlan({ ...wishes, items: new Set(["A"]) }), /only in case/);
});

test("a problem is final, and the same each time", () => {
  const scanned = new MemberScan(PLAN);
  assert.equal(scanned.push(bytes('{"a":1')), undefined);
  const problem = scanned.push(bytes(",}"));
  assert.equal(problem?.code, "malformed");
  assert.equal(scanned.push(bytes('"b":2}')), problem);
  assert.equal(scanned.push(new Uint8Array(0)), problem);
  const ended = scanned.end();
  assert.equal(ended.ok ? undefined : ended.problem, problem);
});

test("what ends too early may still go on", () => {
  const scanned = new MemberScan(PLAN);
  scanned.push(bytes('{"model":"x'));
  const early = scanned.end();
  assert.deepEqual(early.ok ? "accepted" : [early.problem.code, early.problem.at], ["cut_short", 11]);
  scanned.push(bytes('y"}'));
  const ended = scanned.end();
  assert.equal(ended.ok ? ended.value.members.get("model")?.value : ended.problem.code, "xy");
});

test("chunks may be used again once they are read", () => {
  const octets = bytes('{"usage":{"é":"ü","\\u0061":[true]},"model":"€"}');
  const room = new Uint8Array(2);
  const scanned = new MemberScan(PLAN);
  for (let at = 0; at < octets.length; at += 2) {
    const piece = octets.subarray(at, at + 2);
    room.set(piece);
    assert.equal(scanned.push(room.subarray(0, piece.length)), undefined);
    room.fill(0xff);
  }
  const found = scanned.end();
  assert.ok(found.ok);
  assert.deepEqual(found.value.members.get("usage")?.value, { é: "ü", a: [true] });
  assert.equal(found.value.members.get("model")?.value, "€");
});

test("each sequence of up to four octets is taken as the platform's decoder takes it, wherever it is cut", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const isText = (octets: Uint8Array): boolean => {
    try {
      return decoder.decode(octets).length > 0;
    } catch {
      return false;
    }
  };
  const edges = [0x2a, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
  const leads = Array.from({ length: 0x80 }, (_, index) => 0x80 + index);
  const sequences = [
    ...leads.map((one) => [one]),
    ...leads.flatMap((one) => leads.map((two) => [one, two])),
    ...leads.flatMap((one) => edges.flatMap((two) => edges.map((three) => [one, two, three]))),
    ...leads
      .slice(0x6c)
      .flatMap((one) => edges.flatMap((two) => edges.flatMap((three) => edges.map((four) => [one, two, three, four])))),
  ];
  for (const [index, sequence] of sequences.entries()) {
    const octets = Uint8Array.from([...bytes('{"a":"'), ...sequence, ...bytes('"}')]);
    const chunks = index % 2 === 0 ? [octets] : cutAt(octets, [6 + (index % 5)]);
    const found = scanChunks(PLAN, chunks);
    const code = found.ok ? "accepted" : found.problem.code;
    assert.equal(code, isText(Uint8Array.from(sequence)) ? "accepted" : "not_utf8", sequence.join(" "));
  }
});

const plans: readonly (readonly [name: string, capture: readonly string[], depth: number, message: RegExp])[] = [
  ["no depth", [], 0, /depth/],
  ["half a level", [], 1.5, /depth/],
  ["too great a depth", [], 513, /depth/],
  ["two names that some readers do not tell apart", ["topK", "topk"], 1, /case/],
];
for (const [name, capture, depth, message] of plans) {
  test(`a plan is a bug: ${name}`, () => {
    const limits = new Map(capture.map((captured) => [captured, 9]));
    assert.throws(() => scanPlan({ capture: limits, count: new Set(), depth }), message);
  });
}

test("an answer: its usage is found, and whatever else comes is just not whole JSON", () => {
  const capture = new Map([
    ["usage", 500],
    ["error", 500],
  ]);
  const plan = scanPlan({ capture, count: new Set(), depth: 64 });
  const answer = '{"id":"1","choices":[{"message":{"content":"{}"}}],"usage":{"prompt_tokens":3,"d":{"cached":1}}}\n';
  const found = scan(bytes(answer), plan);
  assert.deepEqual(found.ok && found.value.members.get("usage")?.value, { prompt_tokens: 3, d: { cached: 1 } });
  for (const text of ["upstream connect error", "<html></html>", "data: {}", "[]", "\u001f\u008b\b", answer + answer]) {
    assert.equal(scan(bytes(text), plan).ok, false, text);
  }
});

/** Each once cost somebody's parser more than its length. */
const costly: readonly (readonly [name: string, text: string, code: string])[] = [
  ["open brackets", `{"a":${"[".repeat(2_000_000)}`, "too_deep"],
  ["a name without an end", `{"a":{"${"x".repeat(2_000_000)}`, "cut_short"],
  ["escapes in a name", `{"a":{"${"\\u0061".repeat(300_000)}":1}}`, "accepted"],
  ["digits", `{"a":${"9".repeat(2_000_000)}}`, "accepted"],
  ["digits in a captured value", `{"big":${"9".repeat(900_000)}}`, "accepted"],
  [
    "members in a captured value",
    `{"big":{${Array.from({ length: 80_000 }, (_, at) => `"${at}":1`).join(",")}}}`,
    "accepted",
  ],
  ["white space", `{${" ".repeat(2_000_000)}}`, "accepted"],
  ["the same member", `{"x":{${'"model":1,'.repeat(200_000)}"a":1}}`, "accepted"],
];
for (const [name, text, code] of costly) {
  test(`in pieces of 16 octets: ${name}`, () => {
    const capture = new Map([["big", 1_000_000]]);
    const plan = scanPlan({ capture, count: new Set(["image_url"]), depth: 64 });
    const octets = bytes(text);
    const scanned = new MemberScan(plan);
    for (let at = 0; at < octets.length; at += 16) scanned.push(octets.subarray(at, at + 16));
    const found = scanned.end();
    assert.equal(found.ok ? "accepted" : found.problem.code, code);
  });
}
