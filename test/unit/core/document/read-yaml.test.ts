import assert from "node:assert/strict";
import { test } from "node:test";
import { MAXIMUM_DOCUMENT } from "../../../../router/core/document/check-source.ts";
import { readYaml } from "../../../../router/core/document/read-yaml.ts";
import { MAXIMUM_PROBLEMS } from "../../../../router/core/document/report.ts";
import { jsonOfNode } from "../../../property/yaml-oracle.ts";

function read(text: string): { readonly value: unknown; readonly problems: readonly string[] } {
  const { root, report } = readYaml("f", text);
  const problems = report.problems().map(({ line, column, code }) => `${line}:${column} ${code}`);
  return { value: jsonOfNode(root), problems };
}

const accepted: readonly (readonly [name: string, text: string, value: unknown])[] = [
  ["a scalar", "a", "a"],
  ["a map", "a: 1\nb: two", { a: 1, b: "two" }],
  ["maps in maps", "a:\n  b:\n    c: d\ne: f", { a: { b: { c: "d" } }, e: "f" }],
  ["a list further in than its key", "a:\n  - b\n  - c", { a: ["b", "c"] }],
  ["a list in the column of its key", "a:\n- b\n- c\nd: e", { a: ["b", "c"], d: "e" }],
  ["lists in lists", "- - a\n  - b\n-\n  - c", [["a", "b"], ["c"]]],
  ["maps in lists", "- a: 1\n  b: 2\n-\n  c: 3", [{ a: 1, b: 2 }, { c: 3 }]],
  ["flow", "{a: [1, {b: c}], 'd': [], e: {},}", { a: [1, { b: "c" }], d: [], e: {} }],
  ["flow over lines", "a: [\n    b, # first\n    c\n  ]\nd: {\n  e: f\n}", { a: ["b", "c"], d: { e: "f" } }],
  ["JSON", '{"a":1,"b":["c",true,null],"d":{"e":-1.5}}', { a: 1, b: ["c", true, null], d: { e: -1.5 } }],
  ["comments", "# one\na: b # two\n\n  # three\nc: d#e\n", { a: "b", c: "d#e" }],
  ["a document's beginning marked", "--- # begin\na: b", { a: "b" }],
  ["CRLF", "a: b\r\nc:\r\n  - d\r\n", { a: "b", c: ["d"] }],
  ["nothing for a value", "a:\nb: ~\nc: null\nd: [~]", { a: null, b: null, c: null, d: [null] }],
  ["booleans of YAML 1.2", "[true, False, yes, no, on, off, y, n]", [true, false, "yes", "no", "on", "off", "y", "n"]],
  ["numbers of YAML 1.2", "[0777, 0o17, 0x1f, 1e3, .5, -1, +2]", [777, 15, 31, 1000, 0.5, -1, 2]],
  ["texts that look like numbers", "[1_000, 1:30, 0b1, 1.2.3.4, 12a]", ["1_000", "1:30", "0b1", "1.2.3.4", "12a"]],
  ["times are texts", "a: 2026-11-20T00:00:00Z", { a: "2026-11-20T00:00:00Z" }],
  ["single quotes", "'it''s # no: comment'", "it's # no: comment"],
  ["escapes", String.raw`"a\tb\x41\u00e9\U0001F600\"\\\/\0"`, 'a\tbA\u00e9\u{1F600}"\\/\0'],
  ["surrogates in two escapes, as JSON writes them", String.raw`"\ud83d\ude00"`, "\u{1F600}"],
  [
    "colons and dashes within values",
    "a: b:c\nd: -e\nf: x - y\ng: http://h/",
    { a: "b:c", d: "-e", f: "x - y", g: "http://h/" },
  ],
  ["brackets within block values", "a: b[c]{d},e", { a: "b[c]{d},e" }],
  ["other scripts", "\u00e9: \u65e5\u672c \u{1F600}", { "\u00e9": "\u65e5\u672c \u{1F600}" }],
  ["a key of Object.prototype", "a: {__proto__x: 1, constructor: 2}", { a: { __proto__x: 1, constructor: 2 } }],
  ["32 deep", `${"[".repeat(32)}${"]".repeat(32)}`, JSON.parse(`${"[".repeat(32)}${"]".repeat(32)}`)],
];

