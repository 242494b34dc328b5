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
 * Admissions per id over a rolling minute: of a rule (`connectionsPerMinute`), or of a host of it. In no 60 s are more
 * than the limit admitted; as whole seconds are counted, a place may come free up to a second late. A question costs at
 * most one walk over 61 slots, an id 61 counters. Rules' ids come from policy; hosts an agent may name without end, so
 * that of those `most` are remembered at a time: a new one is admitted only once an old one has had a minute without
 * admissions. Counts outlive a reload, because they are kept by id.
 */
export class RateWindows {
  /** In the order of their latest admissions. */
  readonly #windows = new Map<string, Window>();
  readonly #most: number;

  constructor(most = Infinity) {
    this.#most = most;
  }

  get size(): number {
    return this.#windows.size;
  }

  /** Whether `admit` would take a place now. `now` is monotonic time. */
  hasRoom(id: string, perMinute: number, now: Millis): boolean {
    const slot = slotOf(now);
    const window = this.#windows.get(id);
    if (window !== undefined) {
      advance(window, slot);
      return window.total < perMinute;
    }
    // The oldest go where their minute is over; a step forgets two, so that a flood's memory comes back as well.
    this.#forgetIdle(slot, 2);
    return perMinute > 0 && this.#windows.size < this.#most;
  }

  /** Takes a place and returns true, or returns false and takes none. */
  admit(id: string, perMinute: number, now: Millis): boolean {
    if (!this.hasRoom(id, perMinute, now)) return false;
    const known = this.#windows.get(id);
    const window = known ?? { slots: new Uint32Array(slotCount), slot: slotOf(now), total: 0 };
    const index = window.slot % slotCount;
    window.slots[index] = (window.slots[index] ?? 0) + 1;
    window.total += 1;
    if (known !== undefined) this.#windows.delete(id);
    this.#windows.set(id, window);
    return true;
  }

  /** Forgets the ids that `keep` does not hold: called after a reload with those of the new policy. */
  retain(keep: Pick<ReadonlySet<string>, "has">): void {
    for (const id of this.#windows.keys()) {
      if (!keep.has(id)) this.#windows.delete(id);
    }
  }

  #forgetIdle(slot: number, most: number): void {
    let left = most;
    for (const [id, window] of this.#windows) {
      advance(window, slot);
      if (left === 0 || window.total > 0) return;
      this.#windows.delete(id);
      left -= 1;
    }
  }
}

function slotOf(now: Millis): number {
  return Math.max(0, Math.floor(now / slotMillis));
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
