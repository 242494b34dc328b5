import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LineSplitter } from "../../router/edge/kubernetes/line-splitter.ts";
import { watchEvent } from "../../router/edge/kubernetes/watch-event.ts";

/** Frames of a watch, cut anywhere. */
const text = fc.string({ unit: "grapheme", maxLength: 40 });
const event = fc.record({
  type: fc.constantFrom("ADDED", "MODIFIED", "DELETED"),
  object: fc.record({
    metadata: fc.record({
      name: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
      resourceVersion: fc.nat().map(String),
      annotations: fc.dictionary(text, text, { maxKeys: 4 }),
    }),
    spec: fc.record({ reason: text }),
  }),
});

/** `data` in parts that end at these places. */
function partsOf(data: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (data.length + 1)), data.length])].toSorted(
    (a, b) => a - b,
  );
  return places.slice(1).map((end, at) => data.subarray(places[at], end));
}

test("events are the same, wherever their octets were cut, and however lines end", () => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 6 }),
      fc.constantFrom("\n", "\r\n", "\n\n", "\n \n"),
      fc.array(fc.nat(), { maxLength: 30 }),
      (events, end, cuts) => {
        const data = Buffer.from(events.map((one) => `${JSON.stringify(one)}${end}`).join(""));
        const read: unknown[] = [];
        const lines = new LineSplitter(100_000);
        for (const part of partsOf(data, cuts)) {
          assert.ok(lines.push(part, (line) => read.push(watchEvent(line)) > 0).ok);
        }
        // What JSON makes of them: a key such as `__proto__` is a member like others.
        assert.deepEqual(JSON.stringify(read), JSON.stringify(events));
      },
    ),
  );
});

test("octet by octet, a line is held in a bounded buffer, and one too many ends it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 3_000 }), (maximum, length) => {
      const lines = new LineSplitter(maximum);
      let problem = "";
      let found = 0;
      for (const part of [...Array.from({ length }, () => "x"), "\n"]) {
        const pushed = lines.push(Buffer.from(part), (line) => (found = line.length) > 0);
        if (!pushed.ok) {
          problem = pushed.problem;
          break;
        }
      }
      assert.equal(problem, length > maximum ? "too_long" : "");
      assert.equal(found, length > maximum ? 0 : length);
    }),
    { numRuns: 50 },
  );
});

test("whatever a line is, it is an event or none, and never a throw", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify({ type: "ADDED", object: value })),
      ),
      (line) => {
        const read = watchEvent(line);
        if (read !== undefined && "object" in read) assert.equal(typeof read.object.metadata.name, "string");
      },
    ),
  );
  assert.equal(watchEvent(`{"type":"ADDED","object":${"[".repeat(200_000)}`), undefined);
});
