/** Finds where the frames of a body end. It keeps what it must know between chunks, and none of the octets. */
export interface FrameBoundary {
  /**
   * The index after the frame that is open at `at`; -1: it goes on in the next chunk; -2: the body has no frames any
   * more. Every octet is to be shown once, in order: the next call begins where this one ended.
   */
  find(chunk: Uint8Array, at: number): number;
}

export const UNFINISHED = -1;
export const BROKEN = -2;
