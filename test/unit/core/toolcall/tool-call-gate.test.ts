import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../../../../router/core/inference/api.ts";
import { bedrockEvent } from "../../../../router/core/inference/stream-frame.ts";
import { ToolCallGate } from "../../../../router/core/toolcall/tool-call-gate.ts";

/** Judged by name: `ok...` may, `rm...` may not, `ask...` depends on `"safe":true`; all else may not. */
const POLICY = {
  judge: (name: string) => (name.startsWith("ok") ? "allow" : name.startsWith("ask") ? "needs_arguments" : "deny"),
  judgeCall: (_: string, text: string | undefined) => (text?.includes('"safe":true') === true ? "allow" : "deny"),
} as const;

interface Gated {
  /** Frames that went on, by their place. */
  readonly out: readonly number[];
  /** By frame: how many waited after it. */
  readonly held: readonly number[];
  readonly blocked: string | undefined;
  /** What the policy was asked. */
  readonly asked: readonly string[];
}

function gated(api: Api, frames: readonly Uint8Array[], maximumHeld?: number): Gated {
  const asked: string[] = [];
  const gate = new ToolCallGate({
    api,
    ...(maximumHeld === undefined ? {} : { maximumHeld }),
    judge: (name) => {
      asked.push(name);
      return POLICY.judge(name);
    },
    judgeCall: (name, text) => {
      asked.push(`${name}(${text})`);
      return POLICY.judgeCall(name, text);
    },
  });
  const out: number[] = [];
  const held: number[] = [];
  let next = 0;
  for (const frame of [...frames, undefined]) {
    // Whoever gave the octets uses them again.
    const bytes = frame && new Uint8Array(frame);
    const step = bytes === undefined ? gate.end() : gate.frame(bytes);
    if (step.kind === "blocked") {
      assert.deepEqual(gate.end(), step, "for good");
      assert.deepEqual(gate.frame(text("chat", "x")), step, "for good");
      return { out, held, blocked: `${step.why} ${step.name ?? ""}`.trim(), asked };
    }
    for (const emitted of step.frames) {
      assert.deepEqual(Buffer.from(emitted), Buffer.from(frames[next] ?? []), "as it came, in order");
      out.push(next);
      next += 1;
    }
    bytes?.fill(0x78);
    if (frame !== undefined) held.push(gate.held);
  }
  return { out, held, blocked: undefined, asked };
}

