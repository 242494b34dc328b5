import { skimTable } from "./frame-skim-table.ts";
import type { Findings } from "./frame-findings.ts";
import type { MeterState } from "./meter-state.ts";

const USAGE = 0;
const STOP_REASON = 1;
const INDEX = 2;
const START = 3;

export const converseTable = skimTable([
  { name: "usage", depth: 1, as: "value" },
  { name: "stopReason", depth: 1, as: "value" },
  { name: "contentBlockIndex", depth: 1, as: "value" },
  { name: "start", depth: 1, as: "value" },
  { name: "text", as: "text" },
  { name: "input", as: "text" },
]);

/** One event of `converse-stream`, whose type stands in the frame's head. */
export function converseEvent(type: string, found: Findings, state: MeterState): void {
  const index = found.json(INDEX);
  switch (type) {
    case "messageStart":
      state.begun = true;
      break;
    case "contentBlockStart":
      state.openBlock = typeof index === "number" ? index : 0;
      // Only blocks with a head begin so: calls of tools, and images.
      if (found.has(START)) state.content(0);
      break;
    case "contentBlockDelta":
      state.openBlock = typeof index === "number" ? index : 0;
      if (found.textOctets > 0) state.content(found.textOctets);
      break;
    case "contentBlockStop":
      state.openBlock = undefined;
      break;
    case "messageStop":
      state.ended = true;
      if (found.has(STOP_REASON)) state.finish(found.json(STOP_REASON));
      break;
    case "metadata":
      state.state(found.json(USAGE));
      break;
    default:
    // Events to come pass.
  }
}
