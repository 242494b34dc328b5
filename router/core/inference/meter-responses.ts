import { assertNever } from "../base/assert-never.ts";
import { asciiOctets, skimTable } from "./frame-skim-table.ts";
import { memberOf } from "./meter-member.ts";
import type { MeterState } from "./meter-state.ts";
import type { ObjectReader } from "./meter-reader.ts";
import type { Findings } from "./frame-findings.ts";

const TYPE = 0;
const SEQUENCE = 1;
const ID = 2;
const MODEL = 3;
const USAGE = 4;
const STATUS = 5;
const ERROR = 6;
const INCOMPLETE = 7;
const CODE = 8;
const ITEM_TYPE = 9;
const WRAPPED_ERROR = 10;
const CREATED = 11;

const table = skimTable([
  { name: "type", depth: 1, as: "value" },
  { name: "sequence_number", depth: 1, as: "value" },
  { name: "id", depth: 2, as: "value" },
  { name: "model", depth: 2, as: "value" },
  { name: "usage", depth: 2, as: "value" },
  { name: "status", depth: 2, as: "value" },
  { name: "error", depth: 2, as: "value" },
  { name: "incomplete_details", depth: 2, as: "value" },
  { name: "code", depth: 1, as: "value" },
  { name: "type", depth: 2, as: "value" },
  { name: "error", depth: 1, as: "value" },
  { name: "created_at", depth: 2, as: "value" },
  { name: "delta", depth: 1, as: "text" },
]);

const DELTA = asciiOctets('.delta"');
const AUDIO_DELTA = asciiOctets('audio.delta"');

/** Events of `POST /v1/responses`: `type` says what they are, and the terminal ones hold the whole response. */
export const responsesReader: ObjectReader = {
  table,
  read: (found, state) => {
    const sequence = found.json(SEQUENCE);
    if (typeof sequence === "number" && Number.isSafeInteger(sequence)) state.sequence = sequence;
    if (found.endsIn(TYPE, DELTA)) {
      state.content(found.endsIn(TYPE, AUDIO_DELTA) ? 0 : found.textOctets);
    } else {
      event(found, state);
    }
    return false;
  },
};

type Terminal = "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled";

function event(found: Findings, state: MeterState): void {
  const type = found.text(TYPE);
  switch (type) {
    case "response.created":
    case "response.queued":
    case "response.in_progress":
      begin(found, state);
      break;
    case "response.completed":
    case "response.incomplete":
    case "response.failed":
    case "response.cancelled":
      begin(found, state);
      terminal(type, found, state);
      break;
    case "response.output_item.added":
      if (found.text(ITEM_TYPE).endsWith("_call")) state.content(0);
      break;
    case "response.image_generation_call.partial_image":
      state.content(0);
      break;
    case "error":
      state.fail(found.has(WRAPPED_ERROR) ? found.json(WRAPPED_ERROR) : { code: found.json(CODE) ?? null });
      break;
    default:
      if (found.has(WRAPPED_ERROR)) state.fail(found.json(WRAPPED_ERROR));
  }
}

function begin(found: Findings, state: MeterState): void {
  state.begun = true;
  state.identify(found.json(ID), found.json(MODEL));
  state.createdIn(found.json(CREATED));
}

function terminal(type: Terminal, found: Findings, state: MeterState): void {
  state.ended = true;
  state.state(found.json(USAGE));
  switch (type) {
    case "response.completed":
    case "response.cancelled":
      return state.finish(found.json(STATUS));
    case "response.incomplete":
      return state.finish(memberOf(found.json(INCOMPLETE), "reason") ?? "incomplete");
    case "response.failed":
      state.finish("failed");
      return state.fail(found.json(ERROR));
    default:
      return assertNever(type);
  }
}
