import assert from "node:assert/strict";
import { test } from "node:test";
import { traceContext } from "../../../../router/core/wire/traceparent.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const FOUND = { trace: TRACE, span: SPAN };

const rows: readonly [name: string, values: readonly string[], found: typeof FOUND | undefined][] = [
  ["the example of the specification", [`00-${TRACE}-${SPAN}-01`], FOUND],
  ["not sampled", [`00-${TRACE}-${SPAN}-00`], FOUND],
  ["a later version that goes on", [`cc-${TRACE}-${SPAN}-01-what-comes`], FOUND],
  ["none", [], undefined],
  ["two", [`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`], undefined],
  ["version ff", [`ff-${TRACE}-${SPAN}-01`], undefined],
  ["version 00 that goes on", [`00-${TRACE}-${SPAN}-01-x`], undefined],
  ["capital letters", [`00-${TRACE.toUpperCase()}-${SPAN}-01`], undefined],
  ["a trace of zeros", [`00-${"0".repeat(32)}-${SPAN}-01`], undefined],
  ["a span of zeros", [`00-${TRACE}-${"0".repeat(16)}-01`], undefined],
  ["a short trace", [`00-${TRACE.slice(1)}-${SPAN}-01`], undefined],
  ["text that steers a terminal", [`00-${TRACE}-${SPAN}-01\u001b[2J`], undefined],
  ["a long one", [`00-${TRACE}-${SPAN}-01${"-x".repeat(100_000)}`], undefined],
];

for (const [name, values, found] of rows) {
  test(`traceparent: ${name}`, () => {
    const fields = values.map((value) => ({ name: "traceparent", rawName: "traceparent", value }));
    assert.deepEqual(traceContext({ fields }), found);
  });
}
