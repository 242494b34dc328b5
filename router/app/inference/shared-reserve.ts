import type { Clock } from "../../core/base/clock.ts";
import { epochMillis, type Millis, millis } from "../../core/base/quantity.ts";
import type { CallEstimate } from "../../core/budget/amount.ts";
import { readReserve, type ReserveAnswer } from "../../core/budget/shared-answer.ts";
import type { SharedCounts } from "../../core/budget/shared-counts.ts";
import { reserveRequest, type SharedHold } from "../../core/budget/shared-request.ts";
import type { SharedLedgerClient } from "../../edge/upstream/shared-ledger-client.ts";
import type { LedgerReply } from "../../edge/upstream/shared-ledger-link.ts";

export interface ReserveRooms {
  readonly client: SharedLedgerClient;
  readonly clock: Clock;
  readonly counts: SharedCounts;
  /** The ledger does not answer, or answers again. */
  down(sentence: string): void;
  up(): void;
  /** Releases a reservation that nobody will use; not before a time (monotonic). */
  giveBack(hold: SharedHold, from: Millis): void;
}

/** What is sent may not take effect any later than this, by the server's clock. */
const VALID = 1_000;
/** When a reservation whose answer is lost is given back: `VALID` is over on the server then, and it is there or never. */
const LOST = 2_500;

/** Reserves; undefined where the ledger says nothing in time that can be used. Nothing is left reserved then for long. */
export async function reserveShared(
  rooms: ReserveRooms,
  hold: SharedHold,
  call: CallEstimate,
  patience: Millis,
): Promise<ReserveAnswer | undefined> {
  const { client, clock, counts } = rooms;
  const sent = clock.monotonic();
  const running = client.run(reserveRequest(hold, call, epochMillis(counts.serverTime(sent) + VALID)));

  function read(reply: LedgerReply): ReserveAnswer | undefined {
    const answer = reply.ok ? readReserve(reply.value, hold.id, hold.rules.length, call.output) : undefined;
    if (answer === undefined) {
      if (reply.ok) client.distrust("what the server answers makes no sense");
      if (reply.ok || reply.problem.kind === "unanswered") rooms.giveBack(hold, millis(sent + LOST));
    } else if ("counts" in answer) counts.note(hold.rules, answer, clock.monotonic());
    else counts.heard(answer.now, clock.monotonic());
    return answer;
  }

  const reply = await inTime(running, patience);
  if (reply !== undefined) {
    if (!reply.ok) rooms.down(reply.problem.sentence);
    return read(reply);
  }
  rooms.down(`the server did not answer within ${Math.round(patience)} ms`);
  void giveBackLate();
  return undefined;

  async function giveBackLate(): Promise<void> {
    const answer = read(await running);
    if (answer?.kind === "admitted") rooms.giveBack(hold, millis(0));
    if (answer !== undefined) rooms.up();
  }
}

/** Undefined where it takes longer than a call can wait. */
async function inTime(running: Promise<LedgerReply>, patience: Millis): Promise<LedgerReply | undefined> {
  const { promise, resolve } = Promise.withResolvers<LedgerReply | undefined>();
  // An answer that came while this thread was busy is still to be read: that happens between the two.
  const timer = setTimeout(() => setImmediate(() => resolve(undefined)), patience);
  void running.then(resolve);
  const reply = await promise;
  clearTimeout(timer);
  return reply;
}
