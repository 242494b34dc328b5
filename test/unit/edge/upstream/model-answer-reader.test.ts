import assert from "node:assert/strict";
import { test } from "node:test";
import { ModelAnswerReader } from "../../../../router/edge/upstream/model-answer-reader.ts";
import { readAnswer, readingLine } from "../../../fakes/answer-reading.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const LENGTH = "Content-Length: 2\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const MALFORMED = "The response is not whole, well-formed HTTP/1.1";
const LINE = `${MALFORMED} (a control character or a line end that is none).`;
const FIELD = `${MALFORMED} (a field line is none).`;
const STATUS = `${MALFORMED} (the status line is none).`;
const NO_HTTP = `${MALFORMED} (it does not begin with HTTP/1).`;
const CODING = "The Transfer-Encoding is not exactly chunked.";
const LENGTHS = `${MALFORMED} (it has two lengths).`;
const NUMBER = `${MALFORMED} (Content-Length is not a number).`;
const SIZE = `${MALFORMED} (a chunk size is none).`;
const CHUNK = `${MALFORMED} (a chunk does not end in CR LF).`;
const EXTENSION = `${MALFORMED} (a chunk extension is none).`;
const FRAMING = `${MALFORMED} (a trailer says where the body ends).`;
const CUT = `${MALFORMED} (the connection ended within it).`;

interface Row {
  readonly name: string;
  readonly answer: string;
  /** See `readingLine`. */
  readonly told: string;
  readonly fin?: boolean;
}

