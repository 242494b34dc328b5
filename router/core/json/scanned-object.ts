import type { ItemShape } from "./item-shapes.ts";
import type { Json } from "./json.ts";

/** A captured top-level member. Offsets count octets from the beginning of the text. */
export interface ScannedMember {
  /** Of the quote that opens the name. */
  readonly keyAt: number;
  /** Of the value's first octet. */
  readonly at: number;
  /** Just after the value's last octet. */
  readonly end: number;
  readonly value: Json;
  /** Its place among all members of the object, from 0. */
  readonly index: number;
  /** Of the comma before its name, and of the one after its value; undefined before the first and after the last member. */
  readonly commaBefore: number | undefined;
  readonly commaAfter: number | undefined;
}

/** What the items of an array are. */
export interface ItemCount {
  readonly items: number;
  /** How many of them are numbers. */
  readonly numbers: number;
}

export interface ScannedObject {
  /** The captured members that are there. */
  readonly members: ReadonlyMap<string, ScannedMember>;
  /** The captured members that are there, and too long to be kept. */
  readonly long: ReadonlySet<string>;
  /** Of the members whose items are counted, those that are arrays. */
  readonly items: ReadonlyMap<string, ItemCount>;
  /** How often each counted or watched name stands in the text; a name that does not is not here. */
  readonly counts: ReadonlyMap<string, number>;
  /** Each shape that an item of the list has whose shapes are told; none where the list is not there. */
  readonly shapes: readonly ItemShape[];
  /** What was to be captured: of other members nothing is known but how many there are. */
  readonly capture: ReadonlyMap<string, number>;
  /** Top-level members of any name. */
  readonly size: number;
  /** Offset just after the first "{" and of the last "}". */
  readonly open: number;
  readonly close: number;
  /** Octets of the text. */
  readonly length: number;
}
