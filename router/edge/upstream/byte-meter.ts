import type { Bytes } from "../../core/base/quantity.ts";

/** Counts one direction of payload against its limit, before it is handed on: a limit is never passed by one octet. */
export interface ByteMeter {
  readonly carried: number;
  /** False, and nothing counted, where so many octets more would pass the limit. */
  admit(length: number): boolean;
}

/** `most` undefined: no limit. */
export function byteMeter(most: Bytes | undefined): ByteMeter {
  let carried = 0;
  return {
    get carried() {
      return carried;
    },
    admit(length) {
      if (most !== undefined && carried + length > most) return false;
      carried += length;
      return true;
    },
  };
}
