import { asciiOctets, skimTable } from "./frame-skim-table.ts";
import type { ObjectReader } from "./meter-reader.ts";
import { shortText } from "./meter-text.ts";

const MODEL = 0;
const DONE = 1;
const REASON = 2;
const PROMPT = 3;
const EVALUATED = 4;
const ERROR = 5;
const CALLS = 6;
const CREATED = 7;

const table = skimTable([
  { name: "model", depth: 1, as: "value" },
  { name: "done", depth: 1, as: "value" },
  { name: "done_reason", depth: 1, as: "value" },
  { name: "prompt_eval_count", depth: 1, as: "value" },
  { name: "eval_count", depth: 1, as: "value" },
  { name: "error", depth: 1, as: "value" },
  { name: "tool_calls", depth: 2, as: "value" },
  { name: "created_at", depth: 1, as: "value" },
  { name: "content", depth: 2, as: "text" },
  { name: "response", depth: 1, as: "text" },
  { name: "thinking", as: "text" },
]);

const TRUE = asciiOctets("true");

/** Lines of `/api/chat`, `/api/generate`, and the one object of `/api/embed`. */
export const ollamaReader: ObjectReader = {
  table,
  read: (found, state) => {
    if (found.textOctets > 0 || found.has(CALLS)) state.content(found.textOctets);
    if (state.model === undefined) {
      state.identify(undefined, found.json(MODEL));
      state.createdAt = shortText(found.json(CREATED));
    }
    if (found.has(PROMPT) || found.has(EVALUATED)) {
      state.state({ prompt_eval_count: found.json(PROMPT) ?? null, eval_count: found.json(EVALUATED) ?? null });
    }
    if (found.is(DONE, TRUE)) {
      state.ended = true;
      state.finish(found.json(REASON) ?? "stop");
    }
    if (found.has(ERROR)) state.fail(found.json(ERROR));
    return false;
  },
};
