import { type EpochMillis, epochMillis } from "../base/quantity.ts";
import { formatHost, type Host } from "../wire/host.ts";
import { shortened, withFewSiblings } from "./generalise.ts";
import { coversShape, type PathShape, shapeText } from "./path-shape.ts";
import type { Observation, SeenEntry, SeenTarget, Tally } from "./seen.ts";
import { showsRequests } from "./seen-kind.ts";

/** Entries of one host: ports, methods, paths. */
const MOST_OF_HOST = 64;
/** Of all entries, the part that names below one domain may take, and what was never allowed. */
const SHARE = 8;
const LEAST_SHARE = 16;

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
type Entry = Mutable<SeenEntry>;

interface Destination {
  entries: Entry[];
}

interface SeenHost {
  readonly domain: string;
  readonly destinations: Map<string, Destination>;
  size: number;
}

/**
 * What was seen, in bounded memory, whatever the agent asks for: nothing that is known gives way to what is new. Where
 * there is no room, the paths of the same destination are told less exactly; else the exchange is counted in one place
 * for all.
 */
export class LearnedBook {
  readonly #maximum: number;
  readonly #hosts = new Map<string, SeenHost>();
  /** Entries below each domain. */
  readonly #domains = new Map<string, number>();
  #size = 0;
  /** Entries of which nothing was ever allowed. */
  #refusedOnly = 0;
  #overflow: Tally | undefined;

  /** `maximum`: entries. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  get size(): number {
    return this.#size;
  }

  /** Exchanges of which nothing but their number is known; undefined: none. */
  get overflow(): Tally | undefined {
    return this.#overflow;
  }

  observe(observation: Observation): void {
    const { at, bytesOut, bytesIn, outcome } = observation;
    if (outcome.allowed) {
      const { rule, unlisted } = outcome;
      const tally = { count: 1, first: at, last: at, bytesOut, bytesIn };
      this.#add({ ...targetOf(observation), ...tally, rule, unlisted, refused: undefined }, false);
    } else {
      const tally = { count: 0, first: at, last: at, bytesOut: 0, bytesIn: 0 };
      const refused = { count: 1, reason: outcome.reason };
      this.#add({ ...targetOf(observation), ...tally, rule: undefined, unlisted: undefined, refused }, false);
    }
  }

  /** Goes on with what an earlier book had. */
  restore(entries: readonly SeenEntry[], overflow: Tally | undefined): void {
    for (const entry of entries) this.#add(entry, true);
    if (overflow !== undefined) this.#spill(overflow);
  }

  #add(seen: SeenEntry, exactly: boolean): void {
    const entry = this.#entryFor(seen, exactly);
    if (entry === undefined) {
      if (seen.count > 0) this.#spill(seen);
      return;
    }
    const wasRefusedOnly = entry.count === 0;
    merge(entry, seen);
    if (wasRefusedOnly && entry.count > 0) this.#refusedOnly -= 1;
  }

  /** Counts what has no entry. */
  #spill({ count, first, last, bytesOut, bytesIn }: Tally): void {
    this.#overflow = summed(this.#overflow, { count, first, last, bytesOut, bytesIn });
  }

  /** By host, port, kind, path and method; copies. */
  entries(): readonly SeenEntry[] {
    const all = [...this.#hosts.values()].flatMap(({ destinations }) =>
      [...destinations.values()].flatMap(({ entries }) => entries),
    );
    return all
      .map((entry): readonly [string, SeenEntry] => [orderOf(entry), { ...entry }])
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([, entry]) => entry);
  }

  /** The entry that counts it, if need be a new one; undefined: there is no room. */
  #entryFor(seen: SeenEntry, exactly: boolean): Entry | undefined {
    const name = formatHost(seen.host);
    const domain = domainOf(seen.host);
    const host = this.#hosts.get(name) ?? { domain, destinations: new Map<string, Destination>(), size: 0 };
    const key = `${seen.port} ${seen.kind}`;
    const destination = host.destinations.get(key) ?? { entries: [] };
    for (;;) {
      const hasRoom = this.#hasRoom(host, seen);
      const known = entryOf(destination, seen, exactly && hasRoom);
      if (known !== undefined) return known;
      if (hasRoom) break;
      const shapes = shortened(shapesOf(destination));
      if (shapes === undefined) return undefined;
      this.#reshape(host, destination, shapes);
    }
    const entry: Entry = { ...seen, count: 0, bytesOut: 0, bytesIn: 0, refused: undefined };
    this.#hosts.set(name, host);
    host.destinations.set(key, destination);
    destination.entries.push(entry);
    this.#resize(host, 1, 1);
    const few = exactly ? undefined : withFewSiblings(shapesOf(destination));
    if (few === undefined) return entry;
    this.#reshape(host, destination, few);
    return entryOf(destination, seen);
  }

  #hasRoom(host: SeenHost, seen: SeenEntry): boolean {
    const share = Math.max(LEAST_SHARE, Math.floor(this.#maximum / SHARE));
    return (
      this.#size < this.#maximum &&
      host.size < MOST_OF_HOST &&
      (this.#domains.get(host.domain) ?? 0) < share &&
      (seen.count > 0 || this.#refusedOnly < share)
    );
  }

  #resize(host: SeenHost, entries: number, refusedOnly: number): void {
    host.size += entries;
    this.#size += entries;
    this.#refusedOnly += refusedOnly;
    this.#domains.set(host.domain, (this.#domains.get(host.domain) ?? 0) + entries);
  }

  /** Gives the entries that have a shape these, in their order, and makes one of those that now tell the same. */
  #reshape(host: SeenHost, destination: Destination, shapes: readonly PathShape[]): void {
    const before = destination.entries;
    let next = 0;
    for (const entry of before) if (entry.shape !== undefined) entry.shape = shapes[next++];
    const kept: Destination = { entries: [] };
    // The widest first, so that each finds the one that covers it.
    for (const entry of before.toSorted((one, other) => width(other) - width(one))) {
      const known = entryOf(kept, entry);
      if (known === undefined) kept.entries.push(entry);
      else merge(known, entry);
    }
    const never = (entries: readonly Entry[]): number => entries.filter(({ count }) => count === 0).length;
    this.#resize(host, kept.entries.length - before.length, never(kept.entries) - never(before));
    destination.entries = kept.entries;
  }
}

