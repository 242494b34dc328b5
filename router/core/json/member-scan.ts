import { assertNever } from "../base/assert-never.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { Excerpt } from "./excerpt.ts";
import { foldName } from "./fold-name.ts";
import * as grammar from "./grammar.ts";
import { type ItemShape, ItemShapes } from "./item-shapes.ts";
import type { Json } from "./json.ts";
import { memberCount } from "./member-count.ts";
import { endOfPlain, wordsOf } from "./plain-run.ts";
import type { ScanPlan } from "./scan-plan.ts";
import { type ScanProblem, scanProblem, type ScanProblemCode } from "./scan-problem.ts";
import type { ScannedObject } from "./scanned-object.ts";
import { TopMembers } from "./top-members.ts";

/** Octets of a top-level name as it is written, without its quotes. */
const LONGEST_NAME = 1024;

/** Most names are their own folded form. */
const FOLDED = /^[a-z0-9_]*$/;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** How deep an object is that is an item of a top-level list. */
const ITEM = 3;

const NO_COUNTS: ReadonlyMap<string, number> = new Map();
const NO_SHAPES: readonly ItemShape[] = [];

/** Stands for a state where the text was refused. */
const REFUSED = -1;

/**
 * Reads one JSON object that comes in chunks, cut anywhere, and never puts it together: judges all of it (RFC 8259, RFC 3629), and
 * keeps where some of its members stand and what their values are. It refuses where readers of JSON differ: two members of one
 * name, at the top or in a captured value; a name that some readers take for a captured one; half of a surrogate pair in any
 * name. What it says does not depend on where the text was cut. It remembers the names of the top-level members (512 of at most
 * 1024 octets), the captured values, and copies of those parts of names and captured values that the end of a chunk cut.
 */
export class MemberScan {
  readonly #plan: ScanPlan;
  readonly #members: TopMembers;
  /** Undefined while no counted name has come. */
  #counts: Map<string, number> | undefined;
  #problem: ScanProblem | undefined;
  #state = grammar.BEGIN;
  /** Offset of the chunk that is being read. */
  #base = 0;
  #open = 0;
  #close = 0;

  /** How many brackets are open, and for each depth the state after a value there. */
  #depth = 0;
  readonly #afters: number[];

  /** The name that is being read, without its quotes. */
  readonly #name = new Excerpt();
  #isEscaped = false;
  /** The captured value that is being read. */
  readonly #value = new Excerpt();
  /** Names in the top-level value that is being read. */
  #namesWithin = 0;
  /** The depth of the member that is being read within which nothing is watched; 0 outside of one. */
  #unread = 0;
  /** In the top-level value that is being read, the members within which nothing is watched. */
  #unreadNames: ReadonlySet<string> | undefined;
  /** A watched name whose value is not there yet. */
  #watched: string | undefined;
  readonly #shapes: ItemShapes | undefined;
  /** The top-level value that is being read is the list of which shapes are told. */
  #isShaped = false;
  /** The last two octets before the chunk that is being read. */
  #before = 0;
  #secondBefore = 0;
  /** The items of the top-level array that is being read, if they are counted; -1 otherwise. */
  #items = -1;
  #numbers = 0;

  constructor(plan: ScanPlan) {
    this.#plan = plan;
    this.#members = new TopMembers(plan);
    this.#shapes = plan.shapes && new ItemShapes(plan.shapes);
    this.#afters = [grammar.DONE];
  }

