/** One feed, as `/status` and the metrics tell of it. */
export interface FeedStatus {
  readonly name: string;
  /** Origin of the URL, or the file. */
  readonly source: string;
  /** `failing`: whether the source still holds what is in force, nobody knows. `missing`: nothing was ever in force. */
  readonly state: "current" | "failing" | "missing";
  readonly entries: number;
  readonly ignored: number;
  readonly bad: number;
  /** SHA-256 of what is in force. */
  readonly digest: string | undefined;
  /** What is in force was read from its source, or from the copy that an earlier process kept. */
  readonly from: "source" | "copy" | undefined;
  /** Since its source was last known to hold just what is in force; of a missing feed, since the start. */
  readonly ageSeconds: number;
  readonly problem: string | undefined;
  /** Why a restart without the source would not find it. */
  readonly copyProblem: string | undefined;
}