function targetOf({ host, port, kind, method, shape }: SeenTarget): SeenTarget {
  return showsRequests(kind)
    ? { host, port, kind, method, shape }
    : { host, port, kind, method: undefined, shape: undefined };
}

/** The entry of exactly this shape, or else, unless only that will do, one that covers it. */
function entryOf({ entries }: Destination, { method, shape }: SeenTarget, exactly = false): Entry | undefined {
  const text = keyOf(shape);
  const alike = entries.filter((entry) => entry.method === method);
  const same = alike.find((entry) => keyOf(entry.shape) === text);
  if (same !== undefined || exactly || shape === undefined) return same;
  return alike.find((entry) => entry.shape !== undefined && coversShape(entry.shape, shape));
}

function shapesOf({ entries }: Destination): readonly PathShape[] {
  return entries.flatMap(({ shape }) => (shape === undefined ? [] : [shape]));
}

function width({ shape }: Entry): number {
  if (shape === undefined) return 0;
  return (shape.at(-1) === "**" ? 100 - shape.length * 10 : 0) + shape.filter((segment) => segment === "*").length;
}

function keyOf(shape: PathShape | undefined): string {
  return shape === undefined ? "?" : shapeText(shape);
}

/**
 * Sorts addresses before names, and names by their labels from the right, so that siblings stand together. No two entries
 * of a book have the same.
 */
export function orderOf({ host, port, kind, method, shape }: SeenEntry): string {
  const name = host.kind === "address" ? ` ${host.text}` : host.text.split(".").toReversed().join(".");
  return [name, String(port).padStart(5, "0"), kind, keyOf(shape), method ?? "?"].join(" ");
}

function merge(entry: Entry, seen: SeenEntry): void {
  if (seen.count > 0) {
    const isLater = entry.count === 0 || seen.last >= entry.last;
    const sum = summed(entry.count > 0 ? entry : undefined, seen);
    const { rule, unlisted } = isLater ? seen : entry;
    Object.assign(entry, { ...sum, rule, unlisted });
  } else if (entry.count === 0) {
    entry.first = earlier(entry.first, seen.first);
    entry.last = later(entry.last, seen.last);
  }
  if (seen.refused !== undefined) {
    const { count, reason } = seen.refused;
    entry.refused = { count: sumOf(count, entry.refused?.count ?? 0), reason };
  }
}

function summed(one: Tally | undefined, other: Tally): Tally {
  if (one === undefined) {
    const { count, first, last, bytesOut, bytesIn } = other;
    return { count, first, last, bytesOut, bytesIn };
  }
  return {
    count: sumOf(one.count, other.count),
    first: earlier(one.first, other.first),
    last: later(one.last, other.last),
    bytesOut: sumOf(one.bytesOut, other.bytesOut),
    bytesIn: sumOf(one.bytesIn, other.bytesIn),
  };
}

function sumOf(one: number, other: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, one + other);
}

function earlier(one: EpochMillis, other: EpochMillis): EpochMillis {
  return epochMillis(Math.min(one, other));
}

function later(one: EpochMillis, other: EpochMillis): EpochMillis {
  return epochMillis(Math.max(one, other));
}

/** What one who owns a domain has under control: its last two labels; addresses are all one. */
function domainOf(host: Host): string {
  if (host.kind === "address") return "an address";
  const dot = host.text.lastIndexOf(".");
  return host.text.slice(host.text.lastIndexOf(".", dot - 1) + 1);
}
