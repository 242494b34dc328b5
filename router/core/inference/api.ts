/** Whose form an error takes, and whose SDK is on the other side. */
export type Family = "openai" | "azure" | "anthropic" | "gemini" | "bedrock" | "ollama";

/** The value of `gen_ai.operation.name` (OpenTelemetry GenAI semantic conventions). */
export type Operation = "chat" | "generate_content" | "text_completion" | "embeddings" | "count_tokens";

interface ApiRow {
  /** Whose API it is; Azure's forms are OpenAI's. */
  readonly family: Exclude<Family, "azure">;
  readonly operation: Operation;
  /** It can be answered with a stream. */
  readonly streams: boolean;
  /** A call costs nothing and its answer carries no usage. */
  readonly free: boolean;
}

const row = (family: ApiRow["family"], operation: Operation, streams: boolean, free = false): ApiRow => ({
  family,
  operation,
  streams,
  free,
});

const rows = {
  /** `POST /v1/chat/completions` */
  chat: row("openai", "chat", true),
  /** `POST /v1/completions` */
  completions: row("openai", "text_completion", true),
  /** `POST /v1/responses` */
  responses: row("openai", "chat", true),
  /** `POST /v1/embeddings` */
  embeddings: row("openai", "embeddings", false),
  /** `POST /v1/messages` */
  messages: row("anthropic", "chat", true),
  /** `POST /v1/messages/count_tokens` */
  count_tokens: row("anthropic", "count_tokens", false, true),
  /** `POST /v1beta/models/<model>:generateContent`, `:streamGenerateContent?alt=sse` */
  generate_content: row("gemini", "generate_content", true),
  /** `POST /v1beta/models/<model>:countTokens` */
  gemini_count_tokens: row("gemini", "count_tokens", false, true),
  /** `POST /v1beta/models/<model>:embedContent` */
  gemini_embed: row("gemini", "embeddings", false),
  /** `POST /v1beta/models/<model>:batchEmbedContents`: each of its `requests` names the model again. */
  gemini_embed_batch: row("gemini", "embeddings", false),
  /** `POST /model/<model>/converse`, `/converse-stream` */
  converse: row("bedrock", "chat", true),
  /** `POST /model/<model>/invoke`, `/invoke-with-response-stream` */
  invoke: row("bedrock", "generate_content", true),
  /** `POST /api/chat`: NDJSON, and a stream unless `stream` is false. */
  ollama_chat: row("ollama", "chat", true),
  /** `POST /api/generate` */
  ollama_generate: row("ollama", "text_completion", true),
  /** `POST /api/embed` */
  ollama_embed: row("ollama", "embeddings", false),
} as const satisfies Record<string, ApiRow>;

/** What an agent can ask a model for: each has one form of request, of response, and of stream. A closed list. */
export type Api = keyof typeof rows;

export const APIS: Readonly<Record<Api, ApiRow>> = Object.freeze(rows);
