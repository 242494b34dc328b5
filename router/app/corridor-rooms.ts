import type { Clock } from "../core/base/clock.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import type { DialPermit, NamePermit } from "../core/policy/permit.ts";
import type { Result } from "../core/base/result.ts";
import type { Authority } from "../core/wire/authority.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import type { AdmissionRooms } from "./admission.ts";
import type { Exchange, Settle } from "./exchange.ts";
import type { InjectedFields } from "./inspection/injected-fields.ts";
import type { TunnelRegistry } from "./tunnel-registry.ts";
import type { UpstreamRooms } from "./upstream-rooms.ts";

/** Ends TLS at this router, for a tunnel whose rule says `inspect: true`. */
export interface InspectionRoom {
  /**
   * Serves the requests inside a tunnel that is open to the agent, to its end, and settles the tunnel's exchange. The
   * ClientHello has passed the tls door and is the first that is read.
   */
  serve(
    agent: AgentSocket,
    exchange: Exchange,
    permit: NamePermit,
    dial: DialPermit,
    authority: Authority,
  ): Promise<void>;
  /** What the permit's rule injects; the problem is a sentence. */
  inject(permit: NamePermit): Promise<Result<InjectedFields, string>>;
}

/** Everything that the corridor calls. */
export interface CorridorRooms {
  readonly clock: Clock;
  readonly admission: AdmissionRooms;
  readonly upstream: UpstreamRooms;
  readonly registry: TunnelRegistry;
  readonly limits: RouterConfig["limits"];
  readonly settle: Settle;
  /** Without it an inspected tunnel is refused, and what a rule injects into. */
  readonly inspection?: InspectionRoom;
  nextRequestId(): string;
}
