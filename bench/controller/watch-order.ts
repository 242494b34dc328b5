/** What the driver of `watchers.ts` asks of a process that plays sidecars; each is answered by one `WatchAnswer`. */
export type WatchOrder =
  | {
      readonly kind: "open";
      readonly url: string;
      readonly ca: string;
      readonly path: string;
      readonly sidecars: readonly SidecarOrder[];
    }
  /** Answered when so many sidecars have seen the event of this resourceVersion, or after ten seconds. */
  | { readonly kind: "await"; readonly version: string; readonly count: number }
  | { readonly kind: "close" };

export interface SidecarOrder {
  readonly token: string;
  /** A watch each; the empty one selects nothing. */
  readonly fieldSelectors: readonly string[];
}

export interface WatchAnswer {
  /** Of `sharedMillis`: when each sidecar had listed for each of its watches, or saw the event first. */
  readonly at: readonly number[];
  /** Events handed on since the order before. */
  readonly events: number;
}

/** Milliseconds on a clock that all processes of a machine share. */
export function sharedMillis(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
