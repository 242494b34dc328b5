import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { RealtimeGate } from "../../../../router/app/inference/realtime-gate.ts";
import { RealtimeMeter } from "../../../../router/app/inference/realtime-meter.ts";
import { leakPattern } from "../../../../router/core/credential/leak-pattern.ts";
import { secretForms } from "../../../../router/core/credential/secret-forms.ts";
import { fragments, frame } from "../../../fakes/websocket-frame.ts";

const SECRET = "sk-provider-secret-0123456789";
const pattern = leakPattern(secretForms([SECRET]));

/** What went out, and why it was cut. */
function passed(chunks: readonly Uint8Array[]): { readonly out: Buffer; readonly fault: string | undefined } {
  const gate = new RealtimeGate(pattern, new RealtimeMeter());
  const out: Uint8Array[] = [];
  for (const chunk of chunks) {
    const fault = gate.push(chunk, (octets) => out.push(octets.slice()));
    if (fault !== undefined) return { out: Buffer.concat(out), fault };
  }
  return { out: Buffer.concat(out), fault: undefined };
}

function splitAt(all: Buffer, size: number): readonly Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < all.length; at += size) chunks.push(all.subarray(at, at + size));
  return chunks;
}

const leaks: readonly (readonly [name: string, sent: Buffer])[] = [
  ["in a text", frame(`{"key":"${SECRET}"}`)],
  ["in a binary message", frame(`..${SECRET}..`, { opcode: 2 })],
  ["as base64", frame(Buffer.from(`x${SECRET}`).toString("base64"))],
  ["in fragments of one octet", fragments(`a ${SECRET} b`, 1)],
  ["in fragments of nine octets", fragments(`a ${SECRET} b`, 9)],
  [
    "with a ping between its fragments",
    Buffer.concat([
      frame(SECRET.slice(0, 10), { final: false }),
      frame("sk-prov", { opcode: 9 }),
      frame("", { opcode: 0, final: false }),
      frame(SECRET.slice(10), { opcode: 0 }),
    ]),
  ],
  ["in a ping", frame(SECRET, { opcode: 9 })],
  ["in the reason of a close", frame(`\u0003\u0003${SECRET}`, { opcode: 8 })],
  [
    "in a pong within a message that ends like its beginning",
    Buffer.concat([frame("...sk-pro", { final: false }), frame(SECRET, { opcode: 10 })]),
  ],
  ["in the second message", Buffer.concat([frame("sk-provider"), frame(SECRET)])],
];
for (const [name, sent] of leaks) {
  test(`INV-MODEL-LEAK: a secret ${name} cuts a Realtime connection before an octet of it is out`, () => {
    for (const size of [1, 2, 3, 7, 16, 1_000]) {
      const { out, fault } = passed(splitAt(sent, size));
      assert.match(fault ?? "", /credential/, `chunks of ${size}`);
      assert.ok(sent.subarray(0, out.length).equals(out), "what went out is what came");
      const text = out.toString("latin1");
      // Of a secret not even the beginning: what ends in one belongs to another, whole message.
      assert.ok(!text.endsWith("sk-p") && !text.includes("secret"), text);
    }
  });
}

const whole: readonly (readonly [name: string, sent: Buffer])[] = [
  ["a message that ends as a secret begins", frame("this ends in sk-provider-secret-01")],
  ["one octet", frame("s")],
  ["a ping that ends so", frame("sk-", { opcode: 9 })],
  ["a close that ends so", frame("\u0003\u0003sk-prov", { opcode: 8 })],
  ["fragments that end so", fragments("sk-provider", 4)],
  [
    "a secret in two messages, which no reader puts together",
    Buffer.concat([frame(SECRET.slice(0, 9)), frame(SECRET.slice(9))]),
  ],
];
for (const [name, sent] of whole) {
  test(`Realtime frames wait no longer than their message: ${name}`, () => {
    for (const size of [1, 2, 5, 1_000]) {
      const { out, fault } = passed(splitAt(sent, size));
      assert.equal(fault, undefined);
      assert.ok(out.equals(sent), `chunks of ${size}: ${out.length} of ${sent.length} octets are out`);
    }
  });
}

