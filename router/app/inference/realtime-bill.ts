import { NO_USAGE, totalTokens } from "../../core/inference/usage.ts";
import { callCost } from "../../core/models/call-cost.ts";
import type { RealtimeSession } from "./realtime-session.ts";

/**
 * The one account of a connection: what its responses said that they used. No budget counts that (a model with one that
 * does is not served), so where nothing was said nothing is estimated, and the record has no number.
 */
export class RealtimeBill {
  readonly #session: RealtimeSession;
  #closed = false;

  constructor(session: RealtimeSession) {
    this.#session = session;
  }

  /** Settles what was held, or gives it back where nothing was sent. Once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { rooms, call, model, held, meter, sent } = this.#session;
    if (!sent) return rooms.budgets.release(held);
    const { usage } = meter;
    const tokens = usage === undefined ? 0 : totalTokens(usage);
    const cost = model.price === undefined ? undefined : callCost(model.price, usage ?? NO_USAGE);
    const estimated = usage === undefined || meter.partial;
    if (usage !== undefined) {
      call.facts.usage = usage;
      call.facts.charged = { tokens, cost, estimated };
    }
    rooms.budgets.settle(held, { tokens, cost: cost ?? 0, estimated });
  }
}
