import type { ActionKind } from "../governance/action-kind.ts";

/** What follows when a detector trips. Each also alerts: a metric, a record, an event. */
export type Response =
  | { readonly kind: "alert" }
  /** At most so many actions a minute, for so long. */
  | { readonly kind: "throttle"; readonly perMinute: number; readonly millis: number }
  /** What would be allowed needs an approval, for so long. */
  | { readonly kind: "require_approval"; readonly millis: number }
  /** Everything is denied until an operator lifts it, also after a restart. */
  | { readonly kind: "quarantine" };

/** What is watched for. Windows are milliseconds and slide; undefined `actions`: every kind. */
export type Watch =
  /** More than `count` actions within the window. */
  | { readonly kind: "burst"; readonly count: number; readonly window: number }
  /** `count` failures, or denials, in a row within the window; a success ends the row of failures, an allowed action that of denials. */
  | { readonly kind: "failures" | "denials"; readonly count: number; readonly window: number }
  /** More than `count` destinations that were not seen within `memory`, within the window. */
  | { readonly kind: "new_destinations"; readonly count: number; readonly window: number; readonly memory: number }
  /** An action outside of the working hours. */
  | { readonly kind: "off_hours"; readonly hours: WorkingHours }
  /** More than `bytes` octets sent within the window; with `perDestination` to one destination. */
  | { readonly kind: "volume"; readonly bytes: number; readonly window: number; readonly perDestination: boolean };

export interface WorkingHours {
  /** 0 Sunday to 6 Saturday; the day on which the span begins. Never empty. */
  readonly days: ReadonlySet<number>;
  /** Minutes of the day, 0 to 1439; `to` before `from` spans midnight; the same: the whole day. */
  readonly from: number;
  readonly to: number;
  /** Minutes east of UTC. */
  readonly offset: number;
}

export interface DetectorRule {
  readonly id: string;
  readonly watch: Watch;
  readonly actions: ReadonlySet<ActionKind> | undefined;
  readonly response: Response;
  /** An alert that stands is not raised again within so many milliseconds. */
  readonly quiet: number;
}

/** What the monitor sees of each action, live or from a recorded log. */
export interface Observation {
  readonly at: number;
  readonly action: ActionKind;
  /** `host:port`, `server/tool`, a model, a peer; bounded. */
  readonly target: string;
  /** `failed`: it was allowed, and came to nothing. `ended`: only its octets count. */
  readonly result: "allowed" | "denied" | "failed" | "succeeded" | "ended";
  /** Octets that left the pod. */
  readonly bytes: number;
}
