import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { foldName } from "../../router/core/json/fold-name.ts";
import { splice } from "../../router/core/json/splice.ts";
import type { Api } from "../../router/core/inference/api.ts";
import { readFrame, SseFrames } from "../../router/core/inference/sse-frames.ts";
import { declaredTools } from "../../router/core/toolcall/declared-tools.ts";
import { readSource, type SourceNode } from "../../router/core/toolcall/source-tree.ts";
import { ToolCallGate } from "../../router/core/toolcall/tool-call-gate.ts";
import { withoutTools } from "../../router/core/toolcall/without-tools.ts";

const ALLOWED = new Set(["ok", "ask"]);
const judge = (name: string): "allow" | "deny" | "needs_arguments" =>
  name === "ok" ? "allow" : name === "ask" ? "needs_arguments" : "deny";
/** Arguments that say "evil" may not be; nor those that nothing is known of. */
const judgeCall = (_: string, text: string | undefined): "allow" | "deny" =>
  text === undefined || text.includes("evil") ? "deny" : "allow";

interface Passed {
  readonly text: string;
  readonly blocked: boolean;
}

/** The stream in these chunks through the cutter of frames and the gate. */
function passed(api: Api, chunks: readonly Uint8Array[]): Passed {
  const frames = new SseFrames(1_048_576);
  const gate = new ToolCallGate({ api, judge, judgeCall });
  const out: Uint8Array[] = [];
  let blocked = false;
  const take = (bytes: Uint8Array | undefined): void => {
    if (blocked) return;
    const step = bytes === undefined ? gate.end() : gate.frame(bytes);
    if (step.kind === "blocked") blocked = true;
    else out.push(...step.frames.map((frame) => new Uint8Array(frame)));
  };
  for (const chunk of chunks) {
    const own = new Uint8Array(chunk);
    frames.push(own, take);
    own.fill(0);
  }
  const rest = frames.rest();
  if (rest !== undefined) take(rest);
  take(undefined);
  return { text: Buffer.concat(out).toString(), blocked };
}

function cutAt(whole: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const at = [...new Set(cuts.map((cut) => cut % whole.length))].toSorted((one, other) => one - other);
  return [0, ...at].map((from, index) => whole.subarray(from, at[index] ?? whole.length));
}

type Api2 = "chat" | "messages";
/** A frame of a call: `name` where it begins. */
interface Piece {
  readonly call: number;
  readonly name: string | undefined;
  readonly text: string;
}

const piece: fc.Arbitrary<Piece> = fc.record({
  call: fc.integer({ min: 0, max: 3 }),
  name: fc.option(fc.constantFrom("ok", "ask", "rm"), { nil: undefined, freq: 2 }),
  text: fc.constantFrom("", '{"x":', '"evil"', '"fine"', "}", "{}", '{"x":"é"}'),
});
const step = fc.oneof(
  { weight: 4, arbitrary: piece },
  { weight: 2, arbitrary: fc.constantFrom("text", "end", "ping") },
);

function frameOf(api: Api2, one: Piece | string): string {
  const sse = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;
  if (one === "ping") return ": ping\n\n";
  if (api === "chat") {
    if (typeof one === "string") {
      const [delta, finish_reason] = one === "text" ? [{ content: "ü" }, null] : [{}, "tool_calls"];
      return sse({ choices: [{ index: 0, delta, finish_reason }] });
    }
    const { call: index, name, text } = one;
    const call = { index, function: { ...(name === undefined ? {} : { name }), arguments: text } };
    return sse({ choices: [{ index: 0, delta: { tool_calls: [call] } }] });
  }
  if (one === "text") return sse({ type: "content_block_delta", index: 9, delta: { type: "text_delta", text: "ü" } });
  if (typeof one === "string") return sse({ type: "content_block_stop", index: 0 });
  const { call: index, name, text } = one;
  return name === undefined
    ? sse({ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: text } })
    : sse({ type: "content_block_start", index, content_block: { type: "tool_use", name, input: {} } });
}

