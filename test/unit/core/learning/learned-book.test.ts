import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, portOf } from "../../../../router/core/base/quantity.ts";
import { LearnedBook } from "../../../../router/core/learning/learned-book.ts";
import type { Observation } from "../../../../router/core/learning/seen.ts";
import type { Hostname } from "../../../../router/core/wire/hostname.ts";
import { AT, refused, seen, told } from "./learning-fixture.ts";

function bookOf(observations: Iterable<Observation>, maximum = 4096): LearnedBook {
  const book = new LearnedBook(maximum);
  for (const observation of observations) book.observe(observation);
  return book;
}

const stories: readonly (readonly [name: string, observations: readonly Observation[], expected: readonly string[]])[] =
  [
    ["one exchange", [seen("tls a.example:443")], ["tls a.example:443 x1"]],
    ["the same again", [seen("tls a.example:443"), seen("tls a.example:443")], ["tls a.example:443 x2"]],
    [
      "ports and kinds apart",
      [seen("tcp a.example:22"), seen("tls a.example:443"), seen("http GET a.example:80/")],
      ["tcp a.example:22 x1", "http GET a.example:80/ x1", "tls a.example:443 x1"],
    ],
    [
      "ids together",
      [seen("http GET a.example:80/u/1"), seen("http GET a.example:80/u/2"), seen("http POST a.example:80/u/2")],
      ["http GET a.example:80/u/* x2", "http POST a.example:80/u/* x1"],
    ],
    [
      "a word behind a star counts there",
      [seen("http GET a.example:80/u/1"), seen("http GET a.example:80/u/me")],
      ["http GET a.example:80/u/* x2"],
    ],
    [
      "a word before a star stays by itself",
      [seen("http GET a.example:80/u/me"), seen("http GET a.example:80/u/1"), seen("http GET a.example:80/u/me")],
      ["http GET a.example:80/u/* x1", "http GET a.example:80/u/me x2"],
    ],
    [
      "what cannot be named",
      [seen("http get a.example:80/"), seen("http GET a.example:80/a//b")],
      ["http a.example:80/ x1", "http GET a.example:80 x1"],
    ],
    ["a tunnel has no path", [seen("tls a.example:443", { method: "GET", shape: ["x"] })], ["tls a.example:443 x1"]],
    [
      "siblings by their parents",
      [seen("tls b.a.example:443"), seen("tls z.example:443"), seen("tls c.a.example:443")],
      ["tls b.a.example:443 x1", "tls c.a.example:443 x1", "tls z.example:443 x1"],
    ],
  ];
for (const [name, observations, expected] of stories) {
  test(`book: ${name}`, () => {
    assert.deepEqual(bookOf(observations).entries().map(told), expected);
  });
}

const words = "about blog careers docs events forum guides help images jobs login media news orders".split(" ");

test("many words at one place become a star, and fewer do not", () => {
  const of = (count: number): readonly string[] =>
    bookOf(words.slice(0, count).map((word) => seen(`http GET a.example:80/${word}/list`)))
      .entries()
      .map(told);
  assert.equal(of(12).length, 12);
  assert.deepEqual(of(13), ["http GET a.example:80/*/list x13"]);
});

test("sums, first and last, and the last verdict", () => {
  const later = { at: epochMillis(AT + 5), bytesOut: 1, bytesIn: 2 };
  const [entry] = bookOf([
    seen("tls a.example:443", { ...later, outcome: { allowed: true, rule: "a", unlisted: undefined } }),
    seen("tls a.example:443"),
  ]).entries();
  assert.deepEqual(
    [entry?.count, entry?.first, entry?.last, entry?.bytesOut, entry?.bytesIn, entry?.rule, entry?.unlisted],
    [2, AT, AT + 5, 11, 102, "a", undefined],
  );
});

