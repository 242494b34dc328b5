import { chatRequestToMessages } from "./chat-request-to-messages.ts";
import { openaiError } from "./error-forms.ts";
import { messagesResponseToChat } from "./messages-response-to-chat.ts";
import { MessagesStreamToChat } from "./messages-stream-to-chat.ts";
import { fromRoot } from "./refusal.ts";
import type { Translation } from "./translation.ts";

/** The caller speaks OpenAI's chat completions, the target Anthropic's messages (version 2023-06-01). */
export const chatToMessages: Translation = Object.freeze<Translation>({
  request: (body, target) => fromRoot(chatRequestToMessages(body, target)),
  response: messagesResponseToChat,
  error: openaiError,
  stream: (context) => new MessagesStreamToChat(context),
});