const octets = (frame: string): Uint8Array => new TextEncoder().encode(frame);
const sse = (data: unknown, event?: string): Uint8Array =>
  octets(
    `${event === undefined ? "" : `event: ${event}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`,
  );
const DONE = sse("[DONE]");

type Tool = { index?: unknown; id?: string; type?: string; function?: unknown; custom?: unknown; name?: string };
const chat = (delta: object, finish: string | null = null, index = 0): Uint8Array =>
  sse({ id: "c", choices: [{ index, delta, finish_reason: finish }] });
const tools = (...tool_calls: readonly Tool[]): Uint8Array => chat({ tool_calls });
const begin = (name: string, index = 0, args = ""): Tool => ({
  index,
  id: `call_${index}`,
  type: "function",
  function: { name, arguments: args },
});
const more = (args: string, index = 0): Tool => ({ index, function: { arguments: args } });
const finish = chat({}, "tool_calls");
function text(api: "chat" | "messages", content: string): Uint8Array {
  return api === "chat"
    ? chat({ content })
    : sse(
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: content } },
        "content_block_delta",
      );
}

const start = (index: number, block: object): Uint8Array =>
  sse({ type: "content_block_start", index, content_block: block }, "content_block_start");
const use = (index: number, name: string): Uint8Array => start(index, { type: "tool_use", id: "t", name, input: {} });
const input = (index: number, partial_json: string): Uint8Array =>
  sse({ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json } }, "content_block_delta");
const stop = (index: number): Uint8Array => sse({ type: "content_block_stop", index }, "content_block_stop");

const item = (step: "added" | "done", output_index: number, it: object): Uint8Array =>
  sse({ type: `response.output_item.${step}`, output_index, item: it });
const fcall = (name: string, args: string): object => ({
  type: "function_call",
  id: "fc",
  call_id: "c",
  name,
  arguments: args,
});
const argsDelta = (output_index: number, delta: string): Uint8Array =>
  sse({ type: "response.function_call_arguments.delta", output_index, delta });
const argsDone = (output_index: number, args: string): Uint8Array =>
  sse({ type: "response.function_call_arguments.done", output_index, arguments: args });
const completed = (...output: readonly object[]): Uint8Array =>
  sse({
    type: "response.completed",
    response: { object: "response", tools: [{ type: "function", name: "rm" }], output },
  });

const part = (...parts: readonly object[]): Uint8Array => sse({ candidates: [{ content: { parts }, index: 0 }] });
const line = (value: object): Uint8Array => octets(`${JSON.stringify(value)}\n`);
const chunk = (value: object): Uint8Array =>
  bedrockEvent("chunk", { bytes: Buffer.from(JSON.stringify(value)).toString("base64") });

const SAFE = '{"safe":true}';
const EVIL = '{"safe":false}';
const all = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

interface Row {
  readonly name: string;
  readonly api: Api;
  readonly frames: readonly Uint8Array[];
  /** Undefined: all. */
  readonly out?: readonly number[];
  readonly blocked?: string;
  readonly held?: readonly number[];
  readonly asked?: readonly string[];
}

const rows: readonly Row[] = [
  // Chat.
  {
    name: "text flows",
    api: "chat",
    frames: [text("chat", "a"), text("chat", "b"), chat({}, "stop"), DONE],
    held: [0, 0, 0, 0],
    asked: [],
  },
  {
    name: "comments and empty frames flow",
    api: "chat",
    frames: [octets(": ping\n\n"), octets("\n"), octets("id: 1\nretry: 5\n\n")],
    held: [0, 0, 0],
  },
  {
    name: "allowed by its name, a call flows",
    api: "chat",
    frames: [tools(begin("ok")), tools(more("{")), tools(more("}")), finish, DONE],
    held: [0, 0, 0, 0, 0],
    asked: ["ok"],
  },
  {
    name: "denied by its name",
    api: "chat",
    frames: [text("chat", "a"), tools(begin("rm"))],
    out: [0],
    blocked: "denied rm",
  },
  {
    name: "held until the finish, then allowed",
    api: "chat",
    frames: [text("chat", "a"), tools(begin("ask")), tools(more('{"safe"')), tools(more(":true}")), finish, DONE],
    held: [0, 1, 2, 3, 0, 0],
    asked: ["ask", `ask(${SAFE})`],
  },
  {
    name: "held, then denied",
    api: "chat",
    frames: [text("chat", "a"), tools(begin("ask")), tools(more(EVIL)), finish],
    out: [0],
    blocked: "denied ask",
  },
  { name: "held until [DONE]", api: "chat", frames: [tools(begin("ask", 0, SAFE)), DONE], held: [1, 0] },
  { name: "held until the stream's end", api: "chat", frames: [tools(begin("ask", 0, SAFE))], held: [1] },
  {
    name: "text and pings behind a call wait with it",
    api: "chat",
    frames: [tools(begin("ask", 0, SAFE)), text("chat", "b"), octets(": ping\n\n"), finish],
    held: [1, 2, 3, 0],
  },
  {
    name: "a frame with text and a denied call",
    api: "chat",
    frames: [chat({ content: "a", tool_calls: [begin("rm")] })],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "a frame with two calls, one denied",
    api: "chat",
    frames: [tools(begin("ok", 0), begin("rm", 1))],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "interleaved calls",
    api: "chat",
    frames: [
      tools(begin("ask", 0)),
      tools(begin("ask2", 1)),
      tools(more('{"safe"', 0)),
      tools(more('{"safe"', 1)),
      tools(more(":true}", 1)),
      tools(more(":true}", 0)),
      finish,
    ],
    held: [1, 2, 3, 4, 5, 6, 0],
  },
  {
    name: "interleaved calls, the second denied",
    api: "chat",
    frames: [tools(begin("ask", 0)), tools(begin("ask2", 1)), tools(more(SAFE, 0)), tools(more(EVIL, 1)), finish],
    out: [],
    blocked: "denied ask2",
  },
  {
    name: "an allowed call behind one that waits",
    api: "chat",
    frames: [tools(begin("ask", 0)), tools(begin("ok", 1)), tools(more("{}", 1)), tools(more(SAFE, 0)), finish],
    held: [1, 2, 3, 4, 0],
  },
  {
    name: "calls of two choices, each with its own finish",
    api: "chat",
    frames: [
      chat({ tool_calls: [begin("ask", 0, SAFE)] }, null, 1),
      chat({}, "tool_calls", 0),
      chat({}, "tool_calls", 1),
    ],
    held: [1, 2, 0],
  },
  {
    name: "choices 1 and 10 are two",
    api: "chat",
    frames: [chat({ tool_calls: [begin("ask", 0, SAFE)] }, null, 10), chat({}, "stop", 1), chat({}, "stop", 10)],
    held: [1, 2, 0],
  },
  {
    name: "a name split over frames",
    api: "chat",
    frames: [tools(begin("ok")), tools({ index: 0, function: { name: "_rm" } })],
    out: [0],
    blocked: "changed ok",
  },
  {
    name: "a name said again",
    api: "chat",
    frames: [tools(begin("ok")), tools(begin("ok"))],
    out: [0],
    blocked: "changed ok",
  },
  {
    name: "a name changed while it waits",
    api: "chat",
    frames: [tools(begin("ask")), tools(begin("ok"))],
    out: [],
    blocked: "changed ask",
  },
  {
    name: "an empty name later is none",
    api: "chat",
    frames: [tools(begin("ok")), tools({ index: 0, function: { name: "", arguments: "{}" } }), finish],
  },
  {
    name: "a name after its arguments",
    api: "chat",
    frames: [tools({ index: 0, id: "c" }), tools(more(SAFE)), tools({ index: 0, function: { name: "ask" } }), finish],
    held: [1, 2, 3, 0],
    asked: ["ask", `ask(${SAFE})`],
  },
  {
    name: "a denied name after its arguments",
    api: "chat",
    frames: [tools(more(SAFE)), tools({ index: 0, function: { name: "rm" } })],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "a call that never has a name",
    api: "chat",
    frames: [tools(more(SAFE)), finish],
    out: [],
    blocked: "unnamed",
  },
  {
    name: "arguments after the end",
    api: "chat",
    frames: [tools(begin("ask", 0, SAFE)), finish, tools(more(`,"x":1`))],
    out: [0, 1],
    blocked: "changed ask",
  },
  {
    name: "calls without an index are one",
    api: "chat",
    frames: [tools({ function: { name: "ok" } }), tools({ function: { name: "ok2" } })],
    out: [0],
    blocked: "changed ok",
  },
  {
    name: "two calls without an index, by their ids, both allowed",
    api: "chat",
    frames: [
      tools({ id: "a", type: "function", function: { name: "ok", arguments: "{}" } }),
      tools({ id: "b", type: "function", function: { name: "ask", arguments: SAFE } }),
      finish,
    ],
    held: [0, 1, 0],
    asked: ["ok", "ask", `ask(${SAFE})`],
  },
  {
    name: "two in one frame without an index",
    api: "chat",
    frames: [tools({ id: "a", function: { name: "ok" } }, { id: "b", function: { name: "ok2" } }), finish],
    asked: ["ok", "ok2"],
  },
  {
    name: "of two calls without an index one is denied",
    api: "chat",
    frames: [
      tools({ id: "a", type: "function", function: { name: "ok", arguments: "{}" } }),
      tools({ id: "b", type: "function", function: { name: "rm", arguments: "{}" } }),
    ],
    out: [0],
    blocked: "denied rm",
  },
  {
    name: "the only call without an index goes on without its id",
    api: "chat",
    frames: [tools({ id: "a", function: { name: "ask" } }), tools({ function: { arguments: SAFE } }), finish],
    held: [1, 2, 0],
    asked: ["ask", `ask(${SAFE})`],
  },
  {
    name: "which of two calls goes on cannot be told",
    api: "chat",
    frames: [
      tools({ id: "a", function: { name: "ask" } }, { id: "b", function: { name: "ask" } }),
      tools({ function: { arguments: SAFE } }),
    ],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "an id says another name",
    api: "chat",
    frames: [tools({ id: "a", function: { name: "ok" } }), tools({ id: "a", function: { name: "_rm" } })],
    out: [0],
    blocked: "changed ok",
  },
  {
    name: "with an index and without",
    api: "chat",
    frames: [tools(begin("ok")), tools({ id: "b", function: { name: "_rm" } })],
    out: [0],
    blocked: "unreadable _rm",
  },
  {
    name: "without an index and with",
    api: "chat",
    frames: [tools({ id: "b", function: { name: "ok" } }), tools(begin("_rm"))],
    out: [0],
    blocked: "unreadable _rm",
  },
  {
    name: "arguments without an index belong to the first",
    api: "chat",
    frames: [tools(begin("ask", 1)), tools({ function: { arguments: SAFE } })],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "one index with two ids",
    api: "chat",
    frames: [
      tools({ index: 0, id: "a", function: { name: "ok" } }),
      tools({ index: 0, id: "b", function: { name: "ok" } }),
    ],
    out: [0],
    blocked: "changed ok",
  },
  {
    name: "calls of two choices without an index are two",
    api: "chat",
    frames: [
      chat({ tool_calls: [{ id: "a", function: { name: "ask", arguments: SAFE } }] }, null, 0),
      chat({ tool_calls: [{ id: "a", function: { name: "ok" } }] }, null, 1),
      chat({}, "tool_calls", 0),
      chat({}, "tool_calls", 1),
    ],
    held: [1, 2, 0, 0],
  },
  {
    name: "an index that is a text",
    api: "chat",
    frames: [tools({ index: "0", function: { name: "ok" } })],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "arguments that are no JSON are not known",
    api: "chat",
    frames: [tools(begin("ask", 0, `${SAFE}x`)), finish],
    out: [],
    blocked: "denied ask",
    asked: ["ask", "ask(undefined)"],
  },
  {
    name: "arguments with twins are not known",
    api: "chat",
    frames: [tools(begin("ask", 0, '{"safe":false,"safe":true}')), finish],
    out: [],
    blocked: "denied ask",
    asked: ["ask", "ask(undefined)"],
  },
  {
    name: "a custom tool's input",
    api: "chat",
    frames: [
      tools({ index: 0, type: "custom", custom: { name: "ask", input: '{"safe"' } }),
      tools({ index: 0, custom: { input: ":true}" } }),
      finish,
    ],
    out: [],
    blocked: "denied ask",
    asked: ["ask", 'ask("{\\"safe\\":true}")'],
  },
  {
    name: "a call that is both, function and custom",
    api: "chat",
    frames: [tools(begin("ask", 0, SAFE)), tools({ index: 0, custom: { input: "x" } }), finish],
    out: [],
    blocked: "denied ask",
    asked: ["ask", "ask(undefined)"],
  },
  {
    name: "the older form",
    api: "chat",
    frames: [
      chat({ function_call: { name: "ask", arguments: "" } }),
      chat({ function_call: { arguments: EVIL } }),
      chat({}, "function_call"),
    ],
    out: [],
    blocked: "denied ask",
  },
  {
    name: "a whole message in a stream",
    api: "chat",
    frames: [sse({ choices: [{ index: 0, message: { tool_calls: [begin("rm")] } }] })],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "an escaped name of a member",
    api: "chat",
    frames: [sse('{"choices":[{"delta":{"tool\\u005fcalls":[{"function":{"na\\u006de":"r\\u006d"}}]}}]}')],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "members of one name",
    api: "chat",
    frames: [sse('{"choices":[{"delta":{"tool_calls":[{"function":{"name":"ok","name":"rm"}}]}}]}')],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "two choices members",
    api: "chat",
    frames: [sse('{"choices":[],"choices":[{"delta":{"tool_calls":[{"function":{"name":"rm"}}]}}]}')],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "members in another case",
    api: "chat",
    frames: [sse('{"choices":[{"delta":{"TOOL_CALLS":[{"function":{"name":"rm"}}]}}]}')],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "choices in another case",
    api: "chat",
    frames: [sse('{"Choices":[{"delta":{"tool_calls":[{"function":{"name":"rm"}}]}}]}')],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "data over several lines",
    api: "chat",
    frames: [octets('data: {"choices":[{"delta":{"tool_calls":\ndata: [{"function":{"name":"rm"}}]}}]}\n\n')],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "a line for each document, as some clients read",
    api: "chat",
    frames: [
      octets('data: {"choices":[]}\ndata: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"rm"}}]}}]}\n\n'),
    ],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "data in another case",
    api: "chat",
    frames: [octets('Data: {"tool_calls":[]}\nx\n\n')],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "a call in a frame without an end",
    api: "chat",
    frames: [octets('data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"rm"}}]}}]}')],
    out: [],
    blocked: "denied rm",
  },
  { name: "a frame that is no JSON", api: "chat", frames: [sse('{"tool_calls"')], out: [], blocked: "unreadable" },
  { name: "a call after [DONE]", api: "chat", frames: [DONE, tools(begin("rm"))], out: [0], blocked: "denied rm" },
  { name: "an API without calls", api: "completions", frames: [sse("{x"), tools(begin("rm"))] },

  {
    name: "what cannot hold a call goes on, whatever it is",
    api: "chat",
    frames: [sse("{x"), octets('Data: {"x":1\n\n'), sse('{"x":1,"x":2}')],
    held: [0, 0, 0],
  },
  {
    name: "the same when a call has been there",
    api: "chat",
    frames: [tools(begin("ok")), sse('{"x":1,"x":2}')],
    out: [0],
    blocked: "unreadable",
  },
  {
    name: "a word cut by the lines of data, as some clients join them",
    api: "chat",
    frames: [octets('data: {"choices":[{"delta":{"to\ndata: ol_ca\ndata: lls":[{"function":{"name":"rm"}}]}}]}\n\n')],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "every word of a call escaped",
    api: "chat",
    frames: [sse('{"choices":[{"delta":{"t\\u006fol_c\\u0061lls":[{"functi\\u006fn":{"name":"rm"}}]}}]}')],
    out: [],
    blocked: "denied rm",
  },
  // Messages.
  {
    name: "messages: text, thinking and searches flow",
    api: "messages",
    frames: [
      start(0, { type: "text", text: "" }),
      text("messages", "a"),
      stop(0),
      start(1, { type: "server_tool_use", id: "s", name: "web_search", input: {} }),
      input(1, '{"query"'),
      stop(1),
      sse({ type: "message_stop" }),
    ],
    held: [0, 0, 0, 0, 0, 0, 0],
    asked: [],
  },
  {
    name: "messages: held until its block stops",
    api: "messages",
    frames: [use(1, "ask"), input(1, ""), input(1, SAFE), stop(1), sse({ type: "message_stop" })],
    held: [1, 2, 3, 0, 0],
    asked: ["ask", `ask(${SAFE})`],
  },
  {
    name: "messages: denied at its stop",
    api: "messages",
    frames: [text("messages", "a"), use(1, "ask"), input(1, EVIL), stop(1)],
    out: [0],
    blocked: "denied ask",
  },
  { name: "messages: denied by name", api: "messages", frames: [use(1, "rm")], out: [], blocked: "denied rm" },
  {
    name: "messages: no input is an empty object",
    api: "messages",
    frames: [use(1, "ask"), stop(1)],
    out: [],
    blocked: "denied ask",
    asked: ["ask", "ask({})"],
  },
  {
    name: "messages: two blocks of one index",
    api: "messages",
    frames: [use(1, "ok"), stop(1), use(1, "ok")],
    out: [0, 1],
    blocked: "changed ok",
  },
  {
    name: "messages: a search that becomes a call",
    api: "messages",
    frames: [start(1, { type: "server_tool_use", name: "web_search" }), use(1, "ok")],
    out: [0],
    blocked: "changed",
  },
  {
    name: "messages: another block's stop is not its own",
    api: "messages",
    frames: [use(1, "ask"), input(1, EVIL), stop(11), stop(0), stop(1)],
    out: [],
    blocked: "denied ask",
  },
  {
    name: "messages: a call in the message that starts",
    api: "messages",
    frames: [sse({ type: "message_start", message: { content: [{ type: "tool_use", name: "rm", input: {} }] } })],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "messages: an event by another name",
    api: "messages",
    frames: [sse({ type: "content_block_start", index: 0, content_block: { type: "tool_use", name: "rm" } }, "ping")],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "messages: a type in another case",
    api: "messages",
    frames: [start(0, { type: "TOOL_USE", name: "rm" })],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "messages: input without a block",
    api: "messages",
    frames: [input(3, SAFE), stop(3)],
    out: [],
    blocked: "unnamed",
  },
  {
    name: "messages: a call of chat's",
    api: "messages",
    frames: [sse({ type: "ping", choices: [{ delta: { tool_calls: [begin("rm")] } }] })],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "messages: an MCP server's tool",
    api: "messages",
    frames: [start(0, { type: "mcp_tool_use", name: "rm", server_name: "s", input: {} })],
    out: [],
    blocked: "denied rm",
  },

  // Responses.
  {
    name: "responses: a call, judged once",
    api: "responses",
    frames: [
      sse({ type: "response.created", response: { object: "response", output: [] } }),
      item("added", 0, fcall("ask", "")),
      argsDelta(0, '{"safe"'),
      argsDelta(0, ":true}"),
      argsDone(0, SAFE),
      item("done", 0, fcall("ask", SAFE)),
      completed(fcall("ask", SAFE)),
    ],
    held: [0, 1, 2, 3, 0, 0, 0],
    asked: ["ask", `ask(${SAFE})`],
  },
  {
    name: "responses: denied when it is done",
    api: "responses",
    frames: [item("added", 0, fcall("ask", "")), argsDelta(0, EVIL), argsDone(0, EVIL)],
    out: [],
    blocked: "denied ask",
  },
  {
    name: "responses: done says something else than the pieces",
    api: "responses",
    frames: [item("added", 0, fcall("ask", "")), argsDelta(0, SAFE), argsDone(0, EVIL)],
    out: [],
    blocked: "denied ask",
  },
  {
    name: "responses: the pieces say something else than done",
    api: "responses",
    frames: [item("added", 0, fcall("ask", "")), argsDelta(0, EVIL), argsDone(0, SAFE)],
    out: [],
    blocked: "denied ask",
  },
  {
    name: "responses: arguments where the item begins",
    api: "responses",
    frames: [item("added", 0, fcall("ask", EVIL)), argsDone(0, SAFE)],
    out: [],
    blocked: "denied ask",
  },
  {
    name: "responses: the done item says another name",
    api: "responses",
    frames: [item("added", 0, fcall("ok", "")), item("done", 0, fcall("rm", ""))],
    out: [0],
    blocked: "changed ok",
  },
  {
    name: "responses: the done item says other arguments",
    api: "responses",
    frames: [item("added", 0, fcall("ask", "")), argsDone(0, SAFE), item("done", 0, fcall("ask", EVIL))],
    out: [0, 1],
    blocked: "denied ask",
  },
  {
    name: "responses: a call that only the end says",
    api: "responses",
    frames: [
      item("added", 0, fcall("ok", "")),
      item("done", 0, fcall("ok", "")),
      completed(fcall("ok", ""), fcall("rm", "{}")),
    ],
    out: [0, 1],
    blocked: "denied rm",
  },
  {
    name: "responses: a call that the end says twice is asked twice",
    api: "responses",
    frames: [item("done", 0, fcall("ask", SAFE)), completed(fcall("ask", SAFE), fcall("ask", SAFE))],
    asked: ["ask", `ask(${SAFE})`, "ask", `ask(${SAFE})`],
  },
  {
    name: "responses: a cut call",
    api: "responses",
    frames: [
      item("added", 0, fcall("ask", "")),
      argsDelta(0, SAFE.slice(0, -1)),
      sse({ type: "response.incomplete", response: { object: "response", output: [] } }),
    ],
    out: [],
    blocked: "denied ask",
    asked: ["ask", "ask(undefined)"],
  },
  {
    name: "responses: a custom tool's input",
    api: "responses",
    frames: [
      item("added", 0, { type: "custom_tool_call", name: "ask", input: "" }),
      sse({ type: "response.custom_tool_call_input.delta", output_index: 0, delta: '"safe":' }),
      sse({ type: "response.custom_tool_call_input.delta", output_index: 0, delta: "true" }),
      sse({ type: "response.custom_tool_call_input.done", output_index: 0, input: '"safe":true' }),
    ],
    out: [],
    blocked: "denied ask",
    asked: ["ask", 'ask("\\"safe\\":true")'],
  },
  {
    name: "responses: searches flow",
    api: "responses",
    frames: [
      item("added", 0, { type: "web_search_call", status: "in_progress" }),
      sse({ type: "response.web_search_call.searching", output_index: 0 }),
      item("done", 0, { type: "web_search_call", action: { query: "x" } }),
    ],
    held: [0, 0, 0],
    asked: [],
  },
  {
    name: "responses: a shell that the agent runs",
    api: "responses",
    frames: [item("added", 0, { type: "local_shell_call", action: { command: ["rm"] } })],
    out: [],
    blocked: "denied local_shell",
    asked: ["local_shell"],
  },
  {
    name: "responses: an approval of an MCP server's tool",
    api: "responses",
    frames: [item("added", 0, { type: "mcp_approval_request", name: "rm", arguments: "{}" })],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "responses: a call at another place",
    api: "responses",
    frames: [sse({ type: "response.x", part: { type: "function_call", name: "rm" } })],
    out: [],
    blocked: "unreadable",
  },

  {
    name: "responses: the end of the response is the end of its calls",
    api: "responses",
    frames: [item("added", 0, fcall("ask", "")), argsDelta(0, SAFE), completed()],
    held: [1, 2, 0],
    asked: ["ask", `ask(${SAFE})`],
  },
  // Converse and invoke.
  {
    name: "converse: held until its block stops",
    api: "converse",
    frames: [
      bedrockEvent("messageStart", { role: "assistant" }),
      bedrockEvent("contentBlockStart", { start: { toolUse: { toolUseId: "t", name: "ask" } }, contentBlockIndex: 1 }),
      bedrockEvent("contentBlockDelta", { delta: { toolUse: { input: SAFE } }, contentBlockIndex: 1 }),
      bedrockEvent("contentBlockStop", { contentBlockIndex: 1 }),
      bedrockEvent("messageStop", { stopReason: "tool_use" }),
    ],
    held: [0, 1, 2, 0, 0],
    asked: ["ask", `ask(${SAFE})`],
  },
  {
    name: "converse: denied",
    api: "converse",
    frames: [
      bedrockEvent("contentBlockStart", { start: { toolUse: { name: "ask" } }, contentBlockIndex: 1 }),
      bedrockEvent("contentBlockDelta", { delta: { toolUse: { input: EVIL } }, contentBlockIndex: 1 }),
      bedrockEvent("messageStop", {}),
    ],
    out: [],
    blocked: "denied ask",
  },
  {
    name: "converse: no frame of it",
    api: "converse",
    frames: [octets('data: {"toolUse":{}}\n\n')],
    out: [],
    blocked: "unreadable",
  },
  {
    name: "invoke: Anthropic",
    api: "invoke",
    frames: [
      chunk({ type: "message_start", message: { content: [] } }),
      chunk({ type: "content_block_start", index: 0, content_block: { type: "tool_use", name: "ask", input: {} } }),
      chunk({ type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: EVIL } }),
      chunk({ type: "content_block_stop", index: 0 }),
    ],
    out: [0],
    blocked: "denied ask",
  },
  {
    name: "invoke: Nova",
    api: "invoke",
    frames: [
      chunk({ contentBlockStart: { start: { toolUse: { name: "ask" } }, contentBlockIndex: 0 } }),
      chunk({ contentBlockDelta: { delta: { toolUse: { input: SAFE } }, contentBlockIndex: 0 } }),
      chunk({ contentBlockStop: { contentBlockIndex: 0 } }),
    ],
    held: [1, 2, 0],
  },
  {
    name: "invoke: OpenAI",
    api: "invoke",
    frames: [chunk({ choices: [{ delta: { tool_calls: [begin("rm")] } }] })],
    out: [],
    blocked: "denied rm",
  },
  {
    name: "invoke: octets that are no base64",
    api: "invoke",
    frames: [bedrockEvent("chunk", { bytes: "e30=!" })],
    out: [],
    blocked: "unreadable",
  },

  // Gemini.
  {
    name: "gemini: whole calls",
    api: "generate_content",
    frames: [
      part({ text: "a" }),
      part({ functionCall: { name: "ask", args: { safe: true } } }),
      part({ functionCall: { name: "ok" } }),
    ],
    held: [0, 0, 0],
  },
  {
    name: "gemini: denied",
    api: "generate_content",
    frames: [part({ text: "a" }), part({ text: "b" }, { functionCall: { name: "ask", args: {} } })],
    out: [0],
    blocked: "denied ask",
  },
  {
    name: "gemini: a call in pieces is not known",
    api: "generate_content",
    frames: [
      part({ functionCall: { name: "ask", willContinue: true } }),
      part({ functionCall: { partialArgs: [{ jsonPath: "$.safe", boolValue: true }], willContinue: true } }),
      part({ functionCall: {} }),
    ],
    out: [],
    blocked: "denied ask",
    asked: ["ask", "ask(undefined)"],
  },
  {
    name: "gemini: calls in pieces, one after the other",
    api: "generate_content",
    frames: [
      part({ functionCall: { name: "ok", willContinue: true } }),
      part({ functionCall: {} }),
      part({ functionCall: { name: "rm", willContinue: true } }),
    ],
    out: [0, 1],
    blocked: "denied rm",
  },
  {
    name: "gemini: a bare line, as Google's SDK reads",
    api: "generate_content",
    frames: [octets('{"candidates":[{"content":{"parts":[{"functionCall":{"name":"rm"}}]}}]}\n\n')],
    out: [],
    blocked: "denied rm",
  },
  { name: "gemini: a bare error", api: "generate_content", frames: [octets('{\n"error": {"code": 500}\n}\n\n')] },

  // Ollama.
  {
    name: "ollama: whole calls",
    api: "ollama_chat",
    frames: [
      line({ message: { content: "a" }, done: false }),
      line({ message: { tool_calls: [{ function: { name: "ask", arguments: { safe: true } } }] } }),
      line({ done: true }),
    ],
    held: [0, 0, 0],
  },
  {
    name: "ollama: denied",
    api: "ollama_chat",
    frames: [line({ message: { content: "a" } }), line({ message: { tool_calls: [{ function: { name: "rm" } }] } })],
    out: [0],
    blocked: "denied rm",
  },
  {
    name: "ollama: in another case, as Go reads",
    api: "ollama_chat",
    frames: [line({ MESSAGE: { Tool_calls: [{ function: { name: "rm" } }] } })],
    out: [],
    blocked: "unreadable",
  },
];

for (const { name, api, frames, out, blocked, held, asked } of rows) {
  test(`tool call gate: ${name}`, () => {
    const result = gated(api, frames);
    assert.equal(result.blocked, blocked);
    assert.deepEqual(result.out, out ?? all(frames.length));
    if (held !== undefined) assert.deepEqual(result.held, held);
    if (asked !== undefined) assert.deepEqual(result.asked, asked);
  });
}

test("tool call gate: too much of a call blocks, and none of it went on", () => {
  const result = gated(
    "chat",
    [text("chat", "a"), tools(begin("ask")), ...all(9).map(() => tools(more("x".repeat(200))))],
    1_024,
  );
  assert.deepEqual([result.out, result.blocked], [[0], "held_too_much"]);
});

test("tool call gate: frames of three octets do not wait without number", () => {
  const empty = Array.from({ length: 16_400 }, () => octets(":\n\n"));
  const result = gated("chat", [text("chat", "a"), tools(begin("ask")), ...empty]);
  assert.deepEqual([result.out, result.blocked], [[0], "held_too_much"]);
});

test("tool call gate: a call that is allowed by its name is not held, however long", () => {
  const frames = [tools(begin("ok")), ...all(9).map(() => tools(more("x".repeat(200))))];
  assert.deepEqual(gated("chat", frames, 1_024).out, all(10));
});

test("tool call gate: too many calls block", () => {
  const frames = all(1_025).map((index) => tools(begin("ok", index)));
  const result = gated("chat", frames);
  assert.deepEqual([result.out.length, result.blocked], [1_024, "too_many_calls"]);
});

test("tool call gate: lines without a colon take no more time than others", () => {
  const began = performance.now();
  assert.equal(gated("chat", [octets(`${"a\n".repeat(500_000)}\n`)]).blocked, "unreadable");
  assert.ok(performance.now() - began < 2_000);
});
