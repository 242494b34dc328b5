import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { APIError as AnthropicError } from "@anthropic-ai/sdk";
import { APIError } from "openai";
import type { ModelReply, SeenRequest } from "../fakes/model-origin.ts";
import { PROVIDER_KEY } from "../fakes/model-policy.ts";
import { type ModelWorld, servedModel, startModelWorld } from "../fakes/model-world.ts";

const messages = [{ role: "user" as const, content: "hi" }];
const KEY64 = Buffer.from(PROVIDER_KEY).toString("base64");
/** What no agent may see: the key, its middle, its base64. */
const TELLING = [PROVIDER_KEY, "provider-secret", KEY64.slice(4, -4)];
let world: ModelWorld;
/** All that the agent's side has seen. */
let seen: string[] = [];

interface LeakRow {
  readonly name: string;
  readonly reply: ModelReply;
  readonly stream?: boolean;
  /** Of the error that the SDK throws; undefined: the call is answered. */
  readonly status: number | "broken" | undefined;
}

const error = (message: string): object => ({ error: { message, type: "invalid_request_error", code: "x" } });
const errorText = JSON.stringify(error(`Incorrect API key provided: ${PROVIDER_KEY}.`));

const rows: readonly LeakRow[] = [
  { name: "an answer that echoes the request", reply: { echo: true }, status: 502 },
  { name: "the same, octet by octet", reply: { echo: true, splitEvery: 1 }, status: 502 },
  { name: "the key as a word of the answer", reply: { words: ["Your key: ", PROVIDER_KEY, "!"] }, status: 502 },
  { name: "an answer that is compressed unasked", reply: { echo: true, gzip: true }, status: 502 },
  { name: "a refusal that is compressed unasked", reply: { status: 400, body: errorText, gzip: true }, status: 502 },
  { name: "its base64", reply: { words: ["Basic ", KEY64, "!"] }, status: 502 },
  { name: "a refusal that names it", reply: { status: 400, body: errorText }, status: 400 },
  { name: "the same, in pieces", reply: { status: 400, body: errorText, splitEvery: 4 }, status: 400 },
  { name: "a refusal that echoes the request", reply: { status: 422, echo: true }, status: 422 },
  { name: "a refusal of the key itself", reply: { status: 401, body: errorText }, status: 502 },
  {
    name: "a failure that names it",
    reply: { status: 500, body: errorText, headers: { "x-should-retry": "false" } },
    status: 500,
  },
  {
    name: "headers of an answer",
    reply: {
      headers: {
        "x-debug": `authorization=Bearer ${PROVIDER_KEY}`,
        "x-debug-64": KEY64,
        "set-cookie": ["session=provider-secret", "b=c"],
        "www-authenticate": "Bearer realm=provider-secret",
        authorization: `Bearer ${PROVIDER_KEY}`,
        "x-api-key": PROVIDER_KEY,
      },
    },
    status: undefined,
  },
  {
    name: "headers of a refusal",
    reply: {
      status: 400,
      headers: { "x-request-id": `req-${PROVIDER_KEY}`, "request-id": PROVIDER_KEY, "x-debug": PROVIDER_KEY },
    },
    status: 400,
  },
  {
    name: "a redirect to where it would be sent",
    reply: { status: 307, headers: { location: `http://127.0.0.1:1/?key=${PROVIDER_KEY}` } },
    status: 502,
  },
  { name: "a stream that begins with it", reply: { words: [PROVIDER_KEY] }, stream: true, status: 502 },
  {
    name: "a stream with it in the middle",
    reply: { words: ["ok ", "fine ", PROVIDER_KEY, " end"], delayBetween: 20 },
    stream: true,
    status: "broken",
  },
  {
    name: "a stream with it, octet by octet",
    reply: { words: ["ok ", "fine ", PROVIDER_KEY, " end"], splitEvery: 1, delayBetween: 1 },
    stream: true,
    status: "broken",
  },
  { name: "a stream that was no stream", reply: { echo: true }, stream: true, status: 502 },
  { name: "a stream's error frame", reply: { frames: [`data: ${errorText}\n\n`] }, stream: true, status: 502 },
];

