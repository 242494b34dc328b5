import type { AuditValue } from "../../core/audit/audit-event.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";

/**
 * What became of an event. `written`: it is a durable record. The rest are in no record but a gap's count: `refused`
 * was answered `audit_unavailable`, so what it told of did not happen; `dropped` had nobody waiting for it (denials,
 * ends); `unrecorded` was let go on without its record, which `strict` never does.
 */
export type AuditOutcome = "written" | "refused" | "dropped" | "unrecorded";

/** Counts what could not be recorded, for the next gap record. */
export class Losses {
  #since: EpochMillis | undefined;
  #counts = { refused: 0, dropped: 0, unrecorded: 0 };

  add(outcome: Exclude<AuditOutcome, "written">, at: EpochMillis): void {
    this.#counts[outcome] += 1;
    this.#since ??= at;
  }

  /** The counts since the last call, as the detail of a gap record; undefined where nothing was lost. */
  take(): { readonly [key: string]: AuditValue } | undefined {
    if (this.#since === undefined) return undefined;
    const detail = { ...this.#counts, since: new Date(this.#since).toISOString() };
    this.#since = undefined;
    this.#counts = { refused: 0, dropped: 0, unrecorded: 0 };
    return detail;
  }
}
