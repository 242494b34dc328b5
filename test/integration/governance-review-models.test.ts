import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { auditRecord } from "../fakes/audit-records.ts";
import { type ModelOrigin, type ModelReply, startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { startRealtimeOrigin } from "../fakes/realtime-origin.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";

/** What a review found of calls to models under a governance policy, each against the real process. */
const MODELS = "  - { id: models, effect: allow, actions: [inference] }";
const TOOLS = "  - { id: tools, effect: allow, actions: [tool] }";
const NEVER = "  - { id: never, effect: deny, actions: [tool] }";
const settings = ["limits: { drain: 200ms }"];
const secrets = { "provider-key": PROVIDER_KEY };

const provider = (id: string, { port }: { readonly port: number }): string =>
  `  - { id: ${id}, api: openai, endpoint: "http://127.0.0.1:${port}/v1", addresses: ["127.0.0.1:${port}"], credential: { file: provider-key } }`;

function ask(sidecar: Sidecar, body: Record<string, unknown>): Promise<Response> {
  return fetch(`http://127.0.0.1:${sidecar.agentPort}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "hi" }], ...body }),
  });
}

/** Its first frame has come once `begun` is settled; `all` is what came until it ended or broke off. */
function streamed(sidecar: Sidecar): { readonly begun: Promise<void>; readonly all: Promise<string> } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const read = async (): Promise<string> => {
    let text = "";
    try {
      const response = await ask(sidecar, { stream: true });
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk as Uint8Array).toString();
        resolve(undefined);
      }
    } catch {
      // What came before it broke off is what the agent has.
    }
    resolve(undefined);
    return text;
  };
  return { all: read(), begun: promise };
}

const chunk = (delta: unknown, finish: string | null = null): string =>
  `data: ${JSON.stringify({
    id: "x",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason: finish }],
  })}\n\n`;

/** A stream that calls `shell` after about three seconds. */
const SLOW_CALL: ModelReply = {
  headers: { "content-type": "text/event-stream" },
  delayBetween: 300,
  frames: [
    chunk({ role: "assistant", content: "thinking" }),
    ...Array.from({ length: 9 }, () => chunk({ content: "." })),
    chunk({ tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "shell", arguments: "{}" } }] }),
    chunk({}, "tool_calls"),
    "data: [DONE]\n\n",
  ],
};

async function connected(sidecar: Sidecar): Promise<WebSocket | "refused"> {
  const socket = new WebSocket(`ws://127.0.0.1:${sidecar.agentPort}/v1/realtime?model=voice`);
  const { promise, resolve } = Promise.withResolvers<WebSocket | "refused">();
  socket.addEventListener("open", () => resolve(socket));
  socket.addEventListener("error", () => resolve("refused"));
  return promise;
}

test(
  "INV-GOV-UNSEEN: Realtime is served only while every tool may be called however often",
  { timeout: 20_000 },
  async () => {
    await using origin = await startRealtimeOrigin();
    await using sidecar = await startSidecar({
      allow: [],
      models: [
        "providers:",
        provider("main", origin),
        "models:",
        "  - { name: voice, maxOutput: 1000, context: 100000, targets: [{ provider: main, model: up-voice }] }",
      ],
      secrets,
      settings,
      governance: ["rules:", MODELS, TOOLS],
    });
    const socket = await connected(sidecar);
    assert.ok(socket !== "refused");
    const closed = once(socket, "close");
    // Not denied, only counted: and what is not seen cannot be counted.
    sidecar.publishGovernance([
      "rules:",
      MODELS,
      "  - { id: few, effect: rate_limit, actions: [tool], limit: { rate: { count: 1, window: 1h } } }",
    ]);
    await closed;
    assert.equal(await connected(sidecar), "refused");
    const cut = await auditRecord(sidecar.auditDirectory, ({ kind, reason }) => {
      return kind === "inference.end" && reason === "governance_denied";
    });
    assert.equal(cut.detail["outcome"], "aborted");
  },
);

test("INV-GOV-CALLED: a stream that began without a governance policy is cut when one comes", async () => {
  await using origin: ModelOrigin = await startModelOrigin(() => SLOW_CALL);
  await using sidecar = await startSidecar({ allow: [], models: modelPolicy(origin), secrets, settings });
  const { begun, all } = streamed(sidecar);
  await begun;
  sidecar.publishGovernance(["rules:", MODELS, NEVER]);
  const text = await all;
  assert.ok(text.includes("thinking"), text);
  assert.ok(text.includes("governance_denied") && !text.includes("shell") && !text.includes("[DONE]"), text);
});

test("INV-GOV-PROVIDER: a limit of the model's second provider counts", async () => {
  await using cheap = await startModelOrigin(() => ({ status: 503, message: "down" }));
  await using costly = await startModelOrigin(() => ({}));
  await using sidecar = await startSidecar({
    allow: [],
    models: [
      "providers:",
      provider("cheap", cheap),
      provider("costly", costly),
      "models:",
      "  - { name: test-model, maxOutput: 100, context: 1000, targets: [{ provider: cheap, model: x }, { provider: costly, model: x }] }",
    ],
    secrets,
    settings,
    governance: [
      "rules:",
      "  - { id: ok, effect: allow, actions: [inference], when: { provider: { in: [cheap] } } }",
      "  - { id: few, effect: rate_limit, actions: [inference], when: { provider: { in: [costly] } }, limit: { rate: { count: 1, window: 1h, burst: 1 } } }",
    ],
  });
  const statuses: number[] = [];
  for (let count = 0; count < 3; count += 1) {
    // One after the other: the limit is what is tested.
    // oxlint-disable-next-line no-await-in-loop
    const response = await ask(sidecar, {});
    statuses.push(response.status);
    // oxlint-disable-next-line no-await-in-loop
    await response.text();
  }
  assert.deepEqual([statuses[0], costly.requests.length], [200, 1]);
  assert.deepEqual(statuses.slice(1), [429, 429]);
});

test("a blocked answer leaves the limit to the next one", async () => {
  const call = (name: string) => ({ id: `c-${name}`, type: "function", function: { name, arguments: "{}" } });
  let names: readonly string[] = ["rare", "shell"];
  await using origin = await startModelOrigin(() => ({
    body: {
      id: "x",
      object: "chat.completion",
      created: 1,
      model: "m",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: null, tool_calls: names.map(call) },
          finish_reason: "tool_calls",
        },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    },
  }));
  await using sidecar = await startSidecar({
    allow: [],
    models: modelPolicy(origin),
    secrets,
    settings,
    governance: [
      "rules:",
      MODELS,
      "  - { id: rare, effect: rate_limit, actions: [tool], when: { tool: { in: [rare] } }, limit: { rate: { count: 1, window: 1h, burst: 1 } } }",
      "  - { id: never, effect: deny, actions: [tool], when: { tool: { in: [shell] } } }",
    ],
  });
  const status = async (): Promise<number> => {
    const response = await ask(sidecar, {});
    await response.text();
    return response.status;
  };
  assert.equal(await status(), 403);
  names = ["rare"];
  assert.equal(await status(), 200);
  assert.equal(await status(), 403);
});
