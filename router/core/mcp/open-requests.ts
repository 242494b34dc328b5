import { idKey, type RpcId } from "./rpc-message.ts";

interface Open<Entry> {
  readonly entry: Entry;
  readonly until: number;
}

/**
 * Requests that an answer may still come to, each once, by the session and the id. Bounded: the oldest gives way, and is
 * over then. `over` is told of each that leaves without an answer.
 */
export class OpenRequests<Entry> {
  readonly #most: number;
  readonly #life: number;
  readonly #over: (entry: Entry) => void;
  /** In the order in which they were added, which is that of their ends. */
  readonly #open = new Map<string, Open<Entry>>();

  /** `life`: milliseconds. */
  constructor(most: number, life: number, over: (entry: Entry) => void) {
    this.#most = most;
    this.#life = life;
    this.#over = over;
  }

  get size(): number {
    return this.#open.size;
  }

  /** One of the same id in the same session is over. */
  add(session: string, id: RpcId, entry: Entry, now: number): void {
    const key = keyOf(session, id);
    this.#leave(key);
    for (const [oldest, { until }] of this.#open) {
      if (until > now && this.#open.size < this.#most) break;
      this.#leave(oldest);
    }
    this.#open.set(key, { entry, until: now + this.#life });
  }

  /** The request that this id answers, once. */
  take(session: string, id: RpcId, now: number): Entry | undefined {
    const key = keyOf(session, id);
    const found = this.#open.get(key);
    if (found === undefined) return undefined;
    if (found.until <= now) {
      this.#leave(key);
      return undefined;
    }
    this.#open.delete(key);
    return found.entry;
  }

  /** Those whose time is up are over; to be called now and then, since nobody else may come. */
  expire(now: number): void {
    for (const [key, { until }] of this.#open) {
      if (until > now) break;
      this.#leave(key);
    }
  }

  /** Those that `isOver` names are over. */
  drop(isOver: (entry: Entry) => boolean): void {
    for (const [key, { entry }] of this.#open) if (isOver(entry)) this.#leave(key);
  }

  #leave(key: string): void {
    const found = this.#open.get(key);
    if (found === undefined) return;
    this.#open.delete(key);
    this.#over(found.entry);
  }
}

/** No session has a space in it: its name is visible ASCII. */
function keyOf(session: string, id: RpcId): string {
  return `${session} ${idKey(id)}`;
}
