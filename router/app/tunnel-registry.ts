import type { Reason } from "../core/base/reason.ts";
import { Roster } from "../core/base/roster.ts";
import type { Exchange } from "./exchange.ts";

/** Every exchange between its first step and its end: what a reload judges again and a drain waits for. */
export class TunnelRegistry {
  readonly #live = new Roster<Exchange>();

  get size(): number {
    return this.#live.size;
  }

  add(exchange: Exchange): void {
    this.#live.add(exchange);
  }

  remove(exchange: Exchange): void {
    this.#live.remove(exchange);
  }

  /** Cuts every exchange for which `verdict` names a reason; returns how many. */
  judgeAgain(verdict: (exchange: Exchange) => Reason | undefined): number {
    let cut = 0;
    for (const exchange of this.#live.all()) {
      const reason = verdict(exchange);
      if (reason === undefined) continue;
      exchange.cut(reason);
      cut += 1;
    }
    return cut;
  }
}