test("Realtime frames pass unchanged and in order, however they are split", () => {
  const piece = fc.constantFrom(
    "a",
    "sk-",
    "sk-provider-",
    "secret",
    "s",
    "",
    "sk-provider-secret-012345678",
    "0",
    "€",
  );
  const message = fc.record({
    text: fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join("")),
    size: fc.integer({ min: 1, max: 40 }),
    opcode: fc.constantFrom(1, 2, 9),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.integer({ min: 1, max: 50 }), (messages, size) => {
      const parts = messages.map(({ text, size: octets, opcode }) =>
        opcode === 9 || text === "" ? frame(text.slice(0, 40), { opcode }) : fragments(text, octets, opcode),
      );
      const sent = Buffer.concat(parts);
      const holds = messages.some(({ text, opcode }) => (opcode === 9 ? text.slice(0, 40) : text).includes(SECRET));
      const { out, fault } = passed(splitAt(sent, size));
      assert.equal(fault !== undefined, holds);
      assert.ok(sent.subarray(0, out.length).equals(out));
      if (!holds) assert.equal(out.length, sent.length);
    }),
    { numRuns: 300 },
  );
});

test("a provider that sends empty fragments while something waits is cut", () => {
  const gate = new RealtimeGate(pattern, new RealtimeMeter());
  const ignore = (): void => undefined;
  assert.equal(gate.push(frame("sk-provider", { final: false }), ignore), undefined);
  const empty = Buffer.concat(Array.from({ length: 10_000 }, () => frame("", { opcode: 0, final: false })));
  let fault: string | undefined;
  let pushed = 0;
  while (fault === undefined && pushed < 100) {
    fault = gate.push(empty, ignore);
    pushed += 1;
  }
  assert.match(fault ?? "", /without payload/);
  assert.ok(pushed <= 15, `${pushed} chunks of 20 kB`);
});

test("what is no frame cuts, and nothing of its chunk is out", () => {
  const { out, fault } = passed([frame("well"), Buffer.concat([frame("well"), Buffer.from("HTTP/1.1 200 OK")])]);
  assert.match(fault ?? "", /extension/);
  assert.ok(out.equals(frame("well")));
});

interface MeterRow {
  readonly name: string;
  readonly sent: readonly Buffer[];
  readonly tokens: string;
}

const created = frame('{"type":"response.created","response":{"id":"r"}}');
const doneText = (input: number, output: number, more = ""): string =>
  `{"type":"response.done","more":"${more}","response":{"usage":{"input_tokens":${input},"output_tokens":${output}}}}`;
const meterRows: readonly MeterRow[] = [
  { name: "nothing", sent: [], tokens: "none" },
  { name: "one response", sent: [created, frame(doneText(3, 4))], tokens: "3+4" },
  { name: "two responses", sent: [created, frame(doneText(3, 4)), created, frame(doneText(5, 6))], tokens: "8+10" },
  { name: "one still under way", sent: [created, frame(doneText(3, 4)), created], tokens: "3+4 partial" },
  { name: "in fragments of an octet", sent: [created, fragments(doneText(3, 4), 1)], tokens: "3+4" },
  {
    name: "in fragments of seven octets",
    sent: [created, fragments(doneText(3, 4, "x".repeat(3_000)), 7)],
    tokens: "3+4",
  },
  { name: "in a binary message", sent: [frame(doneText(3, 4), { opcode: 2 })], tokens: "none" },
  {
    name: "in what the model says",
    sent: [frame(JSON.stringify({ type: "delta", text: doneText(3, 4) }))],
    tokens: "none",
  },
  { name: "without usage", sent: [created, frame('{"type":"response.done","response":{}}')], tokens: "none partial" },
  { name: "too long to be read", sent: [created, frame(doneText(3, 4, "x".repeat(300_000)))], tokens: "none partial" },
  {
    name: "after one that is too long",
    sent: [created, frame(doneText(1, 1, "x".repeat(300_000))), created, frame(doneText(3, 4))],
    tokens: "3+4 partial",
  },
];
for (const { name, sent, tokens } of meterRows) {
  test(`the usage of a Realtime connection: ${name}`, () => {
    for (const size of [13, 16_384]) {
      const meter = new RealtimeMeter();
      const gate = new RealtimeGate(undefined, meter);
      const all = Buffer.concat(sent);
      // The long ones in small chunks would only take time.
      for (const chunk of splitAt(all, all.length > 10_000 ? 16_384 : size)) {
        assert.equal(
          gate.push(chunk, () => undefined),
          undefined,
        );
      }
      const { usage } = meter;
      const counts = usage === undefined ? "none" : `${usage.input}+${usage.output}`;
      assert.equal(meter.partial ? `${counts} partial` : counts, tokens);
    }
  });
}
