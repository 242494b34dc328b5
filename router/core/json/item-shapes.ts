import { Excerpt } from "./excerpt.ts";

/** A top-level list of objects, and what is to be told of them. */
export interface ItemWish {
  readonly list: string;
  /** The member whose text says what an item is. */
  readonly kind: string;
  /** Other members, at most 30. */
  readonly names: readonly string[];
}

/** What one or more items of the list look like. A value that is null or a boolean is as good as none. */
export interface ItemShape {
  /** Undefined: there is none. "": it is no short text without escapes, or is there twice. */
  readonly kind: string | undefined;
  /** Of the names, those that are there. */
  readonly has: ReadonlySet<string>;
  /** Of these the ones that are there once. */
  readonly once: ReadonlySet<string>;
  /** Of these in turn the ones with a value that is not empty. */
  readonly full: ReadonlySet<string>;
}

/** Distinct ones: of hostile lists more are not told apart. */
const MOST_SHAPES = 64;
/** Octets from the name to the end of its text, with whatever space is between. */
const LONGEST_KIND = 96;
const KIND = /^[ \t\r\n]*:[ \t\r\n]*"([^"\\]*)"$/;

const NO_NAME = -1;
const THE_KIND = -2;

/** Gathers the shapes of a list's items as a scan meets them. Which of two members of one name counts, readers differ on. */
export class ItemShapes {
  readonly #wish: ItemWish;
  readonly #shapes = new Map<string, ItemShape>();
  readonly #text = new Excerpt();
  #isOpen = false;
  #kind: string | undefined;
  #kinds = 0;
  /** Sets of places in `names`: what has come, what has come again, what has a value, and one that is not empty. */
  #come = 0;
  #again = 0;
  #has = 0;
  #full = 0;
  /** The place of the member that is being read. */
  #at = NO_NAME;
  #value: "none" | "empty" | "full" = "empty";

  constructor(wish: ItemWish) {
    this.#wish = wish;
  }

  get found(): readonly ItemShape[] {
    return [...this.#shapes.values()];
  }

  /** An object begins that is an item. */
  begin(): void {
    this.#isOpen = true;
    this.#kind = undefined;
    this.#kinds = 0;
    this.#come = 0;
    this.#again = 0;
    this.#has = 0;
    this.#full = 0;
  }

  /** Something is there that is no list of objects: an origin may take it for anything. */
  unknown(): void {
    this.#add("", (1 << this.#wish.names.length) - 1, 0, 0);
  }

  /** A member of the item begins; `end`: the offset just after its name. Undefined: none that is looked for. */
  name(name: string | undefined, end: number): void {
    this.#text.drop();
    this.#value = "empty";
    this.#at = name === undefined ? NO_NAME : name === this.#wish.kind ? THE_KIND : this.#wish.names.indexOf(name);
    if (this.#at === THE_KIND) this.#text.begin(end);
    if (this.#at < 0) return;
    this.#again |= this.#come & (1 << this.#at);
    this.#come |= 1 << this.#at;
  }

  /** Its value is a text, which ends before the octet `end` of the chunk. */
  text(isFull: boolean, chunk: Uint8Array, base: number, end: number): void {
    if (isFull) this.#value = "full";
    if (this.#at !== THE_KIND) return;
    const isShort = this.#text.isOpen && base + end - this.#text.at <= LONGEST_KIND;
    const kind = isShort ? KIND.exec(this.#text.finish(chunk, base, end))?.[1] : undefined;
    this.#setKind(kind ?? "");
    this.#at = NO_NAME;
  }

  /** Its value is null or a boolean. */
  word(): void {
    this.#value = "none";
  }

  /** A value ends: within a member of the item (1), that of the member (0), or the item (-1). */
  close(depth: number): void {
    if (depth === 1) this.#value = "full";
    else if (depth === 0) this.#closeMember();
    else if (depth === -1 && this.#isOpen) {
      this.#isOpen = false;
      this.#add(this.#kind, this.#has, this.#has & ~this.#again, this.#full & ~this.#again);
    }
  }

  /** What a chunk has of a text that goes on is kept, within its bound. */
  cut(chunk: Uint8Array, base: number): void {
    if (!this.#text.isOpen) return;
    if (base + chunk.length - this.#text.at <= LONGEST_KIND) this.#text.keep(chunk, base, chunk.length);
    else this.#text.drop();
  }

  #closeMember(): void {
    this.#text.drop();
    if (this.#at === THE_KIND && this.#value !== "none") this.#setKind("");
    if (this.#at >= 0 && this.#value !== "none") this.#has |= 1 << this.#at;
    if (this.#at >= 0 && this.#value === "full") this.#full |= 1 << this.#at;
    this.#at = NO_NAME;
  }

  #setKind(kind: string): void {
    this.#kind = this.#kinds === 0 ? kind : "";
    this.#kinds++;
  }

  #add(kind: string | undefined, has: number, once: number, full: number): void {
    const key = `${kind === undefined ? "" : `=${kind}`} ${has} ${once} ${full}`;
    if (this.#shapes.has(key)) return;
    if (this.#shapes.size < MOST_SHAPES) this.#shapes.set(key, this.#shape(kind, has, once, full));
    else this.#shapes.set("", this.#shape("", -1, 0, 0));
  }

  #shape(kind: string | undefined, has: number, once: number, full: number): ItemShape {
    return { kind, has: this.#named(has), once: this.#named(once), full: this.#named(full) };
  }

  #named(places: number): ReadonlySet<string> {
    return new Set(this.#wish.names.filter((_, place) => (places & (1 << place)) !== 0));
  }
}
