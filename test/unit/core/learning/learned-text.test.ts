import assert from "node:assert/strict";
import { test } from "node:test";
import { LearnedBook } from "../../../../router/core/learning/learned-book.ts";
import { learnedText, longestText, parseLearned } from "../../../../router/core/learning/learned-text.ts";
import { refused, seen, sha256 } from "./learning-fixture.ts";

const about = { policy: "research-agent", version: 7, namespace: "research", agent: "researcher" };

function written(book: LearnedBook): string {
  return learnedText({ about, entries: book.entries(), overflow: book.overflow }, sha256);
}

function sample(): LearnedBook {
  const book = new LearnedBook(16);
  book.observe(seen("tls api.example:443"));
  book.observe(seen("tcp [2001:db8::1]:5432", { outcome: { allowed: true, rule: "warehouse", unlisted: undefined } }));
  book.observe(seen("http GET www.example:80/v1/users/123"));
  book.observe(seen("http GET www.example:80/v1/users/me"));
  book.observe(seen("http GET www.example:80/v1/users/*"));
  book.observe(seen("http get www.example:80/a//b"));
  book.observe(refused("tls api.example:443", "denied_by_rule"));
  for (let at = 0; at < 30; at += 1) book.observe(seen(`tls n${at}.x${at}.example${at}:443`));
  return book;
}

test("what is written is read again, and written the same", () => {
  const text = written(sample());
  const read = parseLearned(text, sha256);
  assert.ok(read.ok, read.ok ? "" : read.problem);
  assert.deepEqual(read.value.about, about);
  assert.deepEqual(read.value.entries, sample().entries());
  assert.deepEqual(read.value.overflow, sample().overflow);
  assert.equal(learnedText(read.value, sha256), text);
  const again = new LearnedBook(16);
  again.restore(read.value.entries, read.value.overflow);
  assert.equal(written(again), text);
});

test("words beside a star survive being written and read", () => {
  const book = new LearnedBook(64);
  for (const path of ["me", "123", "me"]) book.observe(seen(`http GET www.example:80/u/${path}`));
  const read = parseLearned(written(book), sha256);
  assert.ok(read.ok);
  const again = new LearnedBook(64);
  again.restore(read.value.entries, undefined);
  assert.equal(written(again), written(book));
});

test("a smaller book takes what it has room for, and counts the rest", () => {
  const entries = sample().entries();
  const small = new LearnedBook(4);
  small.restore(entries, undefined);
  assert.ok(small.size <= 4);
  const counted = small.entries().reduce((sum, { count }) => sum + count, 0) + (small.overflow?.count ?? 0);
  assert.equal(
    counted,
    entries.reduce((sum, { count }) => sum + count, 0),
  );
});

test("an empty book", () => {
  const text = written(new LearnedBook(16));
  assert.deepEqual(parseLearned(text, sha256), { ok: true, value: { about, entries: [], overflow: undefined } });
});

/** With a digest that fits. */
function sealed(body: string): string {
  return `${body},"digest":"${sha256(body)}"}\n`;
}
const head = '{"format":"sluice.dev/learned.v1","policy":"p","version":1,"namespace":"n","agent":"a","overflow":null';
const entry = '{"host":"a.example","port":443,"kind":"tls","count":1,"first":1,"last":2,"bytesOut":3,"bytesIn":4}';
const web =
  '{"host":"a.example","port":80,"kind":"http","method":"GET","path":"/v1","count":1,"first":1,"last":2,"bytesOut":3,"bytesIn":4}';
const withEntries = (...entries: readonly string[]): string => sealed(`${head},"entries":[\n${entries.join(",\n")}\n]`);

test("what is made by hand is read where it is exactly so", () => {
  for (const text of [withEntries(entry), withEntries(web), withEntries(web, entry)]) {
    assert.ok(parseLearned(text, sha256).ok, text);
  }
});

test("what an earlier release wrote of a path that holds a key is read, without it", () => {
  const shapes = ["/v1/*/list", "/v1/npm_packages/list", "/v1/sk_live_abcde/list", "/v1/xoxb-abc/list"];
  const read = parseLearned(withEntries(...shapes.map((path) => web.replace("/v1", path)), entry), sha256);
  assert.ok(read.ok, read.ok ? "" : read.problem);
  assert.deepEqual(
    read.value.entries.map(({ shape, count }) => `${shape?.join("/") ?? ""} x${count}`),
    ["v1/*/list x3", "v1/npm_packages/list x1", " x1"],
  );
  const again = parseLearned(learnedText(read.value, sha256), sha256);
  assert.deepEqual(again, read);
});

