import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { bytes, epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { BudgetPolicy } from "../../../../router/core/budget/budget-plan.ts";
import {
  type Ledger,
  type LedgerEvent,
  type LedgerOptions,
  openLedger,
} from "../../../../router/edge/ledger/ledger.ts";
import { budget, policyOf, TEN } from "../../core/budget/budget-fixture.ts";

/** Clocks that tests set. */
export class SetClock {
  boot = "5f0c4c5e-4a5c-4c57-9b0a-6f4d1c9b2a11";
  wall = TEN;
  uptime = 1_000_000;

  read(): { wall: ReturnType<typeof epochMillis>; uptime: ReturnType<typeof millis> } {
    return { wall: epochMillis(this.wall), uptime: millis(this.uptime) };
  }

  /** Time passes. */
  pass(by: number): void {
    this.wall += by;
    this.uptime += by;
  }
}

export interface Opened {
  readonly ledger: Ledger;
  readonly events: readonly LedgerEvent[];
}

const closers = new Map<string, (() => Promise<void>)[]>();

/** A directory for one test, taken away once every ledger in it is closed. */
export function scratchDirectory(
  t: TestContext,
  remove = (directory: string): void => rmSync(directory, { recursive: true, force: true }),
): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-ledger-"));
  closers.set(directory, []);
  t.after(async () => {
    for (const close of closers.get(directory) ?? []) await close().catch(() => undefined);
    remove(directory);
  });
  return directory;
}

export function ledgerOptions(directory: string, changes: Partial<LedgerOptions> = {}): LedgerOptions {
  return {
    directory,
    clock: new SetClock(),
    compactAt: bytes(16_000_000),
    syncAfter: millis(20),
    retryAfter: millis(20),
    onEvent: () => undefined,
    ...changes,
  };
}

/** A day's budget of a million tokens, and the policy that it is in. */
export const POLICY: BudgetPolicy = policyOf([budget({ limit: 1_000_000 })]);

export async function open(
  directory: string,
  changes: Partial<LedgerOptions> = {},
  policy: BudgetPolicy = POLICY,
): Promise<Opened> {
  const events: LedgerEvent[] = [];
  const opened = await openLedger(ledgerOptions(directory, { onEvent: (event) => events.push(event), ...changes }));
  assert.ok(opened.ok, opened.ok ? "" : opened.problem);
  const ledger = opened.value;
  closers.get(directory)?.push(() => ledger.close());
  ledger.reconfigure(policy);
  return { ledger, events };
}

export function remaining(ledger: Ledger): readonly number[] {
  return ledger.view().map((view) => view.remaining);
}
