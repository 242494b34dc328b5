/** Whose form an error takes, and whose SDK is on the other side. */
export type Family = "openai" | "azure" | "anthropic" | "gemini" | "bedrock" | "ollama";

/** The value of `gen_ai.operation.name` (OpenTelemetry GenAI semantic conventions). */
export type Operation = "chat" | "generate_content" | "text_completion" | "embeddings" | "count_tokens";

interface ApiRow {
  readonly operation: Operation;
  /** It can be answered with a stream. */
  readonly streams: boolean;
  /** A call costs nothing and its answer carries no usage. */
  readonly free: boolean;
}

const row = (operation: Operation, streams: boolean, free = false): ApiRow => ({ operation, streams, free });

const rows = {
  /** `POST /v1/chat/completions` */
  chat: row("chat", true),
  /** `POST /v1/completions` */
  completions: row("text_completion", true),
  /** `POST /v1/responses` */
  responses: row("chat", true),
  /** `POST /v1/embeddings` */
  embeddings: row("embeddings", false),
  /** `POST /v1/messages` */
  messages: row("chat", true),
  /** `POST /v1/messages/count_tokens` */
  count_tokens: row("count_tokens", false, true),
  /** `POST /v1beta/models/<model>:generateContent`, `:streamGenerateContent?alt=sse` */
  generate_content: row("generate_content", true),
  /** `POST /v1beta/models/<model>:countTokens` */
  gemini_count_tokens: row("count_tokens", false, true),
  /** `POST /v1beta/models/<model>:embedContent`, `:batchEmbedContents` */
  gemini_embed: row("embeddings", false),
  /** `POST /model/<model>/converse`, `/converse-stream` */
  converse: row("chat", true),
  /** `POST /model/<model>/invoke`, `/invoke-with-response-stream` */
  invoke: row("generate_content", true),
  /** `POST /api/chat`: NDJSON, and a stream unless `stream` is false. */
  ollama_chat: row("chat", true),
  /** `POST /api/generate` */
  ollama_generate: row("text_completion", true),
  /** `POST /api/embed` */
  ollama_embed: row("embeddings", false),
} as const satisfies Record<string, ApiRow>;

/** What an agent can ask a model for: each has one form of request, of response, and of stream. A closed list. */
export type Api = keyof typeof rows;

export const APIS: Readonly<Record<Api, ApiRow>> = Object.freeze(rows);
