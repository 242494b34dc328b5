import assert from "node:assert/strict";
import type { ParentDialogue } from "../../../router/edge/upstream/parent-proxy.ts";

/** What a dialogue comes to: how it ends, what it said after its opening, and what it leaves to the origin. */
export interface Heard {
  readonly end: "more" | "open" | "upstream_unreachable" | "upstream_invalid";
  readonly said: readonly Uint8Array[];
  /** Octets behind the dialogue; only of one that is open. */
  readonly left: number | undefined;
}

/** Gives the pieces to a dialogue as a socket would, and holds each step to its terms. */
export function hear(dialogue: ParentDialogue, pieces: readonly Uint8Array[]): Heard {
  const said: Uint8Array[] = [];
  let held = Buffer.alloc(0);
  for (const [index, piece] of pieces.entries()) {
    held = Buffer.concat([held, piece]);
    for (let again = true; again;) {
      const step = dialogue.hear(held);
      again = false;
      switch (step.kind) {
        case "more":
          break;
        case "say":
          assert.ok(step.used > 0 && step.used <= held.length, "a step uses what was heard");
          said.push(step.octets);
          held = held.subarray(step.used);
          again = held.length > 0;
          break;
        case "open": {
          assert.ok(step.used > 0 && step.used <= held.length, "a step uses what was heard");
          const later = pieces.slice(index + 1).reduce((sum, { length }) => sum + length, 0);
          return { end: "open", said, left: held.length - step.used + later };
        }
        case "failed":
          assert.match(step.problem.detail, /^[\x20-\x7e]{1,200}$/);
          return { end: step.problem.reason, said, left: undefined };
      }
    }
  }
  return { end: "more", said, left: undefined };
}

/** The octets cut at these places. */
export function cutAt(octets: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => Math.min(place, octets.length)), octets.length].toSorted((a, b) => a - b);
  return ends.map((end, index) => octets.subarray(ends[index - 1] ?? 0, end));
}
