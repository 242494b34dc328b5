import type { Reason } from "../../core/base/reason.ts";
import type { Result } from "../../core/base/result.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { CorridorRooms } from "../corridor-rooms.ts";
import type { LeakRules } from "../credentials/known-secrets.ts";
import type { UpstreamRooms } from "../upstream-rooms.ts";

export type FetchSettings = RouterConfig["fetch"];

/** The agent's fields with those of a rule in their place, and what the answer must not show. */
export interface Injected {
  readonly fields: readonly Field[];
  readonly leaks: LeakRules;
}

/** Everything that the fetch tool calls. */
export interface FetchRooms extends Pick<
  CorridorRooms,
  "clock" | "admission" | "registry" | "limits" | "settle" | "nextRequestId"
> {
  readonly settings: FetchSettings;
  readonly upstream: Pick<UpstreamRooms, "dialPlain" | "dialSecure" | "watch">;
  /** Called only for a rule that injects. */
  readonly inject: (
    permit: NamePermit,
    fields: readonly Field[],
  ) => Promise<Result<Injected, { readonly reason: Reason; readonly detail: string }>>;
}
