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
  /**
   * `count` failures, or denials, in a row within the window; a success ends the row of failures, an allowed action that of
   * denials. What is only said (`isSaid`) ends no row in which something else is.
   */
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
  /** Milliseconds since 1970, UTC: only for working hours and for people. */
  readonly at: number;
  /** Milliseconds by a monotonic clock of any beginning: what windows and responses go by. */
  readonly steady: number;
  readonly action: ActionKind;
  /** `host:port`, `server/tool`, a model, a peer; bounded. */
  readonly target: string;
  /**
   * How an action began: `allowed`, `denied`, or `limited`, by a limit or a budget, which is no denial. Or how an allowed one
   * ended: `failed`: it came to nothing. `ended`: only its octets count. Or `withheld`: refused since the monitor asked for
   * it, which feeds no detector, else none would end.
   */
  readonly result: "allowed" | "denied" | "limited" | "failed" | "succeeded" | "ended" | "withheld";
  /** Octets that left the pod. */
  readonly bytes: number;
  /** The agent says so, and nothing of it passed the router: it may never have been done. */
  readonly isSaid: boolean;
}
