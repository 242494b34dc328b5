import { foldName } from "./fold-name.ts";
import type { Json } from "./json.ts";
import type { ScanPlan } from "./scan-plan.ts";
import type { ScanProblemCode } from "./scan-problem.ts";
import type { ItemCount, ScannedMember } from "./scanned-object.ts";

/** The names of all members are remembered, so that each comes once: this bounds them. */
const MOST_MEMBERS = 512;

const NONE_LONG: ReadonlySet<string> = new Set();
const NO_ITEMS: ReadonlyMap<string, ItemCount> = new Map();

type Writable<Value> = { -readonly [Name in keyof Value]: Value[Name] };

/** The members of the object itself, in the order in which a scan meets them. */
export class TopMembers {
  readonly #plan: ScanPlan;
  readonly #names = new Set<string>();
  readonly #captured = new Map<string, ScannedMember>();
  /** Few objects have either. */
  #long: Set<string> | undefined;
  #items: Map<string, ItemCount> | undefined;
  #name = "";
  #keyAt = 0;
  #comma: number | undefined;
  /** The member before the next comma, if it was captured. */
  #last: Writable<ScannedMember> | undefined;

  constructor(plan: ScanPlan) {
    this.#plan = plan;
  }

  /** A member begins. Returns why it must not. */
  begin(name: string, keyAt: number): ScanProblemCode | undefined {
    const { capture, items, shapes, folded } = this.#plan;
    if (this.#names.has(name)) return "duplicate_member";
    const isKnown = capture.has(name) || items.has(name) || shapes?.list === name;
    if (!isKnown && folded.has(foldName(name))) return "ambiguous_member";
    if (this.#names.size === MOST_MEMBERS) return "too_many_members";
    this.#names.add(name);
    this.#name = name;
    this.#keyAt = keyAt;
    this.#last = undefined;
    return undefined;
  }

  get keyAt(): number {
    return this.#keyAt;
  }

  /** Most octets of this member's value, or undefined where that is not captured. */
  get limit(): number | undefined {
    return this.#plan.capture.get(this.#name);
  }

  /** Whether a value beyond the limit is passed over. */
  get isOptional(): boolean {
    return this.#plan.optional.has(this.#name);
  }

  /** Whether the items of this member are counted. */
  get hasItems(): boolean {
    return this.#plan.items.has(this.#name);
  }

  /** Whether the shapes of this member's items are told. */
  get isShaped(): boolean {
    return this.#plan.shapes?.list === this.#name;
  }

  /** The value of this member is too long to be captured. */
  passOver(): void {
    this.#long ??= new Set();
    this.#long.add(this.#name);
  }

  /** The array of this member has been read. */
  countItems(items: number, numbers: number): void {
    this.#items ??= new Map();
    this.#items.set(this.#name, { items, numbers });
  }

  /** The captured value of this member has been read. */
  capture(at: number, end: number, value: Json): void {
    this.#last = {
      keyAt: this.#keyAt,
      at,
      end,
      value,
      index: this.#names.size - 1,
      commaBefore: this.#comma,
      commaAfter: undefined,
    };
    this.#captured.set(this.#name, this.#last);
  }

  comma(at: number): void {
    this.#comma = at;
    if (this.#last !== undefined) this.#last.commaAfter = at;
  }

  get size(): number {
    return this.#names.size;
  }

  get long(): ReadonlySet<string> {
    return this.#long ?? NONE_LONG;
  }

  get items(): ReadonlyMap<string, ItemCount> {
    return this.#items ?? NO_ITEMS;
  }

  get captured(): ReadonlyMap<string, ScannedMember> {
    return this.#captured;
  }
}