test("INV-GOV-GATE: what passes does not depend on where the stream was cut, and holds no call that is denied", () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Api2>("chat", "messages"),
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (api, steps, cuts) => {
        const whole = Buffer.from(steps.map((one) => frameOf(api, one)).join(""));
        const expected = passed(api, [whole]);
        assert.deepEqual(passed(api, cutAt(whole, cuts)), expected);
        assert.deepEqual(
          passed(
            api,
            [...whole].map((octet) => Uint8Array.of(octet)),
          ),
          expected,
        );
        assert.ok(whole.toString().startsWith(expected.text), "as it came, from the beginning");
        assert.ok(expected.blocked || expected.text === whole.toString());
        assert.ok(!expected.text.includes('"rm"'));
        for (const one of clientCalls(expected.text, api)) {
          assert.ok(ALLOWED.has(one.name), one.name);
          assert.ok(one.name === "ok" || !one.text.includes("evil"));
        }
      },
    ),
    { numRuns: 300 },
  );
});

interface ClientCall {
  readonly name: string;
  readonly text: string;
}

/** What clients make of the octets: those that put names together, take the first, take the last, and ignore case. */
function clientCalls(text: string, api: Api2): readonly ClientCall[] {
  const calls: ClientCall[] = [];
  for (const ignoresCase of [false, true]) {
    const names = new Map<number, string[]>();
    const texts = new Map<number, string>();
    for (const frame of text.split("\n\n")) {
      const { data } = readFrame(Buffer.from(frame));
      let value: unknown;
      try {
        value = JSON.parse(data ?? "null");
      } catch {
        continue;
      }
      const at = (holder: unknown, name: string): unknown => {
        if (typeof holder !== "object" || holder === null) return undefined;
        const entry = Object.entries(holder).findLast(([key]) =>
          ignoresCase ? foldName(key) === foldName(name) : key === name,
        );
        return entry?.[1] as unknown;
      };
      const add = (index: unknown, name: unknown, more: unknown): void => {
        const key = Number(index ?? 0);
        if (typeof name === "string" && name !== "") names.set(key, [...(names.get(key) ?? []), name]);
        if (typeof more === "string") texts.set(key, (texts.get(key) ?? "") + more);
      };
      if (api === "messages") {
        const block = at(value, "content_block");
        if (at(block, "type") === "tool_use") add(at(value, "index"), at(block, "name"), "");
        add(at(value, "index"), undefined, at(at(value, "delta"), "partial_json"));
        continue;
      }
      const choices = at(value, "choices");
      for (const choice of Array.isArray(choices) ? (choices as unknown[]) : []) {
        const list = at(at(choice, "delta"), "tool_calls");
        for (const call of Array.isArray(list) ? (list as unknown[]) : []) {
          add(at(call, "index"), at(at(call, "function"), "name"), at(at(call, "function"), "arguments"));
        }
      }
    }
    for (const [key, said] of names) {
      const made = texts.get(key) ?? "";
      for (const name of new Set([said.join(""), said[0] ?? "", said.at(-1) ?? ""])) calls.push({ name, text: made });
    }
  }
  return calls;
}

/** Ways to write a member's name that some readers take for it. */
const disguised = (name: string): fc.Arbitrary<string> =>
  fc.constantFrom(
    ...Array.from({ length: 80 }, () => JSON.stringify(name)),
    JSON.stringify(name.toUpperCase()),
    `"${name.slice(0, 1).toUpperCase()}${name.slice(1)}"`,
    `"\\u${name.charCodeAt(0).toString(16).padStart(4, "0")}${name.slice(1)}"`,
    JSON.stringify(`${name}\u0000`),
    JSON.stringify(name.replace("s", "\u017f")),
  );