  /** Reads the next chunk. A problem is final: each later call gives it again. */
  push(chunk: Uint8Array): ScanProblem | undefined {
    if (this.#problem !== undefined) return this.#problem;
    const words = wordsOf(chunk);
    let state = this.#state;
    let at = 0;
    while (at < chunk.length) {
      if (state <= grammar.IN_NAME && (chunk[at] ?? 0) < 0x80) {
        at = endOfPlain(chunk, words, at);
        if (at === chunk.length) break;
      }
      const next = grammar.nextOf(state, chunk[at] ?? 0);
      if (next < grammar.FIRST_ACTION) {
        state = next;
        at++;
      } else {
        state = this.#act(next as grammar.Action, chunk, at);
        if (state === REFUSED) return this.#problem;
        if (next < grammar.FIRST_READ_AGAIN) at++;
      }
    }
    this.#state = state;
    return this.#cut(chunk);
  }

  /** What the text is if it ends here. */
  end(): Result<ScannedObject, ScanProblem> {
    if (this.#problem !== undefined) return fail(this.#problem);
    if (this.#state !== grammar.DONE) return fail(scanProblem("cut_short", this.#base));
    return ok({
      members: this.#members.captured,
      long: this.#members.long,
      items: this.#members.items,
      counts: this.#counts ?? NO_COUNTS,
      shapes: this.#shapes?.found ?? NO_SHAPES,
      capture: this.#plan.capture,
      size: this.#members.size,
      open: this.#open,
      close: this.#close,
      length: this.#base,
    });
  }

  /** Does what the grammar asks for at an octet of the chunk. Returns the state after that. */
  #act(action: grammar.Action, chunk: Uint8Array, at: number): number {
    switch (action) {
      case grammar.OPEN_OBJECT:
        return this.#openBracket(at, grammar.FIRST_NAME, grammar.AFTER_MEMBER);
      case grammar.OPEN_ARRAY:
        return this.#openBracket(at, grammar.FIRST_ITEM, grammar.AFTER_ITEM);
      case grammar.CLOSE:
        this.#depth--;
        if (this.#depth === 0) this.#close = this.#base + at;
        return this.#closeValue(chunk, at + 1);
      case grammar.OPEN_NAME:
        this.#name.begin(this.#base + at + 1);
        this.#isEscaped = false;
        return grammar.IN_NAME;
      case grammar.ESCAPE_IN_NAME:
        this.#isEscaped = true;
        return grammar.NAME_ESCAPE;
      case grammar.CLOSE_NAME:
        return this.#depth === 1 ? this.#closeTopName(chunk, at) : this.#closeName(chunk, at);
      case grammar.OPEN_TOP_VALUE:
        if (this.#members.limit !== undefined) this.#value.begin(this.#base + at);
        this.#namesWithin = 0;
        this.#items = chunk[at] === OPENING_BRACKET && this.#members.hasItems ? 0 : -1;
        this.#numbers = 0;
        this.#isShaped = this.#shapes !== undefined && this.#members.isShaped;
        if (this.#isShaped && chunk[at] === OPENING_BRACE) this.#shapes?.unknown();
        return grammar.VALUE;
      case grammar.CLOSE_TEXT:
        this.#countWatched();
        if (this.#isShaped && this.#depth === ITEM) {
          this.#shapes?.text(!this.#isEmptyText(chunk, at), chunk, this.#base, at + 1);
        }
        return this.#closeValue(chunk, at + 1);
      case grammar.CLOSE_WORD:
        this.#watched = undefined;
        if (this.#isShaped && this.#depth === ITEM) this.#shapes?.word();
        return this.#closeValue(chunk, at + 1);
      case grammar.CLOSE_NUMBER:
        this.#countWatched();
        if (this.#depth === 2) this.#numbers++;
        return this.#closeValue(chunk, at);
      case grammar.TOP_COMMA:
        this.#members.comma(this.#base + at);
        return grammar.NEXT_NAME;
      case grammar.MALFORMED:
        return this.#refuseAt("malformed", at);
      case grammar.NOT_UTF8:
        return this.#refuseAt("not_utf8", at);
      case grammar.HALF_PAIR:
        return this.#refuseAt("ambiguous_member", at);
      case grammar.NOT_OBJECT:
        return this.#refuseAt("not_object", at);
      default:
        return assertNever(action);
    }
  }

  #openBracket(at: number, inside: number, after: number): number {
    if (this.#depth === this.#plan.depth) return this.#refuseAt("too_deep", at);
    this.#countWatched();
    this.#depth++;
    if (this.#isShaped && this.#depth === ITEM) {
      if (inside === grammar.FIRST_NAME) this.#shapes?.begin();
      else this.#shapes?.unknown();
    }
    if (this.#depth === 1) this.#open = this.#base + at + 1;
    this.#afters[this.#depth] = this.#depth === 1 ? grammar.AFTER_TOP_MEMBER : after;
    return inside;
  }

  /** Of a name below the top only that matters which a plan may look for there. */
  #closeName(chunk: Uint8Array, end: number): number {
    const length = this.#base + end - this.#name.at;
    this.#namesWithin++;
    let name: string | undefined;
    if (this.#isEscaped ? length <= this.#plan.longestCounted : this.#plan.countedLengths[length] === 1) {
      name = this.#finishName(chunk, end);
      this.#count(name);
      if (this.#unread === 0 && this.#unreadNames?.has(name) === true) this.#unread = this.#depth;
    } else {
      this.#name.drop();
    }
    if (this.#isShaped && this.#depth === ITEM) this.#shapes?.name(name, this.#base + end + 1);
    return grammar.COLON;
  }

  #closeTopName(chunk: Uint8Array, end: number): number {
    const overlong = this.#overlong(this.#base + end);
    if (overlong !== undefined) return this.#refuse(overlong);
    const keyAt = this.#name.at - 1;
    const name = this.#finishName(chunk, end);
    const code = this.#members.begin(name, keyAt);
    if (code !== undefined) return this.#refuse(scanProblem(code, keyAt));
    this.#count(name);
    const unread = this.#plan.unread.get(name);
    this.#unread = unread === "all" ? 1 : 0;
    this.#unreadNames = unread === "all" ? undefined : unread;
    return grammar.TOP_COLON;
  }

  #finishName(chunk: Uint8Array, end: number): string {
    const text = this.#name.finish(chunk, this.#base, end);
    return this.#isEscaped ? (JSON.parse(`"${text}"`) as string) : text;
  }

  #count(name: string): void {
    const { count, foldedWatch } = this.#plan;
    if (count.has(name)) this.#counted(name);
    else if (this.#unread === 0 && foldedWatch.size > 0) {
      this.#watched = foldedWatch.get(FOLDED.test(name) ? name : foldName(name));
    }
  }

  /** A value has begun, or is whole, that is neither null nor a boolean. */
  #countWatched(): void {
    if (this.#watched === undefined) return;
    this.#counted(this.#watched);
    this.#watched = undefined;
  }

  #counted(name: string): void {
    this.#counts ??= new Map();
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  #closeValue(chunk: Uint8Array, end: number): number {
    if (this.#depth === this.#unread) this.#unread = 0;
    if (this.#isShaped) this.#shapes?.close(this.#depth - ITEM);
    if (this.#items !== -1) this.#countItem();
    if (this.#depth === 1) {
      const overlong = this.#overlong(this.#base + end);
      if (overlong !== undefined) return this.#refuse(overlong);
      if (this.#value.isOpen) return this.#captureValue(chunk, end);
    }
    return this.#afters[this.#depth] ?? grammar.DONE;
  }

  #captureValue(chunk: Uint8Array, end: number): number {
    const { at } = this.#value;
    const value = JSON.parse(this.#value.finish(chunk, this.#base, end)) as Json;
    // The parser keeps one of two members of the same name, and then there are fewer than there were names.
    const isWhole = memberCount(value) === this.#namesWithin;
    if (!isWhole) return this.#refuse(scanProblem("duplicate_member", this.#members.keyAt));
    this.#members.capture(at, this.#base + end, value);
    return grammar.AFTER_TOP_MEMBER;
  }

  /** Whether the text that ends with this quote began with the one before: within a text that one would be escaped. */
  #isEmptyText(chunk: Uint8Array, end: number): boolean {
    const before = end > 0 ? chunk[end - 1] : this.#before;
    const secondBefore = end > 1 ? chunk[end - 2] : end === 1 ? this.#before : this.#secondBefore;
    return before === QUOTE && secondBefore !== BACKSLASH;
  }

  /** A value in a top-level array has been read, or that array itself. */
  #countItem(): void {
    if (this.#depth === 2) this.#items++;
    if (this.#depth !== 1) return;
    this.#members.countItems(this.#items, this.#numbers);
    this.#items = -1;
  }

  /** The chunk is read: what it has of a name or value that goes on is kept, within its bound. */
  #cut(chunk: Uint8Array): ScanProblem | undefined {
    const base = this.#base;
    const offset = base + chunk.length;
    this.#problem = this.#overlong(offset);
    if (this.#problem !== undefined) return this.#problem;
    if (this.#value.isOpen) this.#value.keep(chunk, base, chunk.length);
    if (this.#isShaped) this.#shapes?.cut(chunk, base);
    this.#secondBefore = chunk.at(-2) ?? (chunk.length === 1 ? this.#before : this.#secondBefore);
    this.#before = chunk.at(-1) ?? this.#before;
    if (this.#name.isOpen && (this.#depth === 1 || offset - this.#name.at <= this.#plan.longestCounted)) {
      this.#name.keep(chunk, base, chunk.length);
    }
    this.#base = offset;
    return undefined;
  }

  /** What is too long already, if the text is read to before this offset. A value that may be is dropped. */
  #overlong(offset: number): ScanProblem | undefined {
    if (this.#value.isOpen) {
      const isLong = offset - this.#value.at > (this.#members.limit ?? 0);
      if (isLong && this.#members.isOptional) {
        this.#members.passOver();
        this.#value.drop();
        return undefined;
      }
      return isLong ? scanProblem("value_too_long", this.#value.at) : undefined;
    }
    const isLong = this.#name.isOpen && this.#depth === 1 && offset - this.#name.at > LONGEST_NAME;
    return isLong ? scanProblem("name_too_long", this.#name.at - 1) : undefined;
  }

  /** At an octet. If that is beyond the bound of what is being read, this is not the first thing wrong. */
  #refuseAt(code: ScanProblemCode, at: number): typeof REFUSED {
    const offset = this.#base + at;
    return this.#refuse(this.#overlong(offset) ?? scanProblem(code, offset));
  }

  #refuse(problem: ScanProblem): typeof REFUSED {
    this.#problem = problem;
    return REFUSED;
  }
}
