import { asciiOctets, skimTable } from "./frame-skim-table.ts";
import type { ObjectReader } from "./meter-reader.ts";

const ID = 0;
const MODEL = 1;
const CREATED = 2;
const USAGE = 3;
const ERROR = 4;
const INDEX = 5;
const FINISH = 6;
const AUDIO = 7;
const FILTERS = 8;
const NO_CHOICES = 9;

const ZERO = asciiOctets("0");

/**
 * Chunks of chat and completions (choices[].delta or choices[].text), of OpenAI, Azure, vLLM and whoever is compatible.
 * A usage object counts wherever it comes: on a chunk of its own, on the last one, on every one. Azure's first chunk has
 * no choices either, but filter results instead of usage: it is not the usage chunk.
 */
const table = skimTable([
  { name: "id", depth: 1, as: "value" },
  { name: "model", depth: 1, as: "value" },
  { name: "created", depth: 1, as: "value" },
  { name: "usage", depth: 1, as: "value" },
  { name: "error", depth: 1, as: "value" },
  { name: "index", depth: 3, as: "value" },
  { name: "finish_reason", depth: 3, as: "value" },
  // choices[].delta.audio.data: base64, of which no length says how many tokens it was.
  { name: "data", depth: 5, as: "value" },
  { name: "prompt_filter_results", depth: 1, as: "value" },
  { name: "choices", depth: 1, as: "empty-list" },
  // The same text again, as OpenRouter has it.
  { name: "reasoning_details", as: "value" },
  { name: "content", as: "text" },
  { name: "text", as: "text" },
  { name: "reasoning_content", as: "text" },
  { name: "reasoning", as: "text" },
  { name: "thinking", as: "text" },
  { name: "refusal", as: "text" },
  { name: "transcript", as: "text" },
  { name: "name", depth: 7, as: "text" },
  { name: "name", depth: 5, as: "text" },
  { name: "arguments", as: "text" },
  { name: "input", depth: 7, as: "text" },
]);

/** `dropUsage`: takes chunks out that hold usage and no choices. */
export function chatReader(dropUsage: boolean): ObjectReader {
  return {
    table,
    read: (found, state) => {
      if (found.textOctets > 0 || found.has(AUDIO)) state.content(found.textOctets);
      if (state.model === undefined || state.id === undefined) {
        state.identify(found.json(ID), found.json(MODEL));
        state.createdIn(found.json(CREATED));
      }
      const finished = found.has(FINISH) ? found.all(FINISH).filter((reason) => reason !== "") : [];
      if (found.count(INDEX) === 1 && found.is(INDEX, ZERO)) {
        state.choice(0, finished.length > 0);
      } else if (found.has(INDEX)) {
        const indexes = found.all(INDEX);
        for (const index of indexes) {
          // Which choice a reason belongs to is certain only where there is one of each, or a reason for all.
          if (typeof index === "number") state.choice(index, finished.length === indexes.length);
        }
      } else if (finished.length > 0) {
        state.choice(0, true);
      }
      for (const reason of finished) state.finish(reason);
      if (state.choicesFinished) state.ended = true;
      if (found.has(ERROR)) state.fail(found.json(ERROR));
      if (!found.has(USAGE)) return false;
      state.state(found.json(USAGE));
      return dropUsage && found.has(NO_CHOICES) && !found.has(ERROR) && !found.has(FILTERS);
    },
  };
}
