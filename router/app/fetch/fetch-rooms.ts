import type { Result } from "../../core/base/result.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import type { CorridorRooms } from "../corridor-rooms.ts";
import type { InjectedFields } from "../inspection/injected-fields.ts";
import type { UpstreamRooms } from "../upstream-rooms.ts";

export type FetchSettings = RouterConfig["fetch"];

/** Everything that the fetch tool calls. */
export interface FetchRooms extends Pick<
  CorridorRooms,
  "clock" | "admission" | "registry" | "limits" | "settle" | "nextRequestId"
> {
  readonly settings: FetchSettings;
  readonly upstream: Pick<UpstreamRooms, "dialPlain" | "dialSecure" | "watch">;
  /** What a rule injects; called only for one that does. The problem is a sentence. */
  readonly inject: (permit: NamePermit) => Promise<Result<InjectedFields, string>>;
}
