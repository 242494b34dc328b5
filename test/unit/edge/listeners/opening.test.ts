import assert from "node:assert/strict";
import { test } from "node:test";
import { readOpening } from "../../../../router/edge/listeners/opening.ts";
import { socketPair } from "./socket-pair.ts";

/** A line is whole at its LF. */
const line = (octets: Uint8Array, length: number): { readonly state: "incomplete" | "line"; readonly end?: number } => {
  const end = octets.subarray(0, length).indexOf(10);
  return end < 0 ? { state: "incomplete" } : { state: "line", end };
};

test("what comes in one read, with what follows it", async () => {
  await using pair = await socketPair();
  pair.theirs.write("one\nmore");
  const opening = await readOpening(pair.agent, 1_000, line);
  assert.ok(opening.state === "seen");
  assert.deepEqual([opening.octets.toString(), opening.seen.end], ["one\nmore", 3]);
});

test("what trickles is put together, and nothing of it is lost", async () => {
  await using pair = await socketPair();
  const text = `${"x".repeat(300)}\n`;
  const reading = readOpening(pair.agent, 5_000, line);
  for (const octet of Buffer.from(text)) {
    pair.theirs.write(Buffer.of(octet));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const opening = await reading;
  assert.ok(opening.state === "seen");
  assert.equal(opening.octets.toString(), text);
  pair.agent.unread(opening.octets);
  assert.equal(String(await pair.agent.read(1_000)), text);
});

test("large pieces are put together", async () => {
  await using pair = await socketPair();
  const reading = readOpening(pair.agent, 5_000, line);
  const text = `${"y".repeat(100_000)}${"z".repeat(100_000)}\n`;
  pair.theirs.write(text);
  const opening = await reading;
  assert.ok(opening.state === "seen");
  assert.equal(opening.octets.toString(), text);
});

test("the deadline is one for all reads", async () => {
  await using pair = await socketPair();
  const trickle = setInterval(() => pair.theirs.write("."), 20);
  const began = performance.now();
  assert.deepEqual(await readOpening(pair.agent, 150, line), { state: "timeout" });
  clearInterval(trickle);
  const took = performance.now() - began;
  // Where each read began it anew, it would never end.
  assert.ok(took >= 145 && took < 5_000, `${took} ms`);
});

test("an end in the middle is another than an end at once", async () => {
  await using cut = await socketPair();
  cut.theirs.end("half");
  assert.deepEqual(await readOpening(cut.agent, 1_000, line), { state: "cut_short" });
  await using silent = await socketPair();
  silent.theirs.end();
  assert.deepEqual(await readOpening(silent.agent, 1_000, line), { state: "silent" });
  await using gone = await socketPair();
  gone.theirs.resetAndDestroy();
  assert.deepEqual(await readOpening(gone.agent, 1_000, line), { state: "silent" });
});