test("YAML that people write is read as YAML 1.2 says", () => {
  for (const [name, text, value] of accepted) {
    const result = read(text);
    assert.deepEqual(result.problems, [], name);
    assert.deepEqual(result.value, value, name);
  }
});

const refused: readonly (readonly [name: string, text: string, problems: readonly string[]])[] = [
  ["nothing", "", ["1:1 empty_document"]],
  ["a comment", "\n# a\n", ["1:1 empty_document"]],
  ["a byte order mark", "\uFEFFa: b", ["1:1 byte_order_mark"]],
  ["a byte order mark within", "a: \uFEFFb", ["1:4 control_character"]],
  [
    "control characters",
    "a: \u0000\nb: \u001B[2J\nc: \u0085",
    ["1:4 control_character", "2:4 control_character", "3:4 control_character"],
  ],
  ["a carriage return alone", "a: b\rc: d", ["1:5 control_character"]],
  ["line and paragraph separator", "a: b\u2028c: d\u2029", ["1:5 control_character", "1:10 control_character"]],
  ["a right-to-left override in a comment", "a: b # \u202E deny", ["1:8 control_character"]],
  ["half a surrogate pair", "a: \uD83D", ["1:4 control_character"]],
  ["half a surrogate pair in an escape", String.raw`a: "\ud83d"`, ["1:5 bad_escape"]],
  ["an unknown escape", String.raw`a: "x\qy"`, ["1:6 bad_escape"]],
  ["an escape beyond Unicode", String.raw`a: "\U00110000"`, ["1:5 bad_escape"]],
  ["an escape cut short", String.raw`a: "\x4"`, ["1:5 bad_escape"]],
  ["a directive", "%YAML 1.1\n---\na: no", ["1:1 directive"]],
  ["two documents", "a: b\n---\nc: d", ["2:1 several_documents"]],
  ["a document's end marked", "a: b\n...\n", ["2:1 several_documents"]],
  ["nothing but an end", "...", ["1:1 several_documents"]],
  ["content in the line of the mark", "--- a", ["1:5 syntax"]],
  ["an anchor", "a: &x b\nc: &y\n  d: e", ["1:4 anchor", "2:4 anchor"]],
  ["an alias", "a: *x\nb: [*y, c]", ["1:4 alias", "2:5 alias"]],
  ["a tag", 'a: !!str 1\nb: !<tag:x> c\nc: ! "d"', ["1:4 tag", "2:4 tag", "3:4 tag"]],
  ["a merge key", "a: {<<: b}\n<<: c", ["1:5 merge_key", "2:1 merge_key"]],
  ["duplicate keys", 'a: 1\n"a": 2\nb: {c: 1, c: 2}', ["2:1 duplicate_key", "3:11 duplicate_key"]],
  [
    "a duplicate among many keys",
    `${Array.from({ length: 20 }, (_, at) => `k${at}: 1`).join("\n")}\nk3: 2`,
    ["21:1 duplicate_key"],
  ],
  [
    "keys that are no texts",
    "1: a\ntrue: b\n~: c\n1.5: d",
    ["1:1 key_not_text", "2:1 key_not_text", "3:1 key_not_text", "4:1 key_not_text"],
  ],
  ["a list for a key", "[a]: b\nc: d", ["1:1 key_not_text"]],
  ["a map for a key within brackets", "{{a: b}: c}", ["1:2 key_not_text"]],
  ["an alias for a key", "*a : b\nc: d", ["1:1 alias"]],
  ["an explicit key", "x: y\n? a\n: b", ["2:1 syntax", "3:1 syntax"]],
  ["no key", ": a", ["1:1 syntax"]],
  ["texts over several lines", "a: |\n  x\nb: >-\n  y\nc: d", ["1:4 several_lines", "3:4 several_lines"]],
  ["a plain text over two lines", "a: b\n  c\nd: e", ["2:3 several_lines"]],
  ["a quoted text over two lines", 'a: "b\n  c"\nd: e', ["1:4 several_lines"]],
  ["a quoted text without its end", "a: 'b", ["1:4 several_lines"]],
  ["a key and a value twice in one line", "a: b: c\nd: e", ["1:5 syntax"]],
  ["a list after a key", "a: - b", ["1:4 syntax"]],
  ["something after a quoted text", "a: 'b' c", ["1:8 syntax"]],
  ["something after an item", "- 'a' b\n- c", ["1:7 syntax"]],
  ["no value where one must be", "a: {b: ], c: d}\ne: f", ["1:8 syntax"]],
  ["a comment without a blank", "a: 'b'# c", ["1:7 syntax"]],
  ["a tab for indentation", "a:\n\tb: c", ["2:1 tab"]],
  ["a tab after a colon", "a:\tb", ["1:3 tab"]],
  ["a tab in a plain text", "a: b\tc", ["1:5 tab"]],
  ["a line without its key", "a: 1\nb\nc: 2", ["2:1 syntax"]],
  ["an entry between the columns", "a:\n    b: 1\n  c: 2\nd: 3", ["3:3 bad_indentation"]],
  ["an item between the columns", "a:\n  - b\n - c\nd: 3", ["3:2 bad_indentation"]],
  ["a key among the items", "a:\n  - b\n  c: 1\n  - d", ["3:3 bad_indentation"]],
  ["further out than the first", "  a: 1\nb: 2", ["2:1 bad_indentation"]],
  ["a bracket never closed", "a: [b,\n  c", ["2:4 syntax"]],
  ["a bracket closed twice", "a: [b]]\nc: d", ["1:7 syntax"]],
  ["the wrong bracket", "a: [b}", ["1:6 syntax"]],
  ["a comma too many", "a: [b,, c]", ["1:7 syntax"]],
  ["a comma alone", "a: [,]", ["1:5 syntax"]],
  ["a key alone within braces", "a: {b}", ["1:6 syntax"]],
  ["a colon without a blank", "a: {b:c}", ["1:8 syntax"]],
  ["an entry in a list's brackets", "a: [b: c]", ["1:6 syntax"]],
  ["brackets that come back too far", "a:\n  b: [\n c]\nd: e", ["3:2 bad_indentation"]],
  ["reserved characters", "a: @b\nc: `d\ne: %f", ["1:4 syntax", "2:4 syntax", "3:4 syntax"]],
  ["33 deep in brackets", `${"[".repeat(33)}${"]".repeat(33)}`, ["1:33 too_deep"]],
  ["33 deep in lines", Array.from({ length: 33 }, (_, at) => `${" ".repeat(at)}a:`).join("\n"), ["33:33 too_deep"]],
  ["33 deep in dashes", "- ".repeat(33), ["1:65 too_deep"]],
];

