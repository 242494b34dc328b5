import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import { listenOn } from "./listen-on.ts";

/**
 * The model provider of the tour, a process of its own: it speaks OpenAI's chat API as any provider does, asks for its
 * key, and says the same to everybody, but that it calls any tool which somebody has told it to. Each line of the input is a `ModelAsk`, each line of the output the `ModelAnswer`.
 */
export type ModelAsk =
  /** Listens, once, on the port wanted, or on a free one where that is taken. */
  | { readonly do: "serve"; readonly address: string; readonly port: number; readonly key: string }
  | { readonly do: "count" };

export interface ModelAnswer {
  readonly port: number;
  /** Requests so far, and those of them that bore its key. */
  readonly requests: number;
  readonly authorized: number;
  /** Of all answers together, in and out. */
  readonly tokens: number;
  /** The tools that its last chat declared, by name. */
  readonly tools: readonly string[];
}

interface Chat {
  readonly model: string;
  readonly messages: readonly { readonly content: string }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
}

/** Each is a token. */
const SAID = [
  "I",
  " am",
  " a",
  " small",
  " local",
  " model,",
  " and",
  " I",
  " say",
  " the",
  " same",
  " to",
  " everybody",
  ".",
];
/** What a message costs besides its words. */
const OVERHEAD = 3;
const LARGEST_BODY = 1024 * 1024;
/** What it obeys, as models do that read it somewhere. */
const ORDER = /^Call ([a-z_]+)\.$/;
const CALL_TOKENS = 8;

const counted = { requests: 0, authorized: 0, tokens: 0 };
let tools: readonly string[] = [];
let expected: string | undefined;
let port = 0;
const server = createServer((request, response) => {
  serve(request, response).catch(() => request.socket.destroy());
});

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  counted.requests += 1;
  if (expected === undefined || request.headers.authorization !== expected) {
    return refuse(response, 401, "invalid_api_key", "Incorrect API key provided.");
  }
  counted.authorized += 1;
  if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
    return refuse(response, 404, "unknown_url", "Unknown request URL.");
  }
  const chat = await bodyOf(request);
  if (chat === undefined) return refuse(response, 400, "invalid_body", "This is no chat.");
  answer(chat, response);
}

function answer(chat: Chat, response: ServerResponse): void {
  const { message, deltas, finish, tokens } = saidTo(chat);
  const prompt = chat.messages.reduce((sum, { content }) => sum + content.split(" ").length + OVERHEAD, 0);
  const usage = { prompt_tokens: prompt, completion_tokens: tokens, total_tokens: prompt + tokens };
  counted.tokens += usage.total_tokens;
  tools = (chat.tools ?? []).map(({ function: { name } }) => name);
  const about = {
    id: `chatcmpl-${counted.authorized}`,
    created: Math.floor(Date.now() / 1_000),
    model: chat.model,
  };
  if (chat.stream !== true) {
    const choices = [{ index: 0, message: { role: "assistant", ...message }, finish_reason: finish }];
    return json(response, 200, { ...about, object: "chat.completion", choices, usage });
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const frame = (choices: readonly object[], more: object = {}): void => {
    const chunk = { ...about, object: "chat.completion.chunk", choices, ...more };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  for (const delta of deltas) frame([{ index: 0, delta, finish_reason: null }]);
  frame([{ index: 0, delta: {}, finish_reason: finish }]);
  if (chat.stream_options?.include_usage === true) frame([], { usage });
  response.end("data: [DONE]\n\n");
}

interface Said {
  readonly message: object;
  /** The same in pieces. */
  readonly deltas: readonly object[];
  readonly finish: "stop" | "length" | "tool_calls";
  readonly tokens: number;
}

function saidTo(chat: Chat): Said {
  const [, tool] = ORDER.exec(chat.messages.at(-1)?.content ?? "") ?? [];
  if (tool !== undefined) {
    const call = { id: "call_1", type: "function", function: { name: tool, arguments: '{"q":"everything"}' } };
    return {
      message: { content: null, tool_calls: [call] },
      deltas: [{ tool_calls: [{ index: 0, ...call }] }],
      finish: "tool_calls",
      tokens: CALL_TOKENS,
    };
  }
  const words = SAID.slice(0, chat.max_completion_tokens ?? chat.max_tokens ?? SAID.length);
  return {
    message: { content: words.join("") },
    deltas: words.map((content) => ({ content })),
    finish: words.length < SAID.length ? "length" : "stop",
    tokens: words.length,
  };
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  json(response, status, { error: { message, type: "invalid_request_error", param: null, code } });
}

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** Undefined for what is no chat. */
async function bodyOf(request: IncomingMessage): Promise<Chat | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LARGEST_BODY) return undefined;
    parts.push(part);
  }
  try {
    const chat = JSON.parse(Buffer.concat(parts).toString()) as Chat;
    return chat.messages.every(({ content }) => typeof content === "string") ? chat : undefined;
  } catch {
    return undefined;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line) as ModelAsk;
  if (ask.do === "serve") {
    expected = `Bearer ${ask.key}`;
    port = await listenOn(server, ask.address, ask.port);
  }
  process.stdout.write(`${JSON.stringify({ port, ...counted, tools } satisfies ModelAnswer)}\n`);
}
server.close();
server.closeAllConnections();