test("INV-GOV-READINGS: a hostile stream passes no call that any client takes for a denied one", () => {
  const name = fc.constantFrom(
    '"ok"',
    '"ok"',
    '"ok"',
    '"ok"',
    '"ok"',
    '"ok"',
    '"rm"',
    '"r\\u006d"',
    '""',
    "null",
    '"o"',
    '"k"',
  );
  const member = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc
      .array(fc.tuple(disguised(key), value), { minLength: 1, maxLength: 2 })
      .map((all) => all.map(([one, other]) => `${one}:${other}`).join(","));
  const call = fc
    .tuple(
      member("name", name),
      fc.constantFrom("", ',"arguments":"{}"'),
      disguised("function"),
      fc.integer({ min: 0, max: 1 }),
    )
    .map(([names, args, key, index]) => `{"index":${index},${key}:{${names}${args}}}`);
  const data = fc
    .tuple(
      member(
        "tool_calls",
        fc.array(call, { maxLength: 2 }).map((calls) => `[${calls.join(",")}]`),
      ),
      disguised("delta"),
      disguised("choices"),
    )
    .map(([calls, delta, choices]) => `{${choices}:[{${delta}:{${calls}}}]}`);
  const frame = fc
    .tuple(data, fc.constantFrom("data: ", "data:", "data:\ndata: "))
    .map(([text, field]) => `${field}${text}\n\n`);
  let passes = 0;
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 3 }), (frames) => {
      const { text } = passed("chat", [Buffer.from(frames.join(""))]);
      if (text.includes("ok")) passes += 1;
      for (const one of clientCalls(text, "chat")) assert.ok(ALLOWED.has(one.name), `${one.name} of ${text}`);
    }),
    { numRuns: 3_000 },
  );
  assert.ok(passes > 50, `${passes}`);
});

/** The value that a tree stands for. */
function valueOf(node: SourceNode): unknown {
  if (node.kind === "list") return node.items.map(valueOf);
  if (node.kind !== "object") return node.value;
  return Object.fromEntries([...node.members].map(([name, value]) => [name, valueOf(value)]));
}

test("a source tree stands for what JSON.parse reads, and its offsets for the same texts", () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom("", " ", "\n\t"), (text, space) => {
      const written = space + JSON.stringify(JSON.parse(text), undefined, space) + space;
      const source = readSource(written);
      if (source === undefined) return assert.match(text, /\\ud/);
      assert.deepEqual(valueOf(source.root), JSON.parse(written));
      const check = (node: SourceNode): void => {
        const own = Buffer.from(source.octets.subarray(node.at, node.end)).toString();
        assert.deepEqual(JSON.parse(own), valueOf(node));
        if (node.kind === "list") node.items.forEach(check);
        if (node.kind === "object") node.members.forEach(check);
      };
      return check(source.root);
    }),
    { numRuns: 500 },
  );
});

test("INV-GOV-REMOVED: tools that are taken out are gone, all others and all else are as they were", () => {
  const tool = fc.record({ name: fc.constantFrom("a", "b", "c", "d"), description: fc.string() });
  fc.assert(
    fc.property(
      fc.array(tool, { minLength: 1, maxLength: 6 }),
      fc.subarray(["a", "b", "c", "d"]),
      fc.dictionary(fc.constantFrom("x", "y", "messages"), fc.jsonValue()),
      fc.constantFrom(0, 1, 2),
      fc.array(fc.nat(), { maxLength: 6 }),
      (tools, removed, rest, space, cuts) => {
        const before = { ...rest, tools, tool_choice: { type: "auto" } };
        const whole = Buffer.from(JSON.stringify(before, undefined, space));
        const declared = declaredTools("messages", cutAt(whole, cuts));
        // Half of a surrogate pair in a name, or two names of one reading.
        if (!declared.ok) return assert.equal(declared.problem.code, "unreadable");
        const edits = withoutTools(declared.value, new Set(removed));
        if (!edits.ok) return assert.equal(edits.problem.code, "tools_needed");
        const after = JSON.parse(Buffer.concat(splice([whole], edits.value).chunks).toString()) as unknown;
        const left = tools.filter(({ name }) => !removed.includes(name));
        const kept = left.length === 0 ? {} : { tools: left, tool_choice: { type: "auto" } };
        return assert.deepEqual(after, JSON.parse(JSON.stringify({ ...rest, ...kept })));
      },
    ),
    { numRuns: 300 },
  );
});
