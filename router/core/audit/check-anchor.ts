import type { ChainReport } from "./chain-report.ts";
import type { StreamHead } from "./stream-heads.ts";

/**
 * What a log is against a head that was kept elsewhere. `covered`: the stream begins with exactly the records that the
 * head was signed over. `shorter`: some of those are not there. `inconsistent`: others are in their place.
 * `unknown_stream`: the log holds nothing of the stream. `earlier`: the log begins after the head.
 */
export type AnchorVerdict = "covered" | "shorter" | "inconsistent" | "unknown_stream" | "earlier";

/** Judges a head that the report's verifier was asked to watch for. */
export function checkAnchor({ heads, extents }: ChainReport, anchor: StreamHead): AnchorVerdict {
  const extent = extents.find(({ stream }) => stream === anchor.stream);
  if (extent === undefined) return "unknown_stream";
  if (anchor.size > extent.end) return "shorter";
  const head = heads.find(({ stream, size }) => stream === anchor.stream && size === anchor.size);
  if (head === undefined) return "earlier";
  return head.root === anchor.root ? "covered" : "inconsistent";
}
