import type { Reason } from "../../core/base/reason.ts";
import type { Result } from "../../core/base/result.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import type { Authority } from "../../core/wire/authority.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import type { HeadLimits } from "../../core/wire/message-head.ts";
import type { CorridorRooms } from "../corridor-rooms.ts";
import type { Exchange } from "../exchange.ts";
import type { Http2Way } from "./http2-way.ts";
import type { InjectedFields } from "./injected-fields.ts";

/** What the streams of one connection share. */
export interface Http2Streams {
  readonly rooms: Omit<CorridorRooms, "inspection">;
  readonly authority: Authority;
  /** The tunnel's exchange, that all of them are part of. */
  readonly within: Exchange | undefined;
  /** Those between their first step and their end. */
  readonly live: Set<Exchange>;
  /** Where the connection leads; undefined: nowhere, or a parent proxy alone knows. */
  readonly address: IpAddress | undefined;
  /** The parent proxy that it goes through; undefined: none. */
  readonly proxy: string | undefined;
  readonly way: Http2Way;
  /** Why there is no connection to the origin, where there is none. */
  readonly unreachable: { readonly reason: Reason; readonly detail: string };
  readonly limits: HeadLimits;
  /** What the permit's rule writes into a request, and keeps out of its answer. The problem is a sentence. */
  inject(permit: NamePermit): Promise<Result<InjectedFields, string>>;
  /** Reserves what the stream may hold. */
  reserve(): (() => void) | undefined;
  /** The process ends: no stream is to follow. */
  drain(): void;
  /** Ends the connection at once. */
  destroy(): void;
}
