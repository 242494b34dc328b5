/** How the body of one answer is taken: as a stream of frames, or as one document. */
export interface MeteredBody {
  push(chunk: Uint8Array, emit: (bytes: Uint8Array) => void): void;
  end(emit: (bytes: Uint8Array) => void): void;
  stop(): boolean;
}
