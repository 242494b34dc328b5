import { skimTable } from "./frame-skim-table.ts";
import { memberOf } from "./meter-member.ts";
import type { ObjectReader } from "./meter-reader.ts";

const ID = 0;
const MODEL = 1;
const USAGE = 2;
const FINISH = 3;
const FEEDBACK = 4;
const ERROR = 5;
const CALL = 6;
const INLINE = 7;

const table = skimTable([
  { name: "responseId", depth: 1, as: "value" },
  { name: "modelVersion", depth: 1, as: "value" },
  { name: "usageMetadata", depth: 1, as: "value" },
  { name: "finishReason", depth: 3, as: "value" },
  { name: "promptFeedback", depth: 1, as: "value" },
  { name: "error", depth: 1, as: "value" },
  { name: "functionCall", depth: 6, as: "value" },
  // Base64, of which no length says how many tokens it was.
  { name: "inlineData", depth: 6, as: "value" },
  { name: "text", depth: 6, as: "text" },
  { name: "code", as: "text" },
]);

/** Responses of `generateContent`, whole or in pieces that are each a response: the last usage counts. */
export const geminiReader: ObjectReader = {
  table,
  read: (found, state) => {
    if (found.textOctets > 0 || found.has(CALL) || found.has(INLINE)) state.content(found.textOctets);
    if (state.id === undefined || state.model === undefined) state.identify(found.json(ID), found.json(MODEL));
    if (found.has(USAGE)) state.state(found.json(USAGE));
    for (const reason of found.has(FINISH) ? found.all(FINISH) : []) {
      if (reason === "" || reason === "FINISH_REASON_UNSPECIFIED") continue;
      state.finish(reason);
      state.ended = true;
    }
    const blocked = memberOf(found.json(FEEDBACK), "blockReason");
    if (typeof blocked === "string") {
      state.finish(blocked);
      state.ended = true;
    }
    if (found.has(ERROR)) state.fail(found.json(ERROR));
    return false;
  },
};
