import type { Bytes } from "../../core/base/quantity.ts";
import type { Field } from "../../core/wire/message-head.ts";

/** Counts one direction of payload against its limit, before it is handed on: a limit is never passed by one octet. */
export interface ByteMeter {
  readonly carried: number;
  /** False, and nothing counted, where so many octets more would pass the limit. */
  admit(length: number): boolean;
  /** As `admit`, for what is sent and is no payload: it is not carried. */
  beside(length: number): boolean;
}

/** `most` undefined: no limit. */
export function byteMeter(most: Bytes | undefined): ByteMeter {
  let carried = 0;
  let beside = 0;
  const fits = (length: number): boolean => most === undefined || carried + beside + length <= most;
  return {
    get carried() {
      return carried;
    },
    admit(length) {
      if (!fits(length)) return false;
      carried += length;
      return true;
    },
    beside(length) {
      if (!fits(length)) return false;
      beside += length;
      return true;
    },
  };
}

/**
 * A request's target and fields in octets, those that the rule injects too: a limit on what leaves holds for them as for
 * content. Not what is written around them, which HTTP/1.1 and HTTP/2 do differently.
 */
export function headOctets({
  target,
  fields,
}: {
  readonly target: string;
  readonly fields: readonly Pick<Field, "name" | "value">[];
}): number {
  return fields.reduce((sum, { name, value }) => sum + name.length + value.length, target.length);
}
