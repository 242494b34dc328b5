import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { responseMeter, type MeterOptions } from "../../router/core/inference/response-meter.ts";
import { STREAM_FIXTURES, body, type StreamFixture } from "../fakes/model-streams.ts";

const RAW = { streaming: true, dropUsageFrame: false, wholeFrames: false };
const WHOLE = { ...RAW, wholeFrames: true };
const DROP = { ...RAW, dropUsageFrame: true };

/** Everything that a meter shows after a body that came in these chunks, and what it handed on. */
function metered(options: MeterOptions, chunks: readonly Uint8Array[]) {
  const meter = responseMeter(options);
  const out: Buffer[] = [];
  const emit = (bytes: Uint8Array): void => void out.push(Buffer.from(bytes));
  for (const chunk of chunks) {
    // The chunk is the caller's again: what is written into it then must not matter.
    const lent = Uint8Array.from(chunk);
    meter.push(lent, emit);
    lent.fill(0x7b);
  }
  meter.end(emit);
  return {
    bytes: Buffer.concat(out).toString("latin1"),
    usage: meter.usage,
    unstated: meter.unstated,
    native: [...meter.native],
    complete: meter.complete,
    failure: meter.failure,
    garbage: meter.garbage,
    output: meter.outputSoFar,
    started: meter.started,
    id: meter.id,
    model: meter.model,
    finishReasons: meter.finishReasons,
    facts: {
      block: meter.facts.openBlock,
      choices: meter.facts.openChoices,
      created: meter.facts.created,
      sequence: meter.facts.sequence,
    },
  };
}

function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index] ?? 0, edge));
}

/** The frames that a client which did not ask for usage does not get. */
const isUsageChunk = (frame: Uint8Array): boolean => {
  const text = Buffer.from(frame).toString();
  return text.includes('"choices":[]') && text.includes('"usage":{');
};

const chats = (fixture: StreamFixture): boolean => fixture.api === "chat" || fixture.api === "completions";

for (const fixture of STREAM_FIXTURES) {
  const { name, api, frames, usage } = fixture;
  const bytes = body(frames);
  const options = { api, ...(chats(fixture) ? DROP : WHOLE) };
  const expected = metered(options, [bytes]);

  test(`${name}: whole, it is what was written`, () => {
    const raw = metered({ api, ...RAW }, [bytes]);
    assert.equal(raw.bytes, Buffer.from(bytes).toString("latin1"));
    assert.deepEqual({ ...raw.usage, ...usage }, raw.usage);
    const { complete, failure, garbage, started } = raw;
    assert.deepEqual(
      { complete, failure, garbage, started },
      { complete: true, failure: undefined, garbage: undefined, started: true },
    );
    const kept = chats(fixture) ? frames.filter((frame) => !isUsageChunk(frame)) : frames;
    assert.equal(expected.bytes, Buffer.concat(kept).toString("latin1"));
    assert.deepEqual({ ...raw, bytes: "" }, { ...expected, bytes: "" });
  });

  test(`INV-METER-SPLIT: ${name}: split at every octet it is the same`, () => {
    const text = JSON.stringify(expected);
    for (let cut = 1; cut < bytes.length; cut++) {
      const shown = metered(options, [bytes.subarray(0, cut), bytes.subarray(cut)]);
      // A text is compared a hundred times faster than an object.
      if (JSON.stringify(shown) !== text) assert.deepEqual(shown, expected, `cut at ${cut}`);
    }
  });

  test(`${name}: octet by octet it is the same`, () => {
    const single = Array.from(bytes, (octet) => Uint8Array.of(octet));
    assert.deepEqual(metered(options, single), expected);
  });
}

const anyFixture = fc.constantFrom(...STREAM_FIXTURES);
const anyPlaces = fc.array(fc.nat(20_000), { maxLength: 12 });

test("split anywhere, any stream is the same in every mode", () => {
  fc.assert(
    fc.property(anyFixture, anyPlaces, fc.constantFrom(RAW, WHOLE, DROP), (fixture, places, mode) => {
      const bytes = body(fixture.frames);
      const options = { api: fixture.api, ...mode };
      assert.deepEqual(metered(options, cutAt(bytes, places)), metered(options, [bytes]));
    }),
    { numRuns: 300 },
  );
});

test("cut short anywhere, a stream with whole frames hands on all of them, and at the end what is left", () => {
  fc.assert(
    fc.property(anyFixture, fc.nat(20_000), (fixture, place) => {
      const bytes = body(fixture.frames);
      const part = bytes.subarray(0, place % bytes.length);
      const shown = metered({ api: fixture.api, ...WHOLE }, [part]);
      assert.equal(shown.garbage, undefined);
      assert.equal(shown.bytes, Buffer.from(part).toString("latin1"));
    }),
    { numRuns: 300 },
  );
});

test("whatever the octets are, nothing is thrown, nothing is lost raw, and the split does not matter", () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .array(
        fc.constantFrom(
          "data:",
          " ",
          "\n",
          "\r",
          "{",
          "}",
          "[",
          '"',
          "\\",
          '"usage":',
          "null",
          "event: error\n",
          ":",
          "\0",
        ),
        { maxLength: 40 },
      )
      .map((parts) => Uint8Array.from(Buffer.from(parts.join("")))),
  );
  fc.assert(
    fc.property(
      anyFixture,
      noise,
      fc.nat(20_000),
      fc.nat(20_000),
      anyPlaces,
      fc.constantFrom(RAW, WHOLE, DROP),
      (fixture, octets, from, to, places, mode) => {
        const whole = body(fixture.frames);
        const bytes = Buffer.concat([
          whole.subarray(0, from % whole.length),
          octets,
          whole.subarray(to % whole.length),
        ]);
        const options = { api: fixture.api, ...mode };
        const once = metered(options, [bytes]);
        const shown = metered(options, cutAt(bytes, places));
        if (mode === RAW) assert.equal(shown.bytes, bytes.toString("latin1"));
        assert.deepEqual(shown, once);
      },
    ),
    { numRuns: 600 },
  );
});

test("documents: the split does not matter", () => {
  const text = JSON.stringify({
    id: "chatcmpl-1",
    model: "gpt-4o",
    choices: [
      { index: 0, message: { content: 'A "usage":{} — 四' }, finish_reason: "stop" },
      { index: 1, finish_reason: "length" },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2 } },
    error: null,
  });
  const bytes = Uint8Array.from(Buffer.from(` ${text}\n`));
  const options = { api: "chat", ...RAW, streaming: false } as const;
  const expected = metered(options, [bytes]);
  assert.deepEqual([expected.usage?.input, expected.usage?.output, expected.complete], [3, 4, true]);
  assert.deepEqual(expected.finishReasons, ["stop", "length"]);
  for (let cut = 1; cut < bytes.length; cut++) {
    assert.deepEqual(metered(options, [bytes.subarray(0, cut), bytes.subarray(cut)]), expected, `cut at ${cut}`);
  }
  assert.deepEqual(
    metered(
      options,
      Array.from(bytes, (octet) => Uint8Array.of(octet)),
    ),
    expected,
  );
});
