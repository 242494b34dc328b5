/** What is asked of a process that plays sidecars (`watch-load.ts`); each is answered by one `WatchAnswer`. */
export type WatchOrder =
  | {
      readonly kind: "open";
      readonly url: string;
      readonly ca: string;
      readonly path: string;
      readonly sidecars: readonly SidecarOrder[];
    }
  /** Who has seen the event of this resourceVersion. */
  | { readonly kind: "seen"; readonly version: string }
  | { readonly kind: "close" };

export interface SidecarOrder {
  readonly token: string;
  /** A watch each; the empty one selects nothing. */
  readonly fieldSelectors: readonly string[];
}

export interface WatchAnswer {
  /** Of `sharedMillis`: when each watch had listed, or each sidecar saw the event first. */
  readonly at: readonly number[];
  /** Events handed on since the answer before. */
  readonly events: number;
}

/** Milliseconds on a clock that all processes of a machine share. */
export function sharedMillis(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