before(async () => {
  world = await startModelWorld({
    providers: { main: ["openai"], claude: ["anthropic"] },
    models: rows.flatMap((_, index) => [servedModel(`o${index}`), servedModel(`a${index}`, "claude")]),
  });
});
after(async () => world?.[Symbol.asyncDispose]());

/** Reads beside the SDK what it reads: head and octets as they came. */
const overheard: typeof fetch = async (input, init) => {
  const response = await world.fetch(input, init);
  seen.push([...response.headers].flat().join("\n"));
  const { body } = response;
  if (body === null) return response;
  const decoder = new TextDecoder();
  const at = seen.push("") - 1;
  const listener = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      seen[at] += decoder.decode(chunk, { stream: true });
      controller.enqueue(chunk);
    },
  });
  return new Response(body.pipeThrough(listener), response);
};

function assertSafe(what: string, text: string): void {
  for (const telling of TELLING) assert.equal(text.includes(telling), false, `${what} holds ${telling}: ${text}`);
}

async function outcome(call: () => Promise<void>): Promise<{ status: number | "broken" | undefined; text: string }> {
  try {
    await call();
    return { status: undefined, text: "" };
  } catch (thrown) {
    // A stream that is cut within a frame: no error of its API's can follow, and the connection ends as broken.
    if (thrown instanceof TypeError && thrown.message === "terminated") return { status: "broken", text: "" };
    assert.ok(thrown instanceof APIError || thrown instanceof AnthropicError, String(thrown));
    const { status, message, headers, error: body } = thrown;
    const fields = headers === undefined ? "" : [...headers].flat().join("\n");
    return { status: status ?? "broken", text: `${message} ${fields} ${JSON.stringify(body)} ${thrown.stack ?? ""}` };
  }
}

for (const [index, { name, reply, stream = false, status }] of rows.entries()) {
  for (const family of ["openai", "anthropic"] as const) {
    test(`the provider's key, in ${name}, never reaches an agent (${family})`, async () => {
      seen = [];
      const scene = world.scene([reply], family === "openai" ? "main" : "claude");
      let text = "";
      const thrown = await outcome(async () => {
        if (family === "openai") {
          const client = world.openai({ fetch: overheard, maxRetries: 0 });
          const ask = { model: `o${index}`, messages };
          if (!stream) return void (await client.chat.completions.create(ask));
          for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
            text += chunk.choices[0]?.delta.content ?? "";
          }
          return undefined;
        }
        const client = world.anthropic({ fetch: overheard, maxRetries: 0 });
        const ask = { model: `a${index}`, messages, max_tokens: 50 };
        if (!stream) return void (await client.messages.create(ask));
        for await (const event of await client.messages.create({ ...ask, stream: true })) {
          if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
        }
        return undefined;
      });
      assert.equal(thrown.status, status, thrown.text);
      assertSafe("the error", thrown.text);
      for (const part of seen) assertSafe("what came", part);
      assert.equal(holdsKey(scene.requests[0]), true, "the provider had the key to leak");
      if (status === "broken") assert.match(text, /^ok (?:fine )?$/);
    });
  }
}

function holdsKey(request: SeenRequest | undefined): boolean {
  return request?.rawHeaders.some((value) => value.includes(PROVIDER_KEY)) ?? false;
}

test("neither log nor audit nor status has the key", async () => {
  const status = await fetch(`http://127.0.0.1:${world.sidecar.adminPort}/status`);
  assertSafe("status", await status.text());
  const metrics = await fetch(`http://127.0.0.1:${world.sidecar.adminPort}/metrics`);
  assertSafe("metrics", await metrics.text());
  assertSafe("the log", world.sidecar.output());
  const { auditDirectory } = world.sidecar;
  for (const name of readdirSync(auditDirectory)) assertSafe(name, readFileSync(join(auditDirectory, name), "latin1"));
});
