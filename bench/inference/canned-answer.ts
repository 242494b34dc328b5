/** What the bench's provider answers, made once: whole HTTP responses, and streams in pieces that are written as they are. */

const ID = "chatcmpl-0123456789abcdef";
const MODEL = "upstream-model";
const CREATED = 1_790_000_000;
/** Tokens that every answer states, streams where they are asked. */
export const TOKENS = 340;
const USAGE = { prompt_tokens: 210, completion_tokens: 130, total_tokens: TOKENS };
const SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody counts it twice. ";

/** Each content frame of a stream holds it once. */
export const WORD_MARK = '"content":"word ';

const chatBody = JSON.stringify({
  id: ID,
  object: "chat.completion",
  created: CREATED,
  model: MODEL,
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: SENTENCE.repeat(9).trim(), refusal: null },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: { ...USAGE, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } },
});

/** A whole chat answer with a body of about 1 KB. */
export const chatAnswer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req_0123456789\r\nContent-Length: ${chatBody.length}\r\n\r\n${chatBody}`,
);

function frame(delta: object, finish: string | null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
  const chunk = { id: ID, object: "chat.completion.chunk", created: CREATED, model: MODEL, choices };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

function chunked(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

const usageFrame = `data: ${JSON.stringify({ id: ID, object: "chat.completion.chunk", created: CREATED, model: MODEL, choices: [], usage: USAGE })}\n\n`;
const done = "data: [DONE]\n\n";
const word = frame({ content: "word " }, null);

/** The head, the role and the first word: what a provider says at once. */
export const streamBegin = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nX-Request-Id: req_0123456789\r\nTransfer-Encoding: chunked\r\n\r\n${chunked(frame({ role: "assistant", content: "" }, null))}${chunked(word)}`,
);
export const streamWord = Buffer.from(chunked(word));
/** With the last word, and with usage where it was asked for. */
export const streamEnd = Buffer.from(`${chunked(word)}${chunked(frame({}, "stop"))}${chunked(done)}0\r\n\r\n`);
export const streamEndWithUsage = Buffer.from(
  `${chunked(word)}${chunked(frame({}, "stop"))}${chunked(usageFrame)}${chunked(done)}0\r\n\r\n`,
);
