import type { Reason } from "../core/base/reason.ts";
import { ok, type Result } from "../core/base/result.ts";
import type { DialPermit } from "../core/policy/permit.ts";
import { type Authority, formatAuthority } from "../core/wire/authority.ts";
import type { IpAddress } from "../core/wire/ip-address.ts";
import type { Link } from "../edge/upstream/dial.ts";
import { originConnection, type OriginConnection } from "../edge/upstream/origin-connection.ts";
import { refusalOf } from "./admission.ts";
import type { Exchange } from "./exchange.ts";
import type { Refused } from "./refused.ts";

export interface WayProblem {
  readonly reason: Reason;
  readonly detail: string;
}

export type DialOrigin = (permit: DialPermit, signal: AbortSignal) => Promise<Result<Link, WayProblem>>;

/** The connection of the last request, to be used again for the same authority, address, parent proxy and policy. */
interface Kept {
  readonly authority: string;
  /** Undefined: a parent proxy was given the name. */
  readonly address: IpAddress | undefined;
  readonly digest: string;
  readonly proxy: string | undefined;
  readonly connection: OriginConnection;
}

/** The way of one agent connection to origins: one connection at a time, kept while nothing about it has changed. */
export class OriginWay {
  readonly #dial: DialOrigin;
  #kept: Kept | undefined;

  constructor(dial: DialOrigin) {
    this.#dial = dial;
  }

  /** The connection kept from the request before, where it may serve this one too; otherwise a new one. */
  async connect(
    exchange: Exchange,
    asked: Authority,
    dial: DialPermit,
  ): Promise<Result<Pick<Kept, "address" | "connection">, Refused>> {
    const permit = dial.name;
    const authority = formatAuthority(asked);
    const kept = this.#kept;
    if (
      kept !== undefined &&
      kept.authority === authority &&
      kept.digest === permit.policy.digest &&
      kept.proxy === permit.proxy &&
      leadsTo(dial, kept.address) &&
      kept.connection.usable
    ) {
      return ok(kept);
    }
    this.close();
    const dialled = await this.#dial(dial, exchange.signal);
    if (!dialled.ok) {
      const { detail, reason } = dialled.problem;
      return refusalOf(permit, exchange.cutReason ?? reason, detail);
    }
    const { address, connectMillis } = dialled.value;
    exchange.connect = connectMillis;
    const fresh = {
      authority,
      address,
      digest: permit.policy.digest,
      proxy: permit.proxy,
      connection: originConnection(dialled.value),
    };
    this.#kept = fresh;
    return ok(fresh);
  }

  close(): void {
    this.#kept?.connection.close();
    this.#kept = undefined;
  }
}

/** A connection to this address is one that the permit leads to. */
export function leadsTo({ addresses }: DialPermit, address: IpAddress | undefined): boolean {
  return address === undefined ? addresses.length === 0 : addresses.includes(address);
}
