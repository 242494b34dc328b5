import type { ChainReport } from "./chain-report.ts";
import type { StreamHead } from "./stream-heads.ts";

/**
 * What a log is against a head that was kept elsewhere. `covered`: the stream begins with exactly the records that the
 * head was signed over. `shorter`: some of those are missing at the end. `beginning_missing`: some are missing at the
 * beginning, and what is there is what was signed. `inconsistent`: others are in their place. `unknown_stream`: the log
 * holds nothing of the stream.
 */
export type AnchorVerdict = "covered" | "shorter" | "beginning_missing" | "inconsistent" | "unknown_stream";

export interface CheckedAnchor {
  readonly verdict: AnchorVerdict;
  /** Records of the log that the head vouches for; those of earlier streams are among them. */
  readonly records: number;
  /** The key that the stream names for itself in its start record; undefined where that is not there. */
  readonly key: string | undefined;
}

/** Judges heads that the report's verifier was asked to watch for. */
export function anchorCheck({ heads, extents }: ChainReport): (anchor: StreamHead) => CheckedAnchor {
  const found = new Map(heads.map((head) => [`${head.stream}:${head.size}`, head]));
  const streams = new Map(extents.map((extent) => [extent.stream, extent]));
  return ({ stream, size, root }) => {
    const extent = streams.get(stream);
    if (extent === undefined) return { verdict: "unknown_stream", records: 0, key: undefined };
    const { first, end, key } = extent;
    if (size > end) return { verdict: "shorter", records: 0, key };
    const head = found.get(`${stream}:${size}`);
    if (head === undefined) return { verdict: "beginning_missing", records: 0, key };
    if (head.root !== root) return { verdict: "inconsistent", records: 0, key };
    return { verdict: first === 0 ? "covered" : "beginning_missing", records: head.records, key };
  };
}
