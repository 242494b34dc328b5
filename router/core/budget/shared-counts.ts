import { type EpochMillis, epochMillis, type Millis, millis } from "../base/quantity.ts";
import type { BudgetView } from "./budget-view.ts";
import type { CountsAnswer, SharedCount } from "./shared-answer.ts";
import { isShared, type SharedRule } from "./shared-key.ts";

/** A budget as it stands; of those that pods share as the ledger last said. */
export interface SharedBudgetView extends BudgetView {
  /** How long ago the ledger said so. Undefined: this is this pod's own count. */
  readonly age: Millis | undefined;
}

interface Known {
  readonly count: SharedCount;
  readonly at: Millis;
}

/** What the shared ledger last said, and when. Times are monotonic ones, but for the server's. */
export class SharedCounts {
  readonly #known = new Map<string, Known>();
  #apart: number | undefined;

  note(rules: readonly SharedRule[], { now, counts }: CountsAnswer, at: Millis): void {
    this.heard(now, at);
    for (const [index, { key }] of rules.entries()) {
      const count = counts[index];
      if (count !== undefined) this.#known.set(key, { count, at });
    }
  }

  /** The server said that it is `now`. */
  heard(now: EpochMillis, at: Millis): void {
    this.#apart = now - at;
  }

  of(key: string): SharedCount | undefined {
    return this.#known.get(key)?.count;
  }

  /** What the server's clock says, by what it said last. It is late by the way of that answer, at most. */
  serverTime(at: Millis): EpochMillis {
    return epochMillis(Math.floor(at + (this.#apart ?? 0)));
  }

  /** Forgets all but these. */
  retain(rules: readonly SharedRule[]): void {
    const keys = new Set(rules.map(({ key }) => key));
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  /** `views` with what the ledger last said in the place of the pod's own counts. */
  view(views: readonly BudgetView[], keyOf: (view: BudgetView) => string, at: Millis): readonly SharedBudgetView[] {
    return views.map((view) => {
      const known = isShared(view) ? this.#known.get(keyOf(view)) : undefined;
      if (known === undefined) return { ...view, age: undefined };
      const { used, reserved, resetAt } = known.count;
      const counted = used ?? view.limit;
      const remaining = Math.max(0, view.limit - counted - reserved);
      return {
        ...view,
        used: counted,
        reserved,
        remaining,
        resetAt: resetAt ?? view.resetAt,
        age: millis(at - known.at),
      };
    });
  }
}