test("INV-YAML-STRICT: whatever could mean something else than it shows is refused, with its place", () => {
  for (const [name, text, problems] of refused) assert.deepEqual(read(text).problems, problems, name);
});

test("what follows a problem is still read", () => {
  const text = "a: *x\nb: [1, 2\nc: |\n  text\nd: {e: 'f}\ng: h\ni:\n  j: k\n l: m\nn: o";
  const { value, problems } = read(text);
  assert.deepEqual(problems, [
    "1:4 alias",
    "3:1 bad_indentation",
    "3:4 several_lines",
    "5:8 several_lines",
    "9:2 bad_indentation",
  ]);
  assert.deepEqual(value, { a: null, b: null, c: null, d: null, g: "h", i: { j: "k" }, n: "o" });
});

test("hostile documents end at once and do not exhaust the stack", () => {
  const rows: readonly (readonly [text: string, code: string])[] = [
    ["[".repeat(4_000_000), "too_deep"],
    ["- ".repeat(2_000_000), "too_deep"],
    ["{a: ".repeat(1_000_000), "too_deep"],
    ["? ".repeat(2_000_000), "syntax"],
    [`a: ${"!b ".repeat(1_000_000)}`, "tag"],
    [`a: "${"\\".repeat(4_000_000)}`, "several_lines"],
    ["\n".repeat(4_000_000), "empty_document"],
    [" ".repeat(MAXIMUM_DOCUMENT + 1), "too_large"],
  ];
  for (const [text, code] of rows) {
    const began = performance.now();
    assert.equal(readYaml("f", text).report.problems()[0]?.code, code, text.slice(0, 10));
    assert.ok(performance.now() - began < 2000, text.slice(0, 10));
  }
});

test("more problems than anybody reads are counted", () => {
  const problems = readYaml("f", "a: *x\n".repeat(5000)).report.problems();
  assert.equal(problems.length, MAXIMUM_PROBLEMS + 1);
  // Each line has an alias, and each after the first a key that stands twice.
  const last = problems.at(-1);
  assert.equal(last?.code, "more_problems");
  assert.match(last.message, /8999 more/);
});
