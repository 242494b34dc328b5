import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { type AgentTrace, agentTrace } from "../../../../router/core/telemetry/agent-trace.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const parent = (flags: string, version = "00", more = ""): string => `${version}-${TRACE}-${SPAN}-${flags}${more}`;

function read(traceparents: readonly string[], tracestates: readonly string[] = []): AgentTrace | undefined {
  const field = (name: string) => (value: string) => ({ name, rawName: name, value });
  return agentTrace({ fields: [...traceparents.map(field("traceparent")), ...tracestates.map(field("tracestate"))] });
}

const parents: readonly [name: string, values: readonly string[], expected: string][] = [
  ["sampled", [parent("01")], "sampled"],
  ["not sampled", [parent("00")], "neither"],
  ["random", [parent("02")], "random"],
  ["both", [parent("03")], "both"],
  ["flags that nobody has defined", [parent("fd")], "sampled"],
  ["a later version with more", [parent("03", "01", "-what-ever")], "both"],
  ["none", [], "no trace"],
  ["two", [parent("01"), parent("01")], "no trace"],
  ["upper case", [parent("01").toUpperCase()], "no trace"],
  ["version ff", [parent("01", "ff")], "no trace"],
  ["more than version 00 has", [parent("01", "00", "-x")], "no trace"],
  ["a trace of zeros", [parent("01").replace(TRACE, "0".repeat(32))], "no trace"],
  ["a line behind it", [`${parent("01")}\n`], "no trace"],
];

for (const [name, values, expected] of parents) {
  test(`traceparent: ${name}`, () => {
    const found = read(values, ["a=1"]);
    const flags = { truefalse: "sampled", falsetrue: "random", truetrue: "both", falsefalse: "neither" };
    const key = `${found?.sampled}${found?.random}` as keyof typeof flags;
    assert.equal(found === undefined ? "no trace" : flags[key], expected);
    if (found !== undefined) assert.deepEqual([found.trace, found.span, found.state], [TRACE, SPAN, "a=1"]);
  });
}

const long = `a=${"x".repeat(256)}`;
const states: readonly [name: string, values: readonly string[], expected: string | undefined][] = [
  ["none", [], undefined],
  ["one member", ["congo=t61rcWkgMzE"], "congo=t61rcWkgMzE"],
  ["a tenant's", ["fw529a3039@dt=FfAxyz"], "fw529a3039@dt=FfAxyz"],
  ["several fields are one list", ["a=1,b=2", "c=3"], "a=1,b=2,c=3"],
  ["blanks around members, and empty ones", [" a=1 ,, b=2\t,"], "a=1,b=2"],
  ["only empty members", [",,"], undefined],
  ["512 characters", [`${long},b=${"y".repeat(251)}`], `${long},b=${"y".repeat(251)}`],
  ["513 characters", [`${long},b=${"y".repeat(252)}`], undefined],
  [
    "32 members",
    [Array.from({ length: 32 }, (_, n) => `k${n}=1`).join()],
    Array.from({ length: 32 }, (_, n) => `k${n}=1`).join(),
  ],
  ["33 members", [Array.from({ length: 33 }, (_, n) => `k${n}=1`).join()], undefined],
  ["33 fields", Array.from({ length: 33 }, () => "a=1"), undefined],
  ["no value", ["a="], undefined],
  ["no key", ["=1"], undefined],
  ["no equals", ["a"], undefined],
  ["two equals", ["a=1=2"], undefined],
  ["upper case in a key", ["A=1"], undefined],
  ["a value of 257", [`a=${"x".repeat(257)}`], undefined],
  ["a control character", ["a=1\u0001"], undefined],
  ["a line", ["a=1\r\nauthorization: x"], undefined],
  ["beyond ASCII", ["a=é"], undefined],
];

for (const [name, values, expected] of states) {
  test(`tracestate: ${name}`, () => assert.equal(read([parent("01")], values)?.state, expected));
}

test("a tracestate without a trace is void", () => assert.equal(read(["garbage"], ["a=1"]), undefined));

test("whatever the fields hold, what is passed on is printable and bounded", () => {
  const unit = fc.constantFrom("a", "=", ",", " ", "1", "@", "\n", "é", "*", "-", "x".repeat(80));
  const text = fc.array(unit, { maxLength: 60 }).map((units) => units.join(""));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), (values) => {
      const state = read([parent("01")], values)?.state;
      assert.ok(state === undefined || (/^[\u0020-\u007e]+$/.test(state) && state.length <= 512));
      if (state !== undefined) assert.equal(read([parent("01")], [state])?.state, state);
    }),
    { numRuns: 500 },
  );
});
