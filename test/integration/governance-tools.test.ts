import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { auditRecord } from "../fakes/audit-records.ts";
import { type ModelOrigin, type ModelReply, startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";

/** Tools that requests to a model declare, and that its answers call, judged by the real process without the agent's help. */
const rules = [
  "rules:",
  "  - { id: models, effect: allow, actions: [inference] }",
  "  - { id: look, effect: allow, actions: [tool], when: { server: { in: [function] }, tool: { in: [search] } } }",
  "  - id: read",
  "    effect: allow",
  "    actions: [tool]",
  '    when: { server: { in: [function] }, tool: { in: [read_file] }, arguments: [{ at: /path, glob: ["/work/*"] }] }',
  "  - { id: never, effect: deny, actions: [tool], when: { tool: { in: [shell] } } }",
];

let origin: ModelOrigin;
let sidecar: Sidecar;
let reply: ModelReply = {};

before(async () => {
  origin = await startModelOrigin(() => reply);
  sidecar = await startSidecar({
    allow: [],
    models: modelPolicy(origin),
    secrets: { "provider-key": PROVIDER_KEY },
    governance: rules,
    settings: ["limits: { drain: 200ms }"],
  });
});
after(async () => {
  await sidecar[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

const tool = (name: string): unknown => ({ type: "function", function: { name, parameters: { type: "object" } } });

function ask(body: Record<string, unknown>): Promise<Response> {
  return fetch(`http://127.0.0.1:${sidecar.agentPort}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "hi" }], ...body }),
  });
}

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

/** Also of an answer that breaks off. */
async function everything(response: Response): Promise<string> {
  let text = "";
  try {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
  } catch {
    // What came before it broke off is what the agent has.
  }
  return text;
}

function whole(name: string, args: unknown): ModelReply {
  const call = { id: "c1", type: "function", function: { name, arguments: JSON.stringify(args) } };
  const message = { role: "assistant", content: null, tool_calls: [call] };
  return {
    body: {
      id: "x",
      object: "chat.completion",
      created: 1,
      model: "m",
      choices: [{ index: 0, message, finish_reason: "tool_calls" }],
      usage,
    },
  };
}

function streamed(name: string, args: unknown): ModelReply {
  const chunk = (delta: unknown, finish: string | null = null): string =>
    `data: ${JSON.stringify({
      id: "x",
      object: "chat.completion.chunk",
      created: 1,
      model: "m",
      choices: [{ index: 0, delta, finish_reason: finish }],
    })}\n\n`;
  const text = JSON.stringify(args);
  const part = (some: unknown): unknown => ({ tool_calls: [{ index: 0, ...(some as object) }] });
  return {
    headers: { "content-type": "text/event-stream" },
    delayBetween: 3,
    frames: [
      chunk({ role: "assistant", content: "Let me see. " }),
      chunk(part({ id: "c1", type: "function", function: { name, arguments: "" } })),
      ...text.split("").map((character) => chunk(part({ function: { arguments: character } }))),
      chunk({}, "tool_calls"),
      `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage })}\n\n`,
      "data: [DONE]\n\n",
    ],
  };
}

test("INV-GOV-DECLARED: a declared tool no call of which could be allowed does not reach the provider", async () => {
  reply = {};
  const response = await ask({ tools: [tool("search"), tool("shell"), tool("read_file"), tool("unknown")], n: 1 });
  assert.equal(response.status, 200);
  await response.text();
  const seen = JSON.parse(origin.requests.at(-1)?.body.toString() ?? "{}") as {
    tools: { function: { name: string } }[];
  };
  assert.deepEqual(
    seen.tools.map(({ function: { name } }) => name),
    ["search", "read_file"],
  );
  const record = await auditRecord(sidecar.auditDirectory, ({ target }) => target === "function/shell");
  assert.deepEqual([record.kind, record.decision, record.rule], ["governance.decision", "deny", "never"]);
});

test("a request that demands a refused tool is refused in its API's own shape", async () => {
  const count = origin.requests.length;
  const chosen = { type: "function", function: { name: "shell" } };
  const response = await ask({ tools: [tool("search"), tool("shell")], tool_choice: chosen });
  assert.equal(response.status, 403);
  const { error } = (await response.json()) as { error: { code: string } };
  assert.equal(error.code, "governance_denied");
  assert.equal(origin.requests.length, count);
});

const calls: readonly (readonly [name: string, tool: string, args: unknown, allowed: boolean])[] = [
  ["a tool that is allowed by its name", "search", { q: "x" }, true],
  ["a tool with arguments that are allowed", "read_file", { path: "/work/a" }, true],
  ["a tool with arguments that are not", "read_file", { path: "/etc/passwd" }, false],
  ["a tool without the argument that counts", "read_file", {}, false],
  ["a tool that was never declared", "unknown", {}, false],
  ["a tool that is denied", "shell", { command: "rm" }, false],
];
for (const [name, called, args, allowed] of calls) {
  for (const stream of [false, true]) {
    test(`INV-GOV-CALLED: ${stream ? "streamed, " : ""}${name}: ${allowed ? "passes" : "does not reach the agent"}`, async () => {
      reply = stream ? streamed(called, args) : whole(called, args);
      const response = await ask({ tools: [tool("search"), tool("read_file")], stream });
      const text = await everything(response);
      if (allowed) {
        assert.equal(response.status, 200);
        assert.ok(text.includes(called), text);
        if (stream) assert.ok(text.endsWith("data: [DONE]\n\n"), text);
        return;
      }
      assert.ok(!text.includes(`"${called}"`), text);
      assert.ok(text.includes("governance_denied"), text);
      assert.equal(/"rule":"never"/.test(text), called === "shell", text);
      if (stream) assert.match(text, /"request_id":"[^"]+"/);
      if (stream) assert.ok(text.includes("Let me see.") && !text.includes("[DONE]"), text);
      else assert.equal(response.status, 403);
    });
  }
}

test("INV-GOV-CALLED: streamed calls without an index, as Google's OpenAI endpoint has them, pass as they came", async () => {
  const frame = (...names: readonly string[]): string => {
    const list = names.map((name) => ({ id: `id-${name}`, type: "function", function: { name, arguments: "{}" } }));
    const choices = [{ index: 0, delta: { role: "assistant", tool_calls: list }, finish_reason: null }];
    return `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", created: 1, model: "m", choices })}\n\n`;
  };
  const tail = streamed("search", {}).frames?.slice(-3) ?? [];
  const streamOf = (...frames: readonly string[]): ModelReply => ({
    headers: { "content-type": "text/event-stream" },
    delayBetween: 3,
    frames: [...frames, ...tail],
  });
  const declared = { tools: [tool("search"), tool("read_file")], stream: true };

  reply = streamOf(frame("search"), frame("search2").replaceAll('"search2"', '"search"'));
  const allowed = await everything(await ask(declared));
  for (const id of ["id-search", "id-search2"]) assert.ok(allowed.includes(`"${id}"`), allowed);
  assert.ok(allowed.endsWith("data: [DONE]\n\n"), allowed);
  assert.ok(!allowed.includes("governance_denied"), allowed);

  reply = streamOf(frame("search"), frame("shell"));
  const denied = await everything(await ask(declared));
  assert.ok(denied.includes('"id-search"') && !denied.includes('"id-shell"'), denied);
  assert.match(denied, /governance_denied[^]*"rule":"never"/);
});
