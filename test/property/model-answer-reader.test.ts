import assert from "node:assert/strict";
import { Agent, type IncomingMessage, request } from "node:http";
import { Duplex } from "node:stream";
import { test } from "node:test";
import * as fc from "fast-check";
import { type AnswerReading, readAnswer, readingLine } from "../fakes/answer-reading.ts";

/** Names that mean nothing to framing, and values as RFC 9110 section 5.5 has them. */
const fields = fc.array(
  fc.record({
    name: fc.stringMatching(/^X-[!#$%&'*+.^_`|~0-9A-Za-z-]{0,12}$/),
    value: fc.stringMatching(/^(?:[!-~\u0080-\u00ff](?:[\t -~\u0080-\u00ff]{0,20}[!-~\u0080-\u00ff])?)?$/),
    before: fc.stringMatching(/^[ \t]{0,3}$/),
    after: fc.stringMatching(/^[ \t]{0,3}$/),
  }),
  { maxLength: 5 },
);
const content = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
const framing = fc.constantFrom("length", "chunked", "close");
const answers = fc.record({
  interim: fc.integer({ min: 0, max: 3 }),
  status: fc.constantFrom(200, 201, 299, 400, 429, 500, 599),
  reason: fc.stringMatching(/^[\t -~]{0,10}$/),
  fields,
  content,
  framing,
  extension: fc.constantFrom("", ";a", ';a="b c";d'),
  trailers: fc.constantFrom("", "X: y\r\n", "A: b\r\nC:\r\n"),
  upper: fc.boolean(),
});
type Answer = typeof answers extends fc.Arbitrary<infer Value> ? Value : never;

function written(answer: Answer): Buffer {
  const lines = answer.fields.map(({ name, value, before, after }) => `${name}:${before}${value}${after}\r\n`).join("");
  const sum = answer.content.reduce((octets, { length }) => octets + length, 0);
  const said = { length: `Content-Length: ${sum}\r\n`, chunked: "Transfer-Encoding: chunked\r\n", close: "" };
  const head = `${"HTTP/1.1 103 E\r\nLink: x\r\n\r\n".repeat(answer.interim)}HTTP/1.1 ${answer.status} ${answer.reason}\r\n${lines}${said[answer.framing]}\r\n`;
  const size = (octets: number): string => (answer.upper ? octets.toString(16).toUpperCase() : octets.toString(16));
  const body =
    answer.framing === "chunked"
      ? [
          ...answer.content.flatMap((chunk) => [`${size(chunk.length)}${answer.extension}\r\n`, chunk, "\r\n"]),
          `0${answer.extension}\r\n${answer.trailers}\r\n`,
        ]
      : answer.content;
  return Buffer.concat([head, ...body].map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)));
}

/** The octets cut where `cuts`, thousandths of the length, say. */
function inReads(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((cut) => Math.floor((cut * octets.length) / 1_000)), octets.length].toSorted(
    (a, b) => a - b,
  );
  return places.map((place, at) => octets.subarray(places[at - 1] ?? 0, place));
}
const cuts = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 8 });

test("INV-MODEL-ANSWER: an answer is read as it was written, however it was cut into reads", () => {
  fc.assert(
    fc.property(answers, cuts, (answer, places) => {
      const { head, content: read, end } = readAnswer(inReads(written(answer), places), answer.framing === "close");
      assert.equal(end, answer.framing === "close" ? "whole, keep 0" : "whole, keep 4000");
      assert.equal(head?.status, answer.status);
      assert.equal(read, Buffer.concat(answer.content).toString("latin1"));
      assert.deepEqual(
        head?.fields.map(({ rawName, value }) => [rawName, value]),
        answer.fields.map(({ name, value }) => [name, value]),
      );
    }),
    { numRuns: 400 },
  );
});

const changes = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 999 }),
    kind: fc.constantFrom("put", "insert", "remove"),
    text: fc.oneof(
      fc.constantFrom("\r", "\n", "\r\n", "\r\n\r\n", " ", "\t", ":", ",", ";", "0", "1", "f", "\0", "-"),
      fc.constantFrom("Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "HTTP/1.1 200 OK\r\n"),
    ),
  }),
  { minLength: 1, maxLength: 3 },
);
type Change = { readonly at: number; readonly kind: string; readonly text: string };

function changed(octets: Buffer, list: readonly Change[]): Buffer {
  let text = octets.toString("latin1");
  for (const { at, kind, text: piece } of list) {
    const place = Math.floor((at * text.length) / 1_000);
    const rest = text.slice(kind === "put" ? place + piece.length : kind === "remove" ? place + 1 : place);
    text = text.slice(0, place) + (kind === "remove" ? "" : piece) + rest;
  }
  return Buffer.from(text, "latin1");
}

test("INV-MODEL-ANSWER: whatever was changed in it, the reader never throws and says the same for all ways to cut it", () => {
  fc.assert(
    fc.property(answers, changes, cuts, (answer, list, places) => {
      const octets = changed(written(answer), list);
      const whole = readingLine(readAnswer([octets], true));
      assert.equal(readingLine(readAnswer(inReads(octets, places), true)), whole);
      assert.equal(
        readingLine(
          readAnswer(
            Array.from(octets, (octet) => Buffer.of(octet)),
            true,
          ),
        ),
        whole,
      );
    }),
    { numRuns: 400 },
  );
});

/** The same octets as Node's own client reads them. */
async function byNode(octets: Buffer): Promise<string> {
  let asked = false;
  const connection = new Duplex({
    read: () => undefined,
    write(_chunk, _encoding, done) {
      done();
      if (asked) return;
      asked = true;
      this.push(octets);
      this.push(null);
    },
  });
  const { promise, resolve } = Promise.withResolvers<string>();
  const agent = new Agent();
  agent.createConnection = () => connection;
  const outgoing = request({ agent, host: "origin.test" });
  outgoing.on("error", () => resolve("broken"));
  outgoing.on("upgrade", () => resolve("broken"));
  outgoing.on("response", (message: IncomingMessage) => {
    const parts: Buffer[] = [];
    message.on("data", (part: Buffer) => parts.push(part));
    message.on("error", () => resolve("broken"));
    message.on("end", () => {
      resolve(message.complete ? `${message.statusCode} ${Buffer.concat(parts).toString("latin1")}` : "broken");
    });
  });
  outgoing.end();
  const line = await promise;
  outgoing.destroy();
  connection.destroy();
  return line;
}

test("INV-MODEL-ANSWER: an answer after which a connection would be used again, Node's own client reads alike", async () => {
  let alikes = 0;
  const alike = async (octets: Buffer, { head, content: read, end }: AnswerReading): Promise<void> => {
    if (end !== "whole, keep 4000") return;
    alikes += 1;
    assert.equal(await byNode(octets), `${head?.status} ${read}`);
  };
  await fc.assert(
    fc.asyncProperty(answers, fc.option(changes, { nil: [], freq: 2 }), async (answer, list) => {
      const octets = changed(written(answer), list);
      await alike(octets, readAnswer([octets], true));
    }),
    { numRuns: 600 },
  );
  assert.ok(alikes > 30, String(alikes));
});
