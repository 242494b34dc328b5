import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ReadOutcome } from "../../../../router/edge/listeners/agent-socket.ts";
import { socketPair } from "./socket-pair.ts";

function told(outcome: ReadOutcome): string {
  return typeof outcome === "string" ? outcome : `bytes ${outcome.toString("latin1")}`;
}

test("what has come is read at once, without a promise; what has not is promised", async () => {
  await using pair = await socketPair();
  const waiting = pair.agent.read(5_000);
  assert.ok(waiting instanceof Promise);
  pair.theirs.write("one");
  assert.equal(told(await waiting), "bytes one");
  pair.agent.unread(Buffer.from("two"));
  const held = pair.agent.read(5_000);
  assert.ok(!(held instanceof Promise));
  assert.equal(told(held), "bytes two");
});

test("INV-WIRE-DEADLINE: each read has a deadline of its own, though the timer is set once for many", async () => {
  await using pair = await socketPair();
  const { agent, theirs } = pair;
  const waited = async (millis: number): Promise<readonly [string, number]> => {
    const began = performance.now();
    const outcome = await agent.read(millis);
    return [told(outcome), performance.now() - began];
  };

  // Answered long before its deadline: its timer goes on, and must not end a later read.
  theirs.write("a");
  assert.equal((await waited(60))[0], "bytes a");
  const [later, laterTook] = await waited(120);
  assert.equal(later, "timeout");
  assert.ok(laterTook >= 118, `ended after ${laterTook} ms`);

  // A timer that is set for later does not put off a nearer deadline.
  theirs.write("b");
  assert.equal((await waited(60_000))[0], "bytes b");
  const [nearer, nearerTook] = await waited(30);
  assert.equal(nearer, "timeout");
  assert.ok(nearerTook >= 28 && nearerTook < 2_000, `ended after ${nearerTook} ms`);

  // A read that timed out takes nothing from the next.
  theirs.write("c");
  assert.equal((await waited(5_000))[0], "bytes c");
});

test("a timer that finds nobody waiting ends nothing", async () => {
  await using pair = await socketPair();
  pair.theirs.write("a");
  assert.equal(told(await pair.agent.read(20)), "bytes a");
  await sleep(60);
  pair.theirs.write("b");
  assert.equal(told(await pair.agent.read(5_000)), "bytes b");
});

test("an agent that ends, and one that is gone", async () => {
  await using pair = await socketPair();
  const waiting = pair.agent.read(5_000);
  pair.theirs.end();
  assert.equal(told(await waiting), "end");
  assert.equal(pair.agent.read(5_000), "end");
  pair.agent.abort();
  await sleep(20);
  assert.equal(pair.agent.read(5_000), "closed");
  assert.equal(pair.agent.drained(10), undefined);
});
