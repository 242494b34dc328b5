import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import type { ModelAnswer, ModelAsk } from "../../../../cli/quickstart/model.ts";

const KEY = "sk-local-of-a-test";
let child: ChildProcess;
let lines: AsyncIterator<string>;
let url = "";

async function ask(what: ModelAsk): Promise<ModelAnswer> {
  child.stdin?.write(`${JSON.stringify(what)}\n`);
  const { value } = (await lines.next()) as { value: string };
  return JSON.parse(value) as ModelAnswer;
}

before(async () => {
  const program = new URL("../../../../cli/quickstart/model.ts", import.meta.url).pathname;
  child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  assert.ok(child.stdout !== null);
  lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { port } = await ask({ do: "serve", address: "127.0.0.1", port: 0, key: KEY });
  url = `http://127.0.0.1:${port}/v1/chat/completions`;
});
after(() => child.kill("SIGKILL"));

const hi = { model: "parrot-1", messages: [{ role: "user", content: "What are you?" }] };

async function post(body: unknown, { key = KEY, to = url }: { key?: string; to?: string } = {}) {
  const response = await fetch(to, {
    method: "POST",
    headers: key === "" ? {} : { authorization: `Bearer ${key}` },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

const REFUSED = [
  ["no key", hi, { key: "" }, 401],
  ["another key", hi, { key: `${KEY}x` }, 401],
  ["another path", hi, { to: "/v1/responses" }, 404],
  ["no JSON", "{", {}, 400],
  ["null", "null", {}, 400],
  ["no messages", "{}", {}, 400],
  ["messages without a text", { ...hi, messages: [{}] }, {}, 400],
] as const;

for (const [name, body, how, status] of REFUSED) {
  test(`refused in OpenAI's shape: ${name}`, async () => {
    const before_ = await ask({ do: "count" });
    const to = "to" in how ? new URL(how.to, url).href : url;
    const answer = await post(body, { ...how, to });
    assert.equal(answer.status, status);
    assert.equal(typeof (JSON.parse(answer.text) as { error: { code: string } }).error.code, "string");
    assert.deepEqual(await ask({ do: "count" }), {
      ...before_,
      requests: before_.requests + 1,
      authorized: before_.authorized + (status === 401 ? 0 : 1),
    });
  });
}

test("an answer with its usage, which it counts", async () => {
  const { tokens } = await ask({ do: "count" });
  const { text } = await post(hi);
  const { choices, usage } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual(usage, { prompt_tokens: 6, completion_tokens: 14, total_tokens: 20 });
  const content = "I am a small local model, and I say the same to everybody.";
  assert.deepEqual(choices, [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }]);
  assert.equal((await ask({ do: "count" })).tokens, tokens + 20);
});

test("it says no more than it is asked for", async () => {
  const { text } = await post({ ...hi, max_tokens: 2 });
  assert.match(text, /"content":"I am"},"finish_reason":"length"/);
  assert.match(text, /"completion_tokens":2,/);
});

test("a stream, with its usage only where it is asked for", async () => {
  for (const asked of [false, true]) {
    const { text } = await post({ ...hi, stream: true, stream_options: { include_usage: asked } });
    const frames = text.split("\n\n").slice(0, -1);
    assert.equal(frames.at(-1), "data: [DONE]");
    const chunks = frames.slice(0, -1).map((frame) => JSON.parse(frame.slice("data: ".length)) as Chunk);
    assert.equal(
      chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""),
      "I am a small local model, and I say the same to everybody.",
    );
    assert.equal(chunks.filter(({ choices }) => choices[0]?.finish_reason === "stop").length, 1);
    assert.deepEqual(
      chunks.flatMap(({ usage }) => (usage === undefined ? [] : [usage.total_tokens])),
      asked ? [20] : [],
    );
  }
});

const tool = (name: string) => ({ type: "function", function: { name } });
const order = (content: string) => ({ ...hi, messages: [...hi.messages, { role: "user", content }] });

test("it counts the tools that a chat declares, and forgets those of the one before", async () => {
  await post({ ...hi, tools: [tool("search"), tool("run_shell")] });
  assert.deepEqual((await ask({ do: "count" })).tools, ["search", "run_shell"]);
  await post(hi);
  assert.deepEqual((await ask({ do: "count" })).tools, []);
});

test("it calls the tool that it is told to call, declared or not, and any other words are words", async () => {
  const call = { id: "call_1", type: "function", function: { name: "run_shell", arguments: '{"q":"everything"}' } };
  const { text } = await post(order("Call run_shell."));
  const { choices, usage } = JSON.parse(text) as Record<string, unknown>;
  const message = { role: "assistant", content: null, tool_calls: [call] };
  assert.deepEqual(choices, [{ index: 0, message, finish_reason: "tool_calls" }]);
  assert.deepEqual(usage, { prompt_tokens: 11, completion_tokens: 8, total_tokens: 19 });
  for (const words of ["Call run_shell", "call run_shell.", "Call Run Shell.", "Do call run_shell."]) {
    assert.match((await post(order(words))).text, /"content":"I am a small/);
  }
});

test("it streams such a call, too", async () => {
  const { text } = await post({ ...order("Call search."), stream: true });
  assert.match(
    text,
    /"delta":\{"tool_calls":\[\{"index":0,"id":"call_1","type":"function","function":\{"name":"search",/,
  );
  assert.match(text, /"finish_reason":"tool_calls"\}\]\}\n\ndata: \[DONE\]\n\n$/);
});

interface Chunk {
  readonly choices: readonly {
    readonly delta: { readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: { readonly total_tokens: number };
}
