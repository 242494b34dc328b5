import type { TLSSocket } from "node:tls";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { DialPermit } from "../../core/policy/permit.ts";
import type { SecureLink } from "../../edge/upstream/secure-dial.ts";
import { leadsTo, type WayProblem } from "../origin-way.ts";
import type { Inspected } from "./inspected.ts";

/**
 * The connection that was made before the first request, or why there is none; either serves once. An origin that speaks
 * before it is asked, or leaves while it waits, has made it useless.
 */
export class FirstConnection {
  #first: Result<SecureLink, WayProblem> | undefined;
  readonly #proxy: string | undefined;
  readonly #digest: string;

  constructor({ origin, permit }: Inspected) {
    this.#first = origin;
    this.#proxy = permit.proxy;
    this.#digest = permit.policy.digest;
    if (!origin.ok) return;
    origin.value.socket.on("data", this.#spoke);
    origin.value.socket.on("end", this.#spoke);
    origin.value.socket.resume();
  }

  /** Undefined: it is used up, or of no use to this permit. */
  take(dial: DialPermit): Result<SecureLink, WayProblem> | undefined {
    const { name } = dial;
    const first = this.#first;
    this.#first = undefined;
    if (first?.ok !== true) return first === undefined ? undefined : fail(first.problem);
    const { address, socket } = first.value;
    socket.off("data", this.#spoke);
    socket.off("end", this.#spoke);
    socket.pause();
    if (leadsTo(dial, address) && name.proxy === this.#proxy && name.policy.digest === this.#digest && usable(socket))
      return ok(first.value);
    socket.destroy();
    return undefined;
  }

  close(): void {
    if (this.#first?.ok === true) this.#first.value.socket.destroy();
    this.#first = undefined;
  }

  readonly #spoke = (): void => {
    if (this.#first?.ok === true) this.#first.value.socket.destroy();
  };
}

function usable(socket: TLSSocket): boolean {
  return !socket.destroyed && socket.writable && !socket.readableEnded;
}
