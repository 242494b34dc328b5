import { getHeapSpaceStatistics } from "node:v8";
import { Roster } from "../../router/core/base/roster.ts";

/**
 * `node test/fakes/passing-through.ts roster|set`: lets things of about 14 KB pass through, 64 at a time, beside more that
 * dies at once, and prints how many octets of each ended in the old generation.
 */
class Thing {
  seat = 0;
  readonly parts = Array.from({ length: 130 }, (_, at) => ({ at, list: [at, at, at] }));
}

const AT_A_TIME = 64;
const WARM = 10_000;
const COUNTED = 30_000;

const roster = new Roster<Thing>();
const set = new Set<Thing>();
const usesSet = process.argv[2] === "set";
const under: (Thing | undefined)[] = Array.from({ length: AT_A_TIME });

function oldOctets(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")?.space_used_size ?? 0;
}

function litter(): number {
  let last = { at: 0, list: [0] };
  for (let at = 0; at < 600; at += 1) last = { at, list: [at, at, at] };
  return last.at;
}

let grown = 0;
let before = 0;
for (let turn = 0; turn < WARM + COUNTED; turn += 1) {
  const gone = under[turn % AT_A_TIME];
  const thing = new Thing();
  under[turn % AT_A_TIME] = thing;
  if (usesSet) {
    if (gone !== undefined) set.delete(gone);
    set.add(thing);
  } else {
    if (gone !== undefined) roster.remove(gone);
    roster.add(thing);
  }
  litter();
  if (turn === WARM) before = oldOctets();
  if (turn <= WARM || turn % 100 !== 0) continue;
  const now = oldOctets();
  // A major collection in between makes it smaller.
  if (now > before) grown += now - before;
  before = now;
}
console.log(String(Math.round(grown / COUNTED)));
