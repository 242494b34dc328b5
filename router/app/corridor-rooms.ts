import type { Clock } from "../core/base/clock.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import type { AdmissionRooms } from "./admission.ts";
import type { Settle } from "./exchange.ts";
import type { TunnelRegistry } from "./tunnel-registry.ts";
import type { UpstreamRooms } from "./upstream-rooms.ts";

/** Everything that the corridor calls. */
export interface CorridorRooms {
  readonly clock: Clock;
  readonly admission: AdmissionRooms;
  readonly upstream: UpstreamRooms;
  readonly registry: TunnelRegistry;
  readonly limits: RouterConfig["limits"];
  readonly settle: Settle;
  nextRequestId(): string;
}
