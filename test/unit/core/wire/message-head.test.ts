import assert from "node:assert/strict";
import { test } from "node:test";
import { type HeadReading, readRequestHead } from "../../../../router/core/wire/message-head.ts";
import { cpuMillis } from "./cpu-time.ts";
import { headOf, LIMITS, octetsOf } from "./head-of.ts";

function read(text: string, limits = LIMITS): HeadReading {
  const octets = Buffer.from(text, "latin1");
  return readRequestHead(octets, octets.length, 0, limits);
}

/** The same octets one by one: the answer, and after how many it came. */
function trickle(text: string, limits = LIMITS): { readonly reading: HeadReading; readonly after: number } {
  const octets = Buffer.from(text, "latin1");
  let scanned = 0;
  for (let length = 0; ; length++) {
    const reading = readRequestHead(octets, length, scanned, limits);
    if (reading.state !== "incomplete" || length === octets.length) return { reading, after: length };
    scanned = reading.scanned;
  }
}

test("a head as curl sends it", () => {
  const octets = octetsOf(
    "CONNECT a.example:443 HTTP/1.1",
    "Host: a.example:443",
    "User-Agent: curl/7.88.1",
    "Proxy-Connection: Keep-Alive",
  );
  const behind = Buffer.concat([octets, Buffer.from("early")]);
  assert.deepEqual(readRequestHead(behind, behind.length, 0, LIMITS), {
    state: "complete",
    head: {
      method: "CONNECT",
      target: "a.example:443",
      version: "1.1",
      fields: [
        { name: "host", value: "a.example:443", rawName: "Host" },
        { name: "user-agent", value: "curl/7.88.1", rawName: "User-Agent" },
        { name: "proxy-connection", value: "Keep-Alive", rawName: "Proxy-Connection" },
      ],
    },
    end: octets.length,
  });
});

test("a head as Python's urllib sends it: HTTP/1.0 without fields", () => {
  assert.deepEqual(headOf("CONNECT a.example:443 HTTP/1.0"), {
    method: "CONNECT",
    target: "a.example:443",
    version: "1.0",
    fields: [],
  });
});

test("field values: white space around is removed, obs-text and inner white space stay", () => {
  const { fields } = headOf(
    "GET / HTTP/1.1",
    "A:b",
    "a: \t b\tc  \t",
    "Empty:",
    "Blank: \t ",
    "Latin: caf\u00e9\u0080\u00ff",
    "!#$%&'*+-.^_`|~09aZ: x:y",
  );
  assert.deepEqual(
    fields.map(({ rawName, name, value }) => [rawName, name, value]),
    [
      ["A", "a", "b"],
      ["a", "a", "b\tc"],
      ["Empty", "empty", ""],
      ["Blank", "blank", ""],
      ["Latin", "latin", "caf\u00e9\u0080\u00ff"],
      ["!#$%&'*+-.^_`|~09aZ", "!#$%&'*+-.^_`|~09az", "x:y"],
    ],
  );
});

test("one empty line before the request line is ignored", () => {
  assert.deepEqual(headOf("", "GET / HTTP/1.1", "Host: a").fields, [{ name: "host", value: "a", rawName: "Host" }]);
});

test("octets beyond `length` are not looked at", () => {
  const octets = Buffer.from("GET / HTTP/1.1\r\nA: b\r\n\r\n", "latin1");
  for (let length = 0; length < octets.length; length++) {
    assert.equal(readRequestHead(octets, length, 0, LIMITS).state, "incomplete", `${length} octets`);
  }
});

const LINE_END = "A line does not end in CR LF.";
const NO_METHOD = "The octets do not begin with an HTTP method.";
const AFTER_METHOD = "The method is not followed by a single space.";
const NO_TARGET = "The request line has no request-target after a single space.";
const AFTER_TARGET = "The request-target is not followed by a space and the HTTP version.";
const VERSION = "The HTTP version is neither HTTP/1.1 nor HTTP/1.0.";
const NAME = "A field name is not a token with a colon after it.";
const FOLD = "A field line begins with white space.";
const CONTROL = "A field value holds a control character.";