test("refusals are told beside what was allowed, and an entry of refusals alone counts nothing", () => {
  const book = bookOf([
    refused("tls a.example:443", "denied_by_rule"),
    refused("tls a.example:443", "blocklisted"),
    seen("tls a.example:443"),
    refused("tls b.example:443", "inference_only"),
  ]);
  assert.deepEqual(
    book.entries().map(({ count, refused: beside }) => [count, beside]),
    [
      [1, { count: 2, reason: "blocklisted" }],
      [0, { count: 1, reason: "inference_only" }],
    ],
  );
});

function* invented(count: number, domain: (at: number) => string): Generator<Observation> {
  const plain = seen("tls a.example:443");
  for (let at = 0; at < count; at += 1) {
    yield { ...plain, host: { kind: "name", text: `n${at}.${domain(at)}` as Hostname } };
  }
}

test("INV-LEARN-BOUND: a million invented names take no more room than is given, and push out nothing", () => {
  const book = bookOf([seen("tls known.example:443"), seen("http GET api.known.example:80/v1/list")], 1024);
  const before = process.memoryUsage().heapUsed;
  for (const observation of invented(500_000, () => "evil.example")) book.observe(observation);
  // All below one domain: an eighth.
  assert.equal(book.size, 2 + 128);
  for (const observation of invented(500_000, (at) => `evil${at}.example${at % 999}`)) book.observe(observation);
  assert.equal(book.size, 1024);
  book.observe(seen("tls known.example:443"));
  const known = book.entries().filter(({ host }) => host.text.endsWith("known.example"));
  assert.deepEqual(known.map(told), ["tls known.example:443 x2", "http GET api.known.example:80/v1/list x1"]);
  assert.equal(book.overflow?.count, 1_000_000 - 1024 + 2);
  assert.ok(process.memoryUsage().heapUsed - before < 64 * 1024 * 1024, "the heap has grown");
});

test("ports, methods and paths of one host are bounded", () => {
  const book = new LearnedBook(4096);
  const plain = seen("http GET a.example:80/");
  const syllables = ["ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru"];
  const word = (at: number): string => String(at).replaceAll(/[0-9]/g, (digit) => syllables[Number(digit)] ?? "");
  for (let at = 0; at < 20_000; at += 1) {
    const port = portOf(80 + (at % 30));
    assert.ok(port !== undefined);
    const method = `M${word(at % 7).toUpperCase()}`;
    book.observe({ ...plain, port, method, shape: [word(at % 11), word(at), word(at % 13), word(at % 5)] });
  }
  assert.ok(book.size <= 64, `${book.size} entries of one host`);
  const counted = book.entries().reduce((sum, { count }) => sum + count, 0) + (book.overflow?.count ?? 0);
  assert.equal(counted, 20_000);
});

test("what is always refused takes an eighth at most, so that names below a deny rule leave room", () => {
  const book = new LearnedBook(1024);
  for (let at = 0; at < 5_000; at += 1) book.observe(refused(`tls n${at}.evil${at}.example:443`, "denied_by_rule"));
  assert.equal(book.size, 128);
  assert.equal(book.overflow, undefined);
  book.observe(seen("tls n1.evil1.example:443"));
  book.observe(seen("tls new.one:443"));
  assert.equal(book.size, 129);
  book.observe(refused("tls yet.another:443", "denied_by_rule"));
  assert.equal(book.size, 130, "what was allowed since makes room for a refusal");
});

test("where there is no room for another path, the paths of the host are told less exactly", () => {
  const book = new LearnedBook(16);
  for (let at = 0; at < 16; at += 1) book.observe(seen(`tls n${at}.example${at}:443`));
  book.observe(seen("tls n0.example0:444"));
  assert.equal(book.overflow?.count, 1);
  const small = bookOf([seen("http GET a.example:80/v1/list/all")], 16);
  for (let at = 0; at < 15; at += 1) small.observe(seen(`tls n${at}.example${at}:443`));
  small.observe(seen("http GET a.example:80/v1/list/some"));
  assert.equal(small.overflow, undefined);
  assert.deepEqual(small.entries().slice(0, 1).map(told), ["http GET a.example:80/v1/list/** x2"]);
});