const rows: readonly Row[] = [
  // Whole ones.
  { name: "a length", answer: `${OK}${LENGTH}X: y\r\n\r\nok`, told: "200 X: y | ok | whole, keep 4000" },
  { name: "a length of nothing", answer: `${OK}Content-Length: 0\r\n\r\n`, told: "200 |  | whole, keep 4000" },
  {
    name: "a length with zeros before it",
    answer: `${OK}Content-Length: 002\r\n\r\nok`,
    told: "200 | ok | whole, keep 4000",
  },
  {
    name: "chunks",
    answer: `${CHUNKED}2\r\nok\r\nA\r\n0123456789\r\n0\r\n\r\n`,
    told: "200 | ok0123456789 | whole, keep 4000",
  },
  { name: "CHUNKED", answer: `${OK}Transfer-Encoding: CHUNKED\r\n\r\n00\r\n\r\n`, told: "200 |  | whole, keep 4000" },
  {
    name: "line ends within chunks",
    answer: `${CHUNKED}6\r\n0\r\n\r\n!\r\n0\r\n\r\n`,
    told: "200 | 0\r\n\r\n! | whole, keep 4000",
  },
  {
    name: "extensions",
    answer: `${CHUNKED}2;a=b;c="\u00e9 ;\\""\r\nok\r\n0;x\r\n\r\n`,
    told: "200 | ok | whole, keep 4000",
  },
  { name: "trailers are dropped", answer: `${CHUNKED}0\r\nX: y\r\nA:\r\n\r\n`, told: "200 |  | whole, keep 4000" },
  { name: "no reason", answer: `HTTP/1.1 200 \r\n${LENGTH}\r\nok`, told: "200 | ok | whole, keep 4000" },
  { name: "no reason and no space", answer: `HTTP/1.1 200\r\n${LENGTH}\r\nok`, told: "200 | ok | whole, keep 4000" },
  {
    name: "blanks around values",
    answer: `${OK}${LENGTH}A: \t b c\t \r\nB:\r\n\r\nok`,
    told: "200 A: b c, B:  | ok | whole, keep 4000",
  },
  {
    name: "octets above ASCII in a value",
    answer: `${OK}${LENGTH}A: \u00e9\u0080\r\n\r\nok`,
    told: "200 A: \u00e9\u0080 | ok | whole, keep 4000",
  },
  {
    name: "interim ones before it",
    answer: `HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n${OK}${LENGTH}\r\nok`,
    told: "200 | ok | whole, keep 4000",
  },
  { name: "204 without anything", answer: "HTTP/1.1 204 No\r\n\r\n", told: "204 |  | whole, keep 4000" },
  {
    name: "304 with the length of what it does not send",
    answer: "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n",
    told: "304 |  | whole, keep 4000",
  },
  {
    name: "a hint",
    answer: `${OK}${LENGTH}Keep-Alive: timeout=3, max=9\r\n\r\nok`,
    told: "200 | ok | whole, keep 2000",
  },
  {
    name: "a hint of long",
    answer: `${OK}${LENGTH}Keep-Alive: max=9,timeout=900\r\n\r\nok`,
    told: "200 | ok | whole, keep 60000",
  },
  {
    name: "a hint of no time",
    answer: `${OK}${LENGTH}Keep-Alive: timeout=0\r\n\r\nok`,
    told: "200 | ok | whole, keep 0",
  },
  {
    name: "a hint that is none",
    answer: `${OK}${LENGTH}Keep-Alive: timeout=-5\r\n\r\nok`,
    told: "200 | ok | whole, keep 4000",
  },
  { name: "the end of the connection", answer: `${OK}\r\nabc`, told: "200 | abc | whole, keep 0", fin: true },
  {
    name: "the end of the connection, nothing before it",
    answer: `${OK}\r\n`,
    told: "200 |  | whole, keep 0",
    fin: true,
  },
  // Whole, and nothing may follow.
  { name: "close", answer: `${OK}${LENGTH}Connection: x, Close\r\n\r\nok`, told: "200 | ok | whole, keep 0" },
  {
    name: "HTTP/1.0, whatever it says",
    answer: `HTTP/1.0 200 OK\r\n${LENGTH}Connection: keep-alive\r\n\r\nok`,
    told: "200 | ok | whole, keep 0",
  },
  { name: "surplus behind a length", answer: `${OK}${LENGTH}\r\nok!`, told: "200 | ok | whole, keep 0" },
  {
    name: "a second answer",
    answer: `${OK}${LENGTH}\r\nok${OK}Content-Length: 3\r\n\r\nbad`,
    told: "200 | ok | whole, keep 0",
  },
  { name: "a line end behind it", answer: `${OK}${LENGTH}\r\nok\r\n`, told: "200 | ok | whole, keep 0" },
  { name: "surplus behind chunks", answer: `${CHUNKED}0\r\n\r\n\r\n`, told: "200 |  | whole, keep 0" },
  { name: "204 with a body", answer: `HTTP/1.1 204 No\r\n${LENGTH}\r\nok`, told: "204 |  | whole, keep 0" },
  {
    name: "204 with chunks",
    answer: "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    told: "204 |  | whole, keep 0",
  },
  { name: "304 with a body", answer: `HTTP/1.1 304 No\r\n${LENGTH}\r\nok`, told: "304 |  | whole, keep 0" },
  // Two readers could take these differently.
  { name: "two lengths that agree", answer: `${OK}${LENGTH}${LENGTH}\r\nok`, told: LENGTHS },
  { name: "two lengths that do not", answer: `${OK}${LENGTH}Content-Length: 3\r\n\r\nok`, told: LENGTHS },
  { name: "a list of lengths", answer: `${OK}Content-Length: 2, 2\r\n\r\nok`, told: NUMBER },
  { name: "an empty length", answer: `${OK}Content-Length:\r\n\r\n`, told: NUMBER },
  { name: "a length with a sign", answer: `${OK}Content-Length: +2\r\n\r\nok`, told: NUMBER },
  { name: "a negative length", answer: `${OK}Content-Length: -1\r\n\r\n`, told: NUMBER },
  { name: "a length in hex", answer: `${OK}Content-Length: 0x2\r\n\r\nok`, told: NUMBER },
  { name: "a length with a blank in it", answer: `${OK}Content-Length: 1 2\r\n\r\nok`, told: NUMBER },
  { name: "a length in other digits", answer: `${OK}Content-Length: \u00b2\r\n\r\nok`, told: NUMBER },
  { name: "a length beyond all numbers", answer: `${OK}Content-Length: 99999999999999999999\r\n\r\nok`, told: NUMBER },
  { name: "a length and chunks", answer: `${OK}${LENGTH}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, told: LENGTHS },
  { name: "chunks and a length", answer: `${OK}Transfer-Encoding: chunked\r\n${LENGTH}\r\n0\r\n\r\n`, told: LENGTHS },
  {
    name: "chunked twice",
    answer: `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    told: CODING,
  },
  { name: "chunked, chunked", answer: `${OK}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, told: CODING },
  { name: "gzip before chunked", answer: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, told: CODING },
  { name: "identity", answer: `${OK}Transfer-Encoding: identity\r\n${LENGTH}\r\nok`, told: CODING },
  {
    name: "a coding that only looks like chunked",
    answer: `${OK}Transfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n`,
    told: LINE,
  },
  { name: "an empty coding", answer: `${OK}Transfer-Encoding:\r\n${LENGTH}\r\nok`, told: CODING },
  {
    name: "chunks in HTTP/1.0",
    answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    told: `${MALFORMED} (HTTP/1.0 has no Transfer-Encoding).`,
  },
  { name: "a blank before the colon", answer: `${OK}Content-Length : 2\r\n\r\nok`, told: FIELD },
  {
    name: "a tab behind the coding, which Node's parser then does not know",
    answer: `${OK}Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n`,
    told: `${MALFORMED} (a tab behind the Transfer-Encoding).`,
  },
  {
    name: "an interim one of HTTP/1.0",
    answer: `HTTP/1.0 102 P\r\n\r\n${OK}${LENGTH}\r\na`,
    told: `${MALFORMED} (HTTP/1.0 has no interim responses).`,
  },
  { name: "a tab before the colon", answer: `${OK}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`, told: FIELD },
  { name: "a folded field", answer: `${OK}X: a\r\n ${LENGTH}\r\n`, told: FIELD },
  { name: "a field folded by a tab", answer: `${OK}X: a\r\n\tb\r\n\r\n`, told: FIELD },
  { name: "a fold behind the status line", answer: `${OK} X: a\r\n\r\n`, told: FIELD },
  { name: "no colon", answer: `${OK}Content-Length 2\r\n\r\nok`, told: FIELD },
  { name: "a colon in the next line only", answer: `${OK}A\r\nB: c\r\n\r\n`, told: FIELD },
  { name: "an empty name", answer: `${OK}: a\r\n\r\n`, told: FIELD },
  { name: "a name with an octet above ASCII", answer: `${OK}\u00e9: a\r\n\r\n`, told: FIELD },
  { name: "a name that a Kelvin sign would end", answer: `${OK}\u00e2\u0084\u00aaeep-alive: a\r\n\r\n`, told: FIELD },
  { name: "LF alone in a value", answer: `${OK}X: a\n${LENGTH}\r\nok`, told: LINE },
  { name: "LF alone behind the status line", answer: `HTTP/1.1 200 OK\n${LENGTH}\r\nok`, told: LINE },
  { name: "LF alone everywhere", answer: "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", told: LINE },
  { name: "LF CR", answer: `HTTP/1.1 200 OK\n\rX: y\r\n\r\n`, told: LINE },
  { name: "CR alone", answer: `${OK}X: a\rContent-Length: 2\r\n\r\n`, told: LINE },
  { name: "CR CR LF", answer: `${OK}X: a\r\r\n\r\n`, told: LINE },
  { name: "NUL", answer: `${OK}X: a\0\r\n\r\n`, told: LINE },
  { name: "a vertical tab before a colon", answer: `${OK}Content-Length\u000b: 2\r\n\r\nok`, told: LINE },
  { name: "DEL", answer: `${OK}X: \u007f\r\n\r\n`, told: LINE },
  { name: "a control character in the reason", answer: `HTTP/1.1 200 O\u001bK\r\n\r\n`, told: LINE },
  // Nothing before the status line, and one status line.
  { name: "an empty line before it", answer: `\r\n${OK}${LENGTH}\r\nok`, told: NO_HTTP },
  { name: "a blank before it", answer: ` ${OK}${LENGTH}\r\nok`, told: NO_HTTP },
  { name: "SSH", answer: "SSH-2.0-OpenSSH\r\n", told: NO_HTTP },
  { name: "HTTP/2 frames", answer: "\0\0\u0012\u0004\0\0\0\0\0", told: NO_HTTP },
  { name: "http", answer: "http/1.1 200 OK\r\n\r\n", told: NO_HTTP },
  { name: "HTTP/2", answer: "HTTP/2.0 200 OK\r\n\r\n", told: NO_HTTP },
  { name: "HTTP/1.2", answer: `HTTP/1.2 200 OK\r\n${LENGTH}\r\nok`, told: STATUS },
  { name: "HTTP/1.10", answer: `HTTP/1.10 200 OK\r\n${LENGTH}\r\nok`, told: STATUS },
  { name: "two blanks", answer: `HTTP/1.1  200 OK\r\n\r\n`, told: STATUS },
  { name: "a tab", answer: `HTTP/1.1\t200 OK\r\n\r\n`, told: STATUS },
  { name: "two digits", answer: "HTTP/1.1 20 OK\r\n\r\n", told: STATUS },
  { name: "four digits", answer: "HTTP/1.1 2000 OK\r\n\r\n", told: STATUS },
  { name: "a request", answer: "GET / HTTP/1.1\r\n\r\n", told: NO_HTTP },
  { name: "status 099", answer: "HTTP/1.1 099 X\r\n\r\n", told: "The status is not that of a final response." },
  { name: "status 600", answer: "HTTP/1.1 600 X\r\n\r\n", told: "The status is not that of a final response." },
  {
    name: "101",
    answer: "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    told: "The origin switched protocols unasked.",
  },
  {
    name: "interim ones without end",
    answer: `${"HTTP/1.1 103 E\r\n\r\n".repeat(17)}${OK}\r\n`,
    told: "The origin sends interim responses without end.",
  },
  { name: "a bad head behind an interim one", answer: `HTTP/1.1 100 C\r\n\r\nX`, told: NO_HTTP },
  { name: "an interim one with a bad field", answer: "HTTP/1.1 103 E\r\nLink : x\r\n\r\n", told: FIELD },
  // What the router cannot let pass.
  {
    name: "gzip",
    answer: `${OK}${LENGTH}Content-Encoding: gzip\r\n\r\nok`,
    told: "The body has a Content-Encoding that was not asked for.",
  },
  {
    name: "Connection that takes a field of all",
    answer: `${OK}${LENGTH}Connection: content-type\r\n\r\nok`,
    told: "The Connection field names a field that is not its to remove.",
  },
  { name: "201 fields", answer: `${OK}${"a:b\r\n".repeat(201)}\r\n`, told: "The response has too many fields." },
  // Chunks.
  { name: "a size that is none", answer: `${CHUNKED}ZZ\r\n`, told: `200 |  | ${SIZE}` },
  { name: "an empty size", answer: `${CHUNKED}\r\n`, told: `200 |  | ${SIZE}` },
  { name: "an empty size behind a chunk", answer: `${CHUNKED}2\r\nok\r\n\r\n\r\n`, told: `200 | ok | ${SIZE}` },
  {
    name: "many chunks",
    answer: `${CHUNKED}${"01\r\n.\r\n".repeat(20)}0\r\n\r\n`,
    told: `200 | ${".".repeat(20)} | whole, keep 4000`,
  },
  { name: "a size with a sign", answer: `${CHUNKED}+2\r\nok`, told: `200 |  | ${SIZE}` },
  { name: "a size with 0x", answer: `${CHUNKED}0x2\r\nok`, told: `200 |  | ${SIZE}` },
  { name: "a blank before a size", answer: `${CHUNKED} 2\r\nok`, told: `200 |  | ${SIZE}` },
  { name: "a blank behind a size", answer: `${CHUNKED}2 \r\nok`, told: `200 |  | ${SIZE}` },
  { name: "an underscore in a size", answer: `${CHUNKED}1_0\r\n`, told: `200 |  | ${SIZE}` },
  {
    name: "a size beyond all numbers",
    answer: `${CHUNKED}ffffffffffffff\r\n`,
    told: `200 |  | ${MALFORMED} (a chunk size has more than 13 digits).`,
  },
  {
    name: "a size that is zeros and wraps",
    answer: `${CHUNKED}00000000000002\r\nok`,
    told: `200 |  | ${MALFORMED} (a chunk size has more than 13 digits).`,
  },
  { name: "LF behind a size", answer: `${CHUNKED}2\nok`, told: `200 |  | ${SIZE}` },
  { name: "CR alone behind a size", answer: `${CHUNKED}2\rok`, told: `200 |  | ${CHUNK}` },
  {
    name: "LF in an extension",
    answer: `${CHUNKED}2;a\nok\r\n0\r\n\r\n`,
    told: `200 |  | ${MALFORMED} (a chunk extension is too long or is none).`,
  },
  {
    name: "an extension without end",
    answer: `${CHUNKED}2;${"a".repeat(1_025)}`,
    told: `200 |  | ${MALFORMED} (a chunk extension is too long or is none).`,
  },
  { name: "an empty extension", answer: `${CHUNKED}2;\r\nok`, told: `200 |  | ${EXTENSION}` },
  { name: "an extension with an open quote", answer: `${CHUNKED}2;a="b\r\nok`, told: `200 |  | ${EXTENSION}` },
  { name: "NUL in an extension", answer: `${CHUNKED}2;a="\0"\r\nok`, told: `200 |  | ${EXTENSION}` },
  { name: "more than its size in a chunk", answer: `${CHUNKED}2\r\nok!\r\n`, told: `200 | ok | ${CHUNK}` },
  { name: "less than its size in a chunk", answer: `${CHUNKED}3\r\nok\r\n0\r\n\r\n`, told: `200 | ok\r | ${CHUNK}` },
  { name: "LF behind a chunk", answer: `${CHUNKED}2\r\nok\n0\r\n\r\n`, told: `200 | ok | ${CHUNK}` },
  {
    name: "a trailer that is none",
    answer: `${CHUNKED}0\r\nX\r\n\r\n`,
    told: `200 |  | ${MALFORMED} (a trailer line is none).`,
  },
  {
    name: "an answer as a trailer",
    answer: `${CHUNKED}0\r\n${OK}\r\n`,
    told: `200 |  | ${MALFORMED} (a trailer line is none).`,
  },
  { name: "a length as a trailer", answer: `${CHUNKED}0\r\nContent-Length: 9\r\n\r\n`, told: `200 |  | ${FRAMING}` },
  { name: "a coding as a trailer", answer: `${CHUNKED}0\r\ntransfer-encoding: x\r\n\r\n`, told: `200 |  | ${FRAMING}` },
  {
    name: "a folded trailer",
    answer: `${CHUNKED}0\r\nX: y\r\n z\r\n\r\n`,
    told: `200 |  | ${MALFORMED} (a trailer line is none).`,
  },
  {
    name: "NUL in a trailer",
    answer: `${CHUNKED}0\r\nX: \0\r\n\r\n`,
    told: `200 |  | ${MALFORMED} (a trailer line is none).`,
  },
  {
    name: "LF alone in a trailer",
    answer: `${CHUNKED}0\r\nX: y\nZ: a\r\n\r\n`,
    told: `200 |  | ${MALFORMED} (a trailer line is none).`,
  },
  {
    name: "CR alone in a trailer",
    answer: `${CHUNKED}0\r\nX: y\rz\r\n\r\n`,
    told: `200 |  | ${MALFORMED} (a trailer line does not end in CR LF).`,
  },
  {
    name: "201 trailers",
    answer: `${CHUNKED}0\r\n${"a:b\r\n".repeat(201)}\r\n`,
    told: `200 |  | ${MALFORMED} (it has too many trailers).`,
  },
  // Not to the end.
  { name: "nothing", answer: "", told: CUT, fin: true },
  { name: "half a head", answer: `${OK}Content-`, told: CUT, fin: true },
  { name: "an interim one only", answer: "HTTP/1.1 100 C\r\n\r\n", told: CUT, fin: true },
  { name: "less than the length", answer: `${OK}${LENGTH}\r\no`, told: `200 | o | ${CUT}`, fin: true },
  { name: "without the last chunk", answer: `${CHUNKED}2\r\nok\r\n`, told: `200 | ok | ${CUT}`, fin: true },
  { name: "without the end of the trailers", answer: `${CHUNKED}0\r\nX: y\r\n`, told: `200 |  | ${CUT}`, fin: true },
  { name: "waiting for the head", answer: `${OK}X: y\r`, told: "more" },
  { name: "waiting for content", answer: `${OK}${LENGTH}\r\no`, told: "200 | o | more" },
];

for (const { name, answer, told, fin = false } of rows) {
  test(`INV-MODEL-ANSWER: ${name}, and cut in two anywhere, and octet by octet`, () => {
    const octets = Buffer.from(answer, "latin1");
    assert.equal(readingLine(readAnswer([octets], fin)), told);
    const single = Array.from(octets, (_, at) => octets.subarray(at, at + 1));
    assert.equal(readingLine(readAnswer(single, fin)), told, "octet by octet");
    for (let at = 1; at < octets.length; at += 1) {
      const halves = [octets.subarray(0, at), octets.subarray(at)];
      assert.equal(readingLine(readAnswer(halves, fin)), told, `cut at ${at}`);
    }
  });
}

test("INV-MODEL-ANSWER: heads and trailers of more than 32 KiB, with an end or without one, in any reads", () => {
  const long = `${MALFORMED} (its head is too long).`;
  const field = `X: ${"a".repeat(33_000)}`;
  for (const every of [50_000, 1_000, 7]) {
    const cut = (text: string): Buffer[] =>
      Array.from({ length: Math.ceil(text.length / every) }, (_, at) =>
        Buffer.from(text.slice(at * every, (at + 1) * every), "latin1"),
      );
    assert.equal(readingLine(readAnswer(cut(`${OK}${field}\r\n\r\n`))), long);
    assert.equal(readingLine(readAnswer(cut(`${OK}${field}`))), long);
    const trailers = readingLine(readAnswer(cut(`${CHUNKED}0\r\n${field}`)));
    assert.equal(trailers, `200 |  | ${MALFORMED} (the trailers are too long).`);
  }
  const fits = `${OK}${LENGTH}X: ${"a".repeat(32_000)}\r\n\r\nok`;
  assert.ok(readingLine(readAnswer([Buffer.from(fits)])).endsWith("| ok | whole, keep 4000"));
});

test("content is handed on as views of what came, without a copy", () => {
  const head = Buffer.from(`${OK}Content-Length: 10\r\n\r\n01`);
  const rest = Buffer.from("23456789");
  const given: Buffer[] = [];
  const reader = new ModelAnswerReader({
    head: () => undefined,
    data: (content) => void given.push(content),
    whole: () => undefined,
    invalid: assert.fail,
  });
  reader.read(head);
  reader.read(rest);
  assert.deepEqual(given.map(String), ["01", "23456789"]);
  assert.equal(given[0]?.buffer, head.buffer);
  assert.equal(given[1], rest);
  assert.throws(() => reader.read(rest), /the answer has ended/);
});