const refusedTexts: readonly (readonly [name: string, text: string])[] = [
  ["nothing", ""],
  ["garbage", "\u0000\u0001garbage"],
  ["an array", "[]"],
  ["null", "null"],
  ["a number", "1e999"],
  ["deep", "[".repeat(100_000)],
  ["an object", "{}"],
  ["another format", withEntries(entry).replace("learned.v1", "learned.v2")],
  ["a changed count", withEntries(entry).replace('"count":1', '"count":9')],
  ["a changed digest", withEntries(entry).replace(/"digest":"./, '"digest":"x')],
  ["no newline at the end", withEntries(entry).trimEnd()],
  ["a line behind", `${withEntries(entry)}\n`],
  ["a blank more", withEntries(entry.replace(",", ", "))],
  ["a member more", withEntries(entry.replace('"port"', '"extra":1,"port"'))],
  ["a member twice", withEntries(entry.replace('"port":443', '"port":443,"port":443'))],
  ["__proto__", withEntries(entry.replace('"port":443', '"port":443,"__proto__":{"count":1}'))],
  ["an entry twice", withEntries(entry, entry)],
  ["another order", withEntries(entry, web)],
  ["a name in upper case", withEntries(entry.replace("a.example", "A.example"))],
  ["a name with a dot at the end", withEntries(entry.replace("a.example", "a.example."))],
  ["a name with a line break", withEntries(entry.replace("a.example", "a.example\\n  - id: x"))],
  ["a number for a name", withEntries(entry.replace("a.example", "2130706433"))],
  ["an address in another spelling", withEntries(entry.replace("a.example", "[2001:DB8::1]"))],
  ["port 0", withEntries(entry.replace("443", "0"))],
  ["a port of text", withEntries(entry.replace("443", '"443"'))],
  ["another kind", withEntries(entry.replace('"tls"', '"udp"'))],
  ["a tunnel with a method", withEntries(entry.replace('"tls"', '"tls","method":"GET","path":"/"'))],
  ["requests without a method", withEntries(web.replace('"method":"GET",', ""))],
  ["a method in small letters", withEntries(web.replace('"GET"', '"get"'))],
  ["a method that steers a terminal", withEntries(web.replace('"GET"', '"\\u001b[2J"'))],
  ["a path with an id", withEntries(web.replace("/v1", "/12345"))],
  ["a path with a query", withEntries(web.replace("/v1", "/v1?key=x"))],
  ["a path that ends a comment", withEntries(web.replace("/v1", "/v1\\nallow: []"))],
  ["a count of 0 without refusals", withEntries(entry.replace('"count":1', '"count":0'))],
  ["half a count", withEntries(entry.replace('"count":1', '"count":1.5'))],
  ["a negative count", withEntries(entry.replace('"bytesIn":4', '"bytesIn":-4'))],
  ["a count that is no safe number", withEntries(entry.replace('"bytesIn":4', '"bytesIn":9007199254740993'))],
  ["last before first", withEntries(entry.replace('"last":2', '"last":0'))],
  ["a rule with a line break", withEntries(entry.replace('"bytesIn":4', '"bytesIn":4,"rule":"a\\nb"'))],
  ["a reason that is none", withEntries(entry.replace('"bytesIn":4', '"bytesIn":4,"unlisted":"toString"'))],
  ["refusals without a reason", withEntries(entry.replace('"bytesIn":4', '"bytesIn":4,"refused":{"count":1}'))],
  ["an overflow of nothing", withEntries(entry).replace('"overflow":null', '"overflow":{"count":0}')],
  ["entries that are none", sealed(`${head},"entries":{}`)],
  ["a namespace that ends a comment", withEntries(entry).replace('"n"', '"n\\nmode: learn"')],
];
for (const [name, text] of refusedTexts) {
  test(`refused: ${name}`, () => {
    const read = parseLearned(text, sha256);
    assert.ok(!read.ok);
    assert.match(read.problem, /^It[s]? .*\.$/);
  });
}

test("a full book of the longest entries fits into its file", () => {
  const book = new LearnedBook(64);
  const label = "x".repeat(60);
  for (let at = 0; at < 64; at += 1) {
    const name = `${label}.${label}.${label}.${"y".repeat(40)}${10 + at}.z${at}`;
    const path = Array.from({ length: 7 }, () => "abcdefghijklmno.abcdefghijklmno").join("/");
    book.observe(
      seen(`http MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM ${name}:65535/${path}/*`, {
        at: 8_640_000_000_000_000 as never,
        bytesOut: Number.MAX_SAFE_INTEGER,
        bytesIn: Number.MAX_SAFE_INTEGER,
        outcome: { allowed: true, rule: `approval/${"r".repeat(64)}`, unlisted: undefined },
      }),
    );
  }
  assert.equal(book.size, 64);
  assert.ok(Buffer.byteLength(written(book)) < longestText(64));
});
