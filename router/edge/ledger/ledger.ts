import type { Bytes, EpochMillis, Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { CallEstimate } from "../../core/budget/amount.ts";
import type { BudgetPolicy } from "../../core/budget/budget-plan.ts";
import { type BudgetNow, BudgetTime, type ClockStep } from "../../core/budget/budget-time.ts";
import type { BudgetView } from "../../core/budget/budget-view.ts";
import { Budgets, type Charge, type Reservation, type Settled } from "../../core/budget/budgets.ts";
import type { NotAdmitted } from "../../core/budget/exhausted.ts";
import {
  clockText,
  createReserveText,
  firstText,
  policyText,
  releaseText,
  settleText,
} from "../../core/budget/ledger-entry.ts";
import { samePolicy } from "../../core/budget/ledger-state.ts";
import type { RateView } from "../../core/budget/rate-view.ts";
import { Journal, messageOf } from "./journal.ts";
import { LedgerLock } from "./ledger-lock.ts";
import type { LedgerClock } from "./machine-clock.ts";
import { type ReadLedger, readJournal } from "./read-journal.ts";

export type LedgerEvent =
  /** The wall clock was set; no budget began anew for it. */
  | { readonly kind: "clock_step"; readonly from: EpochMillis; readonly to: EpochMillis }
  /** The process before this one ended while calls were open: they are charged all that was reserved. */
  | { readonly kind: "recovered"; readonly lines: number; readonly torn: boolean; readonly charged: readonly Settled[] }
  /** Nothing is admitted any more that a budget counts. */
  | { readonly kind: "unavailable"; readonly sentence: string }
  | { readonly kind: "available" };

export interface LedgerOptions {
  /** The router's own, on a disk that outlives the process. */
  readonly directory: string;
  readonly clock: LedgerClock;
  readonly compactAt: Bytes;
  /** How long a line may wait until it is on the disk: what a power cut, and nothing else, can take. */
  readonly syncAfter: Millis;
  readonly retryAfter: Millis;
  onEvent(event: LedgerEvent): void;
}

/** The ledger cannot be written, so nothing is admitted. */
export interface LedgerUnavailable {
  readonly kind: "ledger_unavailable";
  readonly sentence: string;
}

/**
 * Opens the ledger of a directory, with all that earlier processes counted. A sentence for the operator where that cannot
 * be: another process holds it, or it is damaged; a ledger that cannot be read is never replaced by an empty one.
 */
export async function openLedger(options: LedgerOptions): Promise<Result<Ledger, string>> {
  let lock: LedgerLock | undefined;
  try {
    lock = LedgerLock.take(options.directory);
  } catch (error) {
    return fail(`The ledger in ${options.directory} cannot be locked: ${messageOf(error)}.`);
  }
  if (lock === undefined) return fail(`The ledger in ${options.directory} is kept by another process.`);
  const read = await readJournal(options.directory);
  if (!read.ok) {
    lock.release();
    return read;
  }
  try {
    return ok(await Ledger.begin(options, lock, read.value));
  } catch (error) {
    lock.release();
    return fail(`The ledger in ${options.directory} cannot be written: ${messageOf(error)}.`);
  }
}

/**
 * The budgets of a pod, kept on the disk: what is reserved and settled is in the kernel before the caller goes on, so that
 * a call which was dispatched is counted even if this process dies in the next instant. After a power cut the last
 * `syncAfter` may be missing.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #lock: LedgerLock;
  readonly #time: BudgetTime;
  readonly #budgets: Budgets;
  readonly #reserveText = createReserveText();
  #journal: Journal | undefined;
  #closed: Promise<void> | undefined;

  private constructor(options: LedgerOptions, lock: LedgerLock, read: ReadLedger | undefined) {
    this.#options = options;
    this.#lock = lock;
    const reading = options.clock.read();
    this.#time = new BudgetTime(options.clock.boot, reading);
    this.#budgets = read?.budgets ?? new Budgets({ budgets: [], rates: [], models: [] }, this.#time);
    if (read === undefined) return;
    this.#step(this.#time.resume(read.anchor, read.wall, reading));
    const charged = this.#budgets.settleAll(this.#time);
    if (charged.length > 0 || read.torn) {
      options.onEvent({ kind: "recovered", lines: read.lines, torn: read.torn, charged });
    }
  }

  /** Goes on from what was read, in a new file. Throws what the file system throws. */
  static async begin(options: LedgerOptions, lock: LedgerLock, read: ReadLedger | undefined): Promise<Ledger> {
    const ledger = new Ledger(options, lock, read);
    const { directory, compactAt, syncAfter, retryAfter } = options;
    ledger.#journal = await Journal.begin({
      directory,
      compactAt,
      syncAfter,
      retryAfter,
      snapshot: () => ledger.#snapshot(),
      onHealth: (sentence) =>
        options.onEvent(sentence === undefined ? { kind: "available" } : { kind: "unavailable", sentence }),
    });
    return ledger;
  }

  /** Why nothing is admitted that a budget counts; undefined where all is well. */
  get problem(): string | undefined {
    return this.#journal?.problem;
  }

  /** How many calls are open. */
  get open(): number {
    return this.#budgets.open;
  }

  /** Admits a call and counts it, in the kernel too; or changes nothing. See `Budgets.reserve`. */
  reserve(call: CallEstimate): Result<Reservation, NotAdmitted | LedgerUnavailable> {
    const now = this.#now();
    const reserved = this.#budgets.reserve(call, now);
    if (!reserved.ok || !reserved.value.durable) return reserved;
    // While the journal fails, nothing that it does not know of may come and go.
    if (this.problem === undefined && this.#append(this.#reserveText(now.wall, reserved.value))) return reserved;
    this.#budgets.release(reserved.value.id, now);
    return fail({ kind: "ledger_unavailable", sentence: "The budget ledger cannot be written." });
  }

  /** The call has ended; without a charge it is charged all that was reserved. Undefined where no such call is open. */
  settle(id: number, charge: Charge | undefined): Settled | undefined {
    const now = this.#now();
    const settled = this.#budgets.settle(id, charge, now);
    if (settled?.reservation.durable === true) this.#journal?.appendSoon(settleText(now.wall, settled));
    return settled;
  }

  /** Nothing of the call reached a provider. Undefined where no such call is open. */
  release(id: number): Reservation | undefined {
    const now = this.#now();
    const released = this.#budgets.release(id, now);
    if (released?.durable === true) this.#journal?.appendSoon(releaseText(now.wall, released));
    return released;
  }

  /** Another policy is in force; what its rules have counted already goes on. */
  reconfigure(policy: BudgetPolicy): void {
    const now = this.#now();
    const same = samePolicy(this.#budgets.policy, policy);
    this.#budgets.reconfigure(policy, now);
    if (!same) this.#append(policyText(now.wall, policy));
  }

  view(): readonly BudgetView[] {
    return this.#budgets.view(this.#now());
  }

  rates(model: string): RateView {
    return this.#budgets.rates(model, this.#now());
  }

  /** What is still open stays so, and is charged in full when the ledger is opened again. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#journal?.close();
    } finally {
      this.#lock.release();
    }
  }

  #now(): BudgetNow {
    const time = this.#time;
    const { anchored } = time;
    const step = time.tick(this.#options.clock.read());
    if (step !== undefined || time.anchored !== anchored) {
      this.#step(step);
      this.#append(clockText(time.wall, step, time.anchor));
    }
    return time;
  }

  #step(step: ClockStep | undefined): void {
    if (step === undefined) return;
    this.#budgets.carry(step, this.#time);
    this.#options.onEvent({ kind: "clock_step", from: step.from, to: step.to });
  }

  #append(text: string): boolean {
    return this.#journal?.append(text) ?? false;
  }

  #snapshot(): string {
    const { wall, anchor } = this.#time;
    return firstText(wall, anchor, this.#budgets.policy, this.#budgets.state(this.#time));
  }
}
