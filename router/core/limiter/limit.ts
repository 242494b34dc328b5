/** What has a bucket of its own under a limit; `all`: one bucket for everything that the limit is about. */
export type LimitKey = "all" | "action" | "tool" | "model" | "destination" | "peer";

/** A token bucket and a cap on what goes on at the same time; at least one of them is there. */
export interface Limit {
  readonly per: LimitKey;
  /** `count` in `window` milliseconds, refilled evenly; `burst` at once, at least 1. */
  readonly rate: { readonly count: number; readonly window: number; readonly burst: number } | undefined;
  readonly concurrent: number | undefined;
}
