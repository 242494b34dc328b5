/** Objects that differ in which keys they have, or in the order these came in, are a dozen in a router. */
const MOST_TURNS = 1_024;
/** In UTF-16 units: what a hostile log could have the memory keep is bounded by both. */
const LONGEST_KEY = 64;

/** After these keys, in this order. */
interface Turn {
  readonly next: Map<string, Turn>;
  /** Null: there is none, see `MemberOrder`. Undefined: nobody has asked yet. */
  order: readonly string[] | null | undefined;
}

/**
 * The order in which RFC 8785 writes an object's members (section 3.2.3), remembered by the keys as they came: asking
 * again costs a look-up a key. What is remembered is bounded, and forgotten as a whole once it is too much.
 */
export class MemberOrder {
  #first: Turn = newTurn();
  #turns = 0;

  /**
   * The keys in canonical order. Undefined where an object to which they are added one after the other does not keep it:
   * the engine lists keys that look like array indices before the others, and `__proto__` is none.
   */
  of(keys: readonly string[]): readonly string[] | undefined {
    let turn = this.#first;
    for (const key of keys) {
      const next = turn.next.get(key) ?? this.#grow(turn, key);
      if (next === undefined) return keepable(keys) ?? undefined;
      turn = next;
    }
    if (turn.order === undefined) turn.order = keepable(keys);
    return turn.order ?? undefined;
  }

  /** Undefined where the key is too long to be remembered. */
  #grow(turn: Turn, key: string): Turn | undefined {
    if (key.length > LONGEST_KEY) return undefined;
    if (this.#turns === MOST_TURNS) {
      this.#first = newTurn();
      this.#turns = 0;
    }
    const next = newTurn();
    turn.next.set(key, next);
    this.#turns += 1;
    return next;
  }
}

function newTurn(): Turn {
  return { next: new Map(), order: undefined };
}

function keepable(keys: readonly string[]): readonly string[] | null {
  // Without a comparator, sorting is by UTF-16 code unit, as section 3.2.3 asks.
  const order = keys.toSorted();
  const kept: Record<string, null> = {};
  for (const key of order) kept[key] = null;
  const listed = Object.keys(kept);
  const isKept = listed.length === order.length && order.every((key, at) => key.isWellFormed() && listed[at] === key);
  return isKept ? order : null;
}