/** `after`: how many octets it takes to be refused. */
const refused: readonly (readonly [name: string, text: string, problem: string, after: number])[] = [
  ["a TLS record", "\x16\x03\x01\x02\x00", NO_METHOD, 1],
  ["SOCKS5", "\x05\x01\x00", NO_METHOD, 1],
  ["SOCKS4", "\x04\x01\x01\xbb", NO_METHOD, 1],
  ["NUL", "\0", NO_METHOD, 1],
  ["high octets", "\xff\xfe", NO_METHOD, 1],
  ["a space first", " GET / HTTP/1.1\r\n", NO_METHOD, 1],
  ["a bare LF first", "\nGET / HTTP/1.1\r\n", NO_METHOD, 1],
  ["a JSON body", '{"a":1}', NO_METHOD, 1],
  ["two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\n", NO_METHOD, 3],
  ["a bare CR first", "\rGET / HTTP/1.1\r\n", LINE_END, 2],
  ["SSH", "SSH-2.0-OpenSSH_9.2\r\n", AFTER_METHOD, 20],
  ["SMTP", "EHLO x\r\n", AFTER_TARGET, 7],
  ["the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VERSION, 12],
  ["a method with a slash", "GE/T / HTTP/1.1\r\n", AFTER_METHOD, 3],
  ["a method of 33 characters", `${"A".repeat(33)} / HTTP/1.1\r\n`, "The method is longer than 32 characters.", 33],
  ["a tab after the method", "GET\t/ HTTP/1.1\r\n", AFTER_METHOD, 4],
  ["two spaces after the method", "GET  / HTTP/1.1\r\n", NO_TARGET, 5],
  ["two spaces after the target", "CONNECT a:443  HTTP/1.1\r\n", VERSION, 15],
  ["two targets", "GET /a /b HTTP/1.1\r\n", VERSION, 8],
  ["HTTP/0.9", "GET /\r\n", AFTER_TARGET, 6],
  ["a tab in the target", "GET /a\tb HTTP/1.1\r\n", AFTER_TARGET, 7],
  ["NUL in the target", "CONNECT a\0b:443 HTTP/1.1\r\n", AFTER_TARGET, 10],
  ["a control character in the target", "CONNECT a\x1f:443 HTTP/1.1\r\n", AFTER_TARGET, 10],
  ["DEL in the target", "GET /\x7f HTTP/1.1\r\n", AFTER_TARGET, 6],
  ["non-ASCII in the target", "CONNECT a\xe9:443 HTTP/1.1\r\n", AFTER_TARGET, 10],
  ["HTTP/2.0", "GET / HTTP/2.0\r\n", VERSION, 12],
  ["HTTP/1.2", "GET / HTTP/1.2\r\n", VERSION, 14],
  ["HTTP/1.10", "GET / HTTP/1.10\r\n", LINE_END, 15],
  ["HTTP/01.1", "GET / HTTP/01.1\r\n", VERSION, 12],
  ["http/1.1", "GET / http/1.1\r\n", VERSION, 7],
  ["ICE/1.0", "GET / ICE/1.0\r\n", VERSION, 7],
  ["a space after the version", "GET / HTTP/1.1 \r\n", LINE_END, 15],
  ["a bare LF after the request line", "GET / HTTP/1.1\nHost: a\n\n", LINE_END, 15],
  ["a bare CR after the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", LINE_END, 16],
  ["CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", LINE_END, 16],
  // CVE-2025-23167 (Node: `\r\n\rX` ended the head), CVE-2025-22871 (Go: bare LF).
  ["CR LF CR X", "GET / HTTP/1.1\r\nA: b\r\n\rX", LINE_END, 24],
  ["a bare LF after a field", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", LINE_END, 21],
  ["a bare LF for the empty line", "GET / HTTP/1.1\r\nA: b\r\n\n", NAME, 23],
  ["a bare CR in a value", "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", LINE_END, 22],
  // CVE-2024-27982 (Node: space before Content-Length).
  ["a folded line", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", FOLD, 23],
  ["a tab-folded line", "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", FOLD, 23],
  ["a space before the first field", "GET / HTTP/1.1\r\n Content-Length: 5\r\n\r\n", FOLD, 17],
  ["a space before the colon", "GET / HTTP/1.1\r\nContent-Length : 5\r\n\r\n", NAME, 31],
  ["a tab before the colon", "GET / HTTP/1.1\r\nTransfer-Encoding\t: chunked\r\n\r\n", NAME, 34],
  ["an empty field name", "GET / HTTP/1.1\r\n: x\r\n\r\n", NAME, 17],
  ["a line without a colon", "GET / HTTP/1.1\r\nabc\r\n\r\n", NAME, 20],
  ["NUL in a field name", "GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n", NAME, 19],
  ["non-ASCII in a field name", "GET / HTTP/1.1\r\nH\xf6st: a\r\n\r\n", NAME, 18],
  ["a vertical tab in a field name", "GET / HTTP/1.1\r\nTransfer-Encoding\x0b: chunked\r\n\r\n", NAME, 34],
  ["parentheses in a field name", "GET / HTTP/1.1\r\nA(b): c\r\n\r\n", NAME, 18],
  ["NUL in a value", "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", CONTROL, 24],
  ["a vertical tab in a value", "GET / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", CONTROL, 36],
  ["ESC in a value", "GET / HTTP/1.1\r\nA: \x1b[2J\r\n\r\n", CONTROL, 20],
  ["DEL in a value", "GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", CONTROL, 20],
];

for (const [name, text, problem, after] of refused) {
  test(`refused at the first octet that shows it: ${name}`, () => {
    const malformed = { state: "malformed", problem, status: 400 };
    assert.deepEqual(read(text), malformed);
    assert.deepEqual(trickle(text), { reading: malformed, after });
  });
}

const SMALL = { lineBytes: 40, fieldCount: 3, headBytes: 100 };

const limited: readonly (readonly [name: string, text: string, outcome: "complete" | 414 | 431, after: number])[] = [
  ["a request line of the limit", `GET /${"a".repeat(26)} HTTP/1.1\r\n\r\n`, "complete", 44],
  ["a request line over the limit by its version", `GET /${"a".repeat(27)} HTTP/1.1\r\n\r\n`, 414, 41],
  ["a request line over the limit by its target", `GET /${"a".repeat(60)}`, 414, 41],
  ["a field line of the limit", `GET / HTTP/1.1\r\nA: ${"b".repeat(37)}\r\n\r\n`, "complete", 60],
  ["a field line over the limit", `GET / HTTP/1.1\r\nA: ${"b".repeat(38)}\r\n\r\n`, 431, 57],
  ["a field name over the limit", `GET / HTTP/1.1\r\n${"A".repeat(60)}: b\r\n\r\n`, 431, 56],
  ["a field line over the limit by white space", `GET / HTTP/1.1\r\nA:${" ".repeat(60)}b\r\n\r\n`, 431, 57],
  ["as many fields as allowed", "GET / HTTP/1.1\r\nA:1\r\nB:2\r\nC:3\r\n\r\n", "complete", 33],
  ["one field more", "GET / HTTP/1.1\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n", 431, 36],
  ["a head of the limit", `GET / HTTP/1.1\r\nA: ${"b".repeat(35)}\r\nC: ${"d".repeat(37)}\r\n\r\n`, "complete", 100],
  ["a head over the limit", `GET / HTTP/1.1\r\nA: ${"b".repeat(36)}\r\nC: ${"d".repeat(37)}\r\n\r\n`, 431, 100],
  ["an empty line over the limit", `GET / HTTP/1.1\r\nA: ${"b".repeat(37)}\r\nC: ${"d".repeat(37)}\r\n\r\n`, 431, 100],
];

for (const [name, text, outcome, after] of limited) {
  test(`limits: ${name}`, () => {
    const whole = read(text, SMALL);
    const cut = trickle(text, SMALL);
    assert.equal(whole.state === "malformed" ? whole.status : whole.state, outcome, JSON.stringify(whole));
    assert.deepEqual(cut.reading, whole);
    assert.equal(cut.after, after);
  });
}

test("a head that trickles in octet by octet costs linear time", () => {
  const limits = { lineBytes: 65_536, fieldCount: 100, headBytes: 65_536 };
  const shapes = {
    "one long target": `GET /${"a".repeat(65_000)}`,
    "one long value": `GET / HTTP/1.1\r\nA: ${"b".repeat(65_000)}`,
    "one long name": `GET / HTTP/1.1\r\n${"A".repeat(65_000)}`,
    "many lines": `GET / HTTP/1.1\r\n${`A: ${"b".repeat(640)}\r\n`.repeat(100)}`,
  };
  for (const [name, text] of Object.entries(shapes)) {
    const spent = cpuMillis(() => assert.equal(trickle(text, limits).reading.state, "incomplete", name));
    // Measured: 20 to 60 ms for 65,000 reads. One look at every octet for each read takes seconds.
    assert.ok(spent < 1_000, `${name}: ${spent} ms`);
  }
});
