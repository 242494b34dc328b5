import { type SkimKey, asciiOctets, skimTable } from "./frame-skim-table.ts";
import type { Findings } from "./frame-findings.ts";
import type { MeterState } from "./meter-state.ts";
import type { ObjectReader } from "./meter-reader.ts";

const TYPE = 0;
const ID = 1;
const MODEL = 2;
const USAGE = 3;
const STARTING_USAGE = 4;
const STOP_REASON = 5;
const INDEX = 6;
const BLOCK_TYPE = 7;
const ERROR = 8;

/** The first keys of a table that `messagesReader.read` reads by. */
export const MESSAGES_KEYS: readonly SkimKey[] = [
  { name: "type", depth: 1, as: "value" },
  { name: "id", depth: 2, as: "value" },
  { name: "model", depth: 2, as: "value" },
  { name: "usage", depth: 1, as: "value" },
  { name: "usage", depth: 2, as: "value" },
  { name: "stop_reason", depth: 2, as: "value" },
  { name: "index", depth: 1, as: "value" },
  { name: "type", depth: 2, as: "value" },
  { name: "error", depth: 1, as: "value" },
  { name: "text", as: "text" },
  { name: "thinking", as: "text" },
  { name: "partial_json", as: "text" },
  { name: "content", depth: 2, as: "text" },
];

const DELTA = asciiOctets('"content_block_delta"');

/** Events of `POST /v1/messages`: the input is stated at the start, the output cumulatively towards the end. */
export const messagesReader: ObjectReader = {
  table: skimTable(MESSAGES_KEYS),
  read: (found, state) => {
    if (!found.is(TYPE, DELTA)) messagesEvent(found, state);
    else if (found.textOctets > 0) state.content(found.textOctets);
    return false;
  },
};

function messagesEvent(found: Findings, state: MeterState): void {
  switch (found.text(TYPE)) {
    case "message_start":
      state.begun = true;
      state.identify(found.json(ID), found.json(MODEL));
      state.state(found.json(STARTING_USAGE));
      break;
    case "content_block_start": {
      const index = found.json(INDEX);
      state.openBlock = typeof index === "number" && Number.isSafeInteger(index) ? index : 0;
      // A call of a tool begins here; text and thinking begin empty.
      if (found.textOctets > 0 || found.text(BLOCK_TYPE).includes("tool")) state.content(found.textOctets);
      break;
    }
    case "content_block_stop":
      state.openBlock = undefined;
      break;
    case "message_delta":
      state.state(found.json(USAGE));
      if (found.has(STOP_REASON)) state.finish(found.json(STOP_REASON));
      break;
    case "message_stop":
      // Bedrock states the usage once more here.
      state.state(found.json(USAGE));
      state.ended = true;
      break;
    case "error":
      state.fail(found.json(ERROR));
      break;
    default:
      if (found.has(ERROR)) state.fail(found.json(ERROR));
  }
}
