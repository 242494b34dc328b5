import type { Millis } from "../base/quantity.ts";

const slotMillis = 1000;
/** Sixty whole slots and the one in progress: no instant of the last minute is ever left out. */
const slotCount = 61;

interface Window {
  /** Admissions per slot, by slot number modulo `slotCount`. */
  readonly slots: Uint32Array;
  /** The slot number of the latest admission or question. */
  slot: number;
  /** The sum of `slots`. */
  total: number;
}

/**
 * Admissions per rule id over a rolling minute (`connectionsPerMinute`). In no 60 s are more than the limit
 * admitted; as whole seconds are counted, a place may come free up to a second late. A question costs at most one
 * walk over 61 slots, a rule 61 counters; ids come from policy, never from an agent. Counts outlive a reload,
 * because they are kept by rule id.
 */
export class RateWindows {
  readonly #windows = new Map<string, Window>();

  /** Takes a place and returns true, or returns false and takes none. `now` is monotonic time. */
  admit(rule: string, perMinute: number, now: Millis): boolean {
    const slot = Math.max(0, Math.floor(now / slotMillis));
    let window = this.#windows.get(rule);
    if (window === undefined) {
      window = { slots: new Uint32Array(slotCount), slot, total: 0 };
      this.#windows.set(rule, window);
    }
    advance(window, slot);
    if (!(window.total < perMinute)) return false;
    const index = window.slot % slotCount;
    window.slots[index] = (window.slots[index] ?? 0) + 1;
    window.total += 1;
    return true;
  }

  /** Forgets the rules that `keep` does not hold: called after a reload with the ids of the new policy. */
  retain(keep: ReadonlySet<string>): void {
    for (const rule of this.#windows.keys()) {
      if (!keep.has(rule)) this.#windows.delete(rule);
    }
  }
}

/** Empties the slots between the last visit and `slot`. A clock that steps back frees nothing. */
function advance(window: Window, slot: number): void {
  const steps = Math.min(slot - window.slot, slotCount);
  for (let step = 1; step <= steps; step += 1) {
    const index = (window.slot + step) % slotCount;
    window.total -= window.slots[index] ?? 0;
    window.slots[index] = 0;
  }
  if (slot > window.slot) window.slot = slot;
}
