import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../../../router/core/base/result.ts";
import type { CardProblem } from "../../../../router/core/peer/card-problem.ts";
import type { Peer } from "../../../../router/core/peer/trust.ts";
import { PeerCards } from "../../../../router/app/peers/peer-cards.ts";
import type { VerifiedCard } from "../../../../router/app/peers/verify-card.ts";
import { cardSigner, peerOf } from "../../../fakes/agent-card.ts";

type Found = Result<VerifiedCard, CardProblem>;
const GOOD: Found = ok({ kids: ["k"], until: undefined });
const MINUTE = 60_000;
const signer = cardSigner("EdDSA", "k");
const peer = peerOf("a", ["a.example:443"], [signer.key]);

/** A world in which only the test lets time pass; each look takes what stands in `answer` at that time. */
function world(answer: Found) {
  let now = 1_000;
  mock.timers.enable({ apis: ["setInterval"] });
  const seen = { looks: 0, refused: 0, changed: [] as string[], failed: [] as unknown[] };
  const state = { answer, throws: false };
  const cards = new PeerCards({
    clock: { now: () => epochMillis(now), monotonic: () => millis(now) },
    time: () => epochMillis(now),
    look: async () => {
      seen.looks += 1;
      if (state.throws) throw new Error("a bug");
      return state.answer;
    },
    changed: (_, problem) => seen.changed.push(problem ?? "verified"),
    refused: () => (seen.refused += 1),
    failed: (error) => seen.failed.push(error),
  });
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return {
    cards,
    seen,
    state,
    settled,
    use: (...peers: readonly Peer[]) => cards.use(peers),
    async pass(milliseconds: number): Promise<void> {
      for (let left = milliseconds; left > 0; left -= 5_000) {
        now += 5_000;
        mock.timers.tick(5_000);
        await settled();
      }
    },
  };
}
afterEach(() => mock.timers.reset());

test("INV-GOV-CARD: a peer is not connected until its card has verified", async () => {
  const { cards, seen, use, settled } = world(GOOD);
  use(peer);
  assert.equal(cards.problemOf("a"), "not_fetched");
  await settled();
  assert.equal(cards.problemOf("a"), undefined);
  assert.deepEqual([seen.looks, seen.changed], [1, ["verified"]]);
  cards.close();
});

test("a card that stands is looked at every ten minutes", async () => {
  const { cards, seen, use, pass, settled } = world(GOOD);
  use(peer);
  await settled();
  await pass(9 * MINUTE);
  assert.equal(seen.looks, 1);
  await pass(MINUTE);
  assert.equal(seen.looks, 2);
  cards.close();
});

test("INV-GOV-CARD: a card that does not verify any more disconnects at once, and counts against the peer", async () => {
  const { cards, seen, state, use, pass, settled } = world(GOOD);
  use(peer);
  await settled();
  state.answer = fail("wrong_signature");
  await pass(10 * MINUTE);
  assert.equal(cards.problemOf("a"), "wrong_signature");
  assert.deepEqual([seen.changed, seen.refused], [["verified", "wrong_signature"], 1]);
  state.answer = GOOD;
  await pass(10_000);
  assert.equal(cards.problemOf("a"), undefined);
  cards.close();
});

test("INV-GOV-CARD: a card that cannot be fetched any more stands for an hour, and no longer", async () => {
  const { cards, seen, state, use, pass, settled } = world(GOOD);
  use(peer);
  await settled();
  state.answer = fail("unreachable");
  await pass(59 * MINUTE);
  assert.equal(cards.problemOf("a"), undefined);
  await pass(MINUTE);
  assert.notEqual(cards.problemOf("a"), undefined);
  assert.deepEqual([seen.refused, seen.changed[0], seen.changed[1]], [0, "verified", "stale"]);
  cards.close();
});

test("INV-GOV-CARD: a card's own end counts in the very millisecond", async () => {
  const { cards, use, pass, settled } = world(ok({ kids: ["k"], until: 1_000 + 20_000 }));
  use(peer);
  await settled();
  await pass(15_000);
  assert.equal(cards.problemOf("a"), undefined);
  await pass(5_000);
  assert.equal(cards.problemOf("a"), "expired");
  cards.close();
});

test("pauses grow, however often somebody asks", async () => {
  const { cards, seen, use, pass, settled } = world(fail("unreachable"));
  use(peer);
  await settled();
  for (let second = 0; second < 120; second++) cards.problemOf("a");
  await settled();
  assert.equal(seen.looks, 1);
  await pass(10 * MINUTE);
  assert.ok(seen.looks <= 8, `${seen.looks}`);
  cards.close();
});

test("another key, place or endpoint begins anew; the same words do not", async () => {
  const { cards, seen, use, settled } = world(GOOD);
  use(peer);
  await settled();
  use({ ...peer });
  assert.equal(cards.problemOf("a"), undefined);
  use({ ...peer, keys: [cardSigner("EdDSA", "k").key] });
  assert.equal(cards.problemOf("a"), "not_fetched");
  await settled();
  assert.equal(seen.looks, 2);
  use();
  assert.equal(cards.problemOf("a"), undefined);
  cards.close();
});

test("what an older policy asked is no answer to a newer one", async () => {
  const { cards, seen, use, settled } = world(GOOD);
  use(peer);
  use({ ...peer, endpoints: [] });
  await settled();
  assert.equal(seen.changed.length, 1);
  cards.close();
});

test("a peer without a card is known by its keys alone", () => {
  const { cards, use } = world(GOOD);
  use({ ...peer, card: undefined });
  assert.equal(cards.problemOf("a"), undefined);
  cards.close();
});

test("a bug in a look leaves the peer unconnected, and is told", async () => {
  const { cards, seen, state, use, settled, pass } = world(GOOD);
  state.throws = true;
  use(peer);
  await settled();
  assert.equal(cards.problemOf("a"), "not_fetched");
  assert.equal(seen.failed.length, 1);
  await pass(MINUTE);
  assert.ok(seen.looks < 8, `${seen.looks}`);
  cards.close();
});

test("no more than eight looks at a time", async () => {
  const { cards, seen, use } = world(GOOD);
  use(...Array.from({ length: 20 }, (_, at) => ({ ...peer, id: `p${at}` })));
  assert.equal(seen.looks, 8);
  cards.close();
});
