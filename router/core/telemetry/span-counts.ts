/** What became of the spans that were to be exported. */
export interface SpanCounts {
  /** A collector took them. */
  readonly exported: number;
  /** A collector refused them, or did not answer. */
  readonly failed: number;
  /** Never sent: too many were waiting. */
  readonly dropped: number;
}

export const NO_SPANS: SpanCounts = Object.freeze({ exported: 0, failed: 0, dropped: 0 });
