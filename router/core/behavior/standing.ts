import type { Observation } from "./detector.ts";

/** When something happens, by both clocks. */
export type Moment = Pick<Observation, "at" | "steady">;

/** What the monitor asks for an action, now. Times are milliseconds since 1970, for people; they shift with the wall clock. */
export type Standing =
  | { readonly kind: "free" }
  /** No room now; `retryAfter`: milliseconds until there is, if no other comes before. */
  | { readonly kind: "throttled"; readonly until: number; readonly detector: string; readonly retryAfter: number }
  | { readonly kind: "approval"; readonly until: number; readonly detector: string }
  | { readonly kind: "quarantined"; readonly since: number; readonly detector: string };
