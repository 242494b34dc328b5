import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuditRecord, parseAnyRecord, parseRecord } from "../../../../router/core/audit/parse-record.ts";
import { plainRecord } from "../../../../router/core/audit/plain-record.ts";
import { MAXIMUM_LINE_BYTES } from "../../../../router/core/audit/record.ts";

const GOOD =
  '{"action":"connect","actor":{"agent":"researcher","namespace":"research","pod":"agent-7f9c"},"decision":"allow",' +
  '"detail":{"address":"140.82.121.6","bytesIn":99999,"millis":1502,"outcome":"completed"},"kind":"egress.end",' +
  `"policy":{"digest":"sha256:${"0".repeat(64)}","name":"research-agent","version":7},"prev":"${"ab".repeat(32)}",` +
  '"reason":null,"request":"01JD3Q9Z8X7V6T5R4P3N2M1K0H","rule":"github","seq":7,"stream":' +
  '"0123456789abcdef0123456789abcdef","target":"api.github.com:443","time":"2026-11-20T00:00:00.000Z","uptime":12,"v":1}';

function detailOf(text: string): string {
  return GOOD.replace(/"detail":\{[^}]*\}/, () => `"detail":${text}`);
}

/** What a chain is judged by. */
function essence({ stream, seq, prev, time, kind, detail }: AuditRecord): AuditRecord {
  return { stream, seq, prev, time, kind, detail };
}

/** Both ways to read a line agree, as far as the short one has an answer; whether it has. */
function isPlain(line: string): boolean {
  const plain = plainRecord(line);
  const any = parseAnyRecord(line);
  const either = parseRecord(line);
  assert.equal(either.ok, any.ok);
  if (any.ok && either.ok) assert.deepEqual(essence(either.value), essence(any.value));
  if (!any.ok && !either.ok) assert.equal(either.problem, any.problem);
  if (plain !== undefined && any.ok) assert.deepEqual(essence(plain), essence(any.value));
  if (plain !== undefined && !any.ok) assert.fail(`${any.problem}, and yet taken: ${line}`);
  return plain !== undefined;
}

const rows: readonly [name: string, line: string, isPlain: boolean][] = [
  ["the end of a tunnel", GOOD, true],
  ["a list of addresses", detailOf('{"addresses":["140.82.121.6","2606:50c0:8000::154"]}'), true],
  ["no detail", detailOf("{}"), true],
  ["an empty list", detailOf('{"a":[],"b":true,"c":false,"d":null,"e":0}'), true],
  [
    "no policy, no rule, no request",
    GOOD.replace(/\{"digest[^}]*\}/, "null").replace(/"(?:github|01JD\w*)"/g, "null"),
    true,
  ],
  ["text beyond ASCII", GOOD.replace("github", "é\u2028\u007fж"), true],
  ["a count of fifteen digits", detailOf('{"a":999999999999999}'), true],
  ["a string that looks like a key", detailOf('{"a":":1","b":"a"}'), true],
  ["strings in a list that look like keys", detailOf('{"b":["a","a:"],"c":[":"]}'), true],
  ["a key that goes on where another ends", detailOf('{"ab":1,"abc":2,"ab_":3}').replace('"ab_"', '"ac"'), true],
  // Records, left to the parser.
  ["a pair of surrogates", GOOD.replace("github", "\u{1f600}"), false],
  ["an escape", GOOD.replace("github", String.raw`a\\b`), false],
  ["a key of digits", detailOf('{"1":1,"10":1,"2":1}'), false],
  ["__proto__", detailOf('{"__proto__":1}'), false],
  ["an object in the detail", detailOf('{"a":{}}'), false],
  ["a negative number", detailOf('{"a":-1}'), false],
  ["a count of sixteen digits", detailOf('{"a":9007199254740991}'), false],
  // No records, or not in their one form.
  ["keys that fall", detailOf('{"b":1,"a":1}'), false],
  ["a key twice", detailOf('{"a":1,"a":1}'), false],
  ["a longer key first", detailOf('{"abc":1,"ab":1}'), false],
  ["minus zero", detailOf('{"a":-0}'), false],
  ["a number that rounds", detailOf('{"a":9007199254740993}'), false],
  ["a leading zero", detailOf('{"a":01}'), false],
  ["a fraction of nothing", detailOf('{"a":1.0}'), false],
  ["a comma at the end of a list", detailOf('{"a":["b",]}'), false],
  ["a comma at the end of the detail", detailOf('{"a":1,}'), false],
  ["a newline at the end", `${GOOD}\n`, false],
  ["a byte order mark", `\ufeff${GOOD}`, false],
  ["a control character", GOOD.replace("github", "a\tb"), false],
  ["a lone surrogate", GOOD.replace("github", "\ud800"), false],
  ["another version", GOOD.replace('"v":1', '"v":2'), false],
  ["another decision", GOOD.replace('"allow"', '"allowed"'), false],
  ["a record longer than any", GOOD.replace("github", "x".repeat(MAXIMUM_LINE_BYTES)), false],
];

for (const [name, line, expected] of rows) {
  test(`plainRecord: ${name}`, () => {
    assert.equal(isPlain(line), expected);
  });
}

test("wherever one character of a record is changed, put in, doubled or taken out, both ways agree", () => {
  let plain = 0;
  for (let at = 0; at <= GOOD.length; at += 1) {
    const [before, after] = [GOOD.slice(0, at), GOOD.slice(at + 1)];
    plain += Number(isPlain(before + after)) + Number(isPlain(before + GOOD.slice(at, at + 1) + GOOD.slice(at)));
    for (const character of ["0", "a", "g", "A", "_", '"', "\\", ",", "}", "\u0000", "\u001f", "\ud800"]) {
      plain += Number(isPlain(before + character + after)) + Number(isPlain(before + character + GOOD.slice(at)));
    }
  }
  // Most edits within a text or a number leave a record; elsewhere, nearly none does.
  assert.ok(plain > 1_000 && plain < 9_000, String(plain));
});

const LONG = 130_000;
const costly: readonly [name: string, line: string][] = [
  ["a list of nothings", `${detailOf(`{"a":[${'"",'.repeat(LONG / 4)}""]}`)} `],
  ["a list that never ends", detailOf(`{"a":["${'","'.repeat(LONG / 4)}`)],
  ["keys", `${detailOf(`{${Array.from({ length: LONG / 13 }, (_, key) => `"k${key + 10_000}":1`).join(",")}}`)} `],
  ["one text", `{"action":"${"a".repeat(LONG)}`],
  ["four texts", `${GOOD.replaceAll(/"(target|request|rule|name)":"[^"]*"/g, `"$1":"${"x".repeat(LONG / 5)}"`)} `],
  ["brackets", detailOf(`{"a":${"[".repeat(LONG)}`)],
  ["text of two octets a unit", `${GOOD.replace("github", "ж".repeat(LONG / 2))} `],
];

for (const [name, line] of costly) {
  test(`a line as long as one can be is refused in its own time: ${name}`, () => {
    assert.ok(line.length > LONG / 2 && line.length < MAXIMUM_LINE_BYTES, String(line.length));
    const began = performance.now();
    for (let round = 0; round < 10; round += 1) assert.equal(plainRecord(line), undefined);
    // Measured: under 2 ms each. A pattern that backtracks would take minutes.
    assert.ok(performance.now() - began < 1_000);
  });
}
