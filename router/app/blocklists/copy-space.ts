import type { DiskSpace } from "../../edge/sources/file-draft.ts";

/**
 * Octets of all copies and drafts together: the state volume has 64Mi unless told otherwise, and a pod whose volume is
 * too full is evicted. No publisher may bring that about.
 */
const MOST_COPIED = 48 * 1024 * 1024;

export class CopySpace implements DiskSpace {
  readonly #most: number;
  #used = 0;

  constructor(most: number = MOST_COPIED) {
    this.#most = most;
  }

  take(octets: number): boolean {
    if (this.#used + octets > this.#most) return false;
    this.#used += octets;
    return true;
  }

  give(octets: number): void {
    this.#used -= octets;
  }
}
