import { chatResponseToMessages } from "./chat-response-to-messages.ts";
import { ChatStreamToMessages } from "./chat-stream-to-messages.ts";
import { anthropicError } from "./error-forms.ts";
import { messagesRequestToChat } from "./messages-request-to-chat.ts";
import { fromRoot } from "./refusal.ts";
import type { Translation } from "./translation.ts";

/** The caller speaks Anthropic's messages, the target OpenAI's chat completions. */
export const messagesToChat: Translation = Object.freeze<Translation>({
  request: (body, target) => fromRoot(messagesRequestToChat(body, target)),
  response: chatResponseToMessages,
  error: anthropicError,
  stream: (context) => new ChatStreamToMessages(context),
});
