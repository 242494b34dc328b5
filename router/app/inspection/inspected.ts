import type { TLSSocket } from "node:tls";
import type { Result } from "../../core/base/result.ts";
import type { DialPermit, NamePermit } from "../../core/policy/permit.ts";
import type { Authority } from "../../core/wire/authority.ts";
import type { LeafMint } from "../../edge/inspection/leaf-mint.ts";
import type { SecureLink, SecureProblem } from "../../edge/upstream/secure-dial.ts";
import type { CorridorRooms } from "../corridor-rooms.ts";
import type { Exchange } from "../exchange.ts";
import type { Http2Room } from "./http2-room.ts";
import type { InspectedConnections } from "./inspected-connections.ts";
import type { InjectionSecrets } from "./injection-secrets.ts";
import type { InspectionCounts } from "./inspection-counts.ts";

/** What ends TLS here, beside the rooms of the corridor. */
export interface InspectionRooms extends Omit<CorridorRooms, "inspection"> {
  readonly leaves: Pick<LeafMint, "contextFor">;
  readonly secrets: InjectionSecrets;
  readonly http2: Http2Room;
  readonly counts: InspectionCounts;
  readonly connections: InspectedConnections;
}

/** A connection with TLS done on the agent's side; `origin` is the first connection to the other, or why there is none. */
export interface Inspected {
  readonly agent: TLSSocket;
  readonly origin: Result<SecureLink, SecureProblem>;
  readonly authority: Authority;
  readonly permit: NamePermit;
  readonly dial: DialPermit;
  /** The tunnel's, live for as long as the connection. */
  readonly exchange: Exchange;
}
