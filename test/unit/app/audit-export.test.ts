import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { millis } from "../../../router/core/base/quantity.ts";
import type { Delivery } from "../../../router/app/export-delivery.ts";
import { DELIVERED, FAILED, harness, ids, readOf, REFUSED, Timeline } from "./export-fixture.ts";

test("what waits is delivered in order, in full batches, and then what comes", async () => {
  const { time, running, log, requests, accepted } = harness({ log: ids(20) });
  running.start();
  await time.until("all are delivered", () => accepted.length === 20);
  assert.deepEqual(accepted, ids(20));
  assert.deepEqual(
    requests.map((request) => request.ids.length),
    [8, 8, 4],
  );
  // Between full batches a breath, so that traffic has its turn.
  assert.deepEqual(
    requests.map((request) => request.at),
    [0, 10, 20],
  );
  log.push("later");
  running.wake();
  await time.until("it is delivered", () => accepted.length === 21);
  assert.equal(requests.at(-1)?.at, 220, "gathered for a fifth of a second");
  const { delivered, rejected, state, lagSeconds, lastProblem } = running.status;
  assert.deepEqual([delivered, rejected, state, lagSeconds, lastProblem], [21, 0, "ok", 0, undefined]);
});

test("news at rest go out at once; news while it reads are not missed; without news it looks each second", async () => {
  const { time, running, log, requests, accepted } = harness({});
  running.start();
  await time.pass(500);
  log.push("a");
  running.wake();
  await time.settle();
  assert.deepEqual(requests, [{ ids: ["a"], at: 500 }]);
  log.push("b");
  await time.until("it is found", () => accepted.length === 2);
  assert.equal(requests.at(-1)?.at, 700);
  log.push("c");
  await time.until("it is found", () => accepted.length === 3);
  assert.equal(requests.at(-1)?.at, 900);
  await time.pass(3_000);
  log.push("d");
  const before = time.now;
  await time.until("it is found", () => accepted.length === 4);
  assert.ok(time.now - before <= 1_000);
});

test("INV-EXPORT-ORDER: while an endpoint is down, the same batch is tried, with backoff, and nothing is read besides", async () => {
  let isDown = true;
  const { time, running, log, requests, accepted, payloads, changes } = harness({
    log: ids(3),
    answer: () => (isDown ? FAILED : DELIVERED),
  });
  running.start();
  await time.until("it was tried often", () => requests.length === 10);
  for (let index = 0; index < 1_000; index += 1) {
    log.push(`more${index}`);
    running.wake();
  }
  await time.settle();
  assert.equal(requests.length, 10, "no number of wakes cuts a backoff short");
  assert.equal(new Set(payloads).size, 1, "the very same payload");
  const waits = requests.slice(1).map((request, index) => request.at - (requests[index]?.at ?? 0));
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.deepEqual([running.status.state, running.status.delivered], ["failing", 0]);
  isDown = false;
  await time.until("all are delivered", () => accepted.length === 1_003);
  assert.deepEqual(accepted, log);
  assert.deepEqual(
    changes.map(({ state, lastProblem }) => [state, lastProblem]),
    [
      ["failing", "The receiver answered 503."],
      ["ok", "The receiver answered 503."],
    ],
  );
});

test("Retry-After is waited for where it is longer than the backoff, and chance shortens a backoff by half at most", async () => {
  const waits: Delivery[] = [
    { kind: "failed", problem: "p", retryAfter: millis(300_000) },
    { kind: "failed", problem: "p", retryAfter: millis(1) },
    { kind: "failed", problem: "p", retryAfter: undefined },
  ];
  const { time, running, requests, accepted } = harness({
    log: ids(1),
    answer: (_ids, count) => waits[count - 1] ?? DELIVERED,
    changes: { random: () => 0 },
  });
  running.start();
  await time.until("it is delivered", () => accepted.length === 1);
  assert.deepEqual(
    requests.map((request) => request.at),
    [0, 300_000, 300_500, 301_500],
  );
});

test("INV-EXPORT-POISON: a record that the receiver refuses is passed over, alone, counted, and only once others are accepted", async () => {
  for (const bad of [0, 1, 5, 63, 98]) {
    const { time, running, log, accepted, rejected, requests } = harness({
      log: ids(100),
      records: 64,
      answer: (batch) => (batch.includes(`r${bad}`) ? REFUSED : DELIVERED),
    });
    running.start();
    await time.until("the last is delivered", () => accepted.includes("r99") && running.status.lagSeconds === 0);
    await time.until("it is passed over", () => running.status.delivered === 99);
    const others = log.filter((id) => id !== `r${bad}`);
    // The record that showed that others are accepted was sent again in its place.
    assert.deepEqual([...new Set(accepted)].toSorted(), others.toSorted());
    assert.equal(accepted.length, 100);
    assert.deepEqual([running.status.rejected, running.status.delivered, rejected.length], [1, 99, 1]);
    assert.ok(time.now < 60_000 && requests.length < 80, `${time.now} ms, ${requests.length} requests for ${bad}`);
  }
});

test("several refused records in a row, at the end too, stop nothing", async () => {
  const bad = new Set(["r3", "r4", "r5", "r11"]);
  const { time, running, log, accepted, requests } = harness({
    log: ids(12),
    answer: (batch) => (batch.some((id) => bad.has(id)) ? REFUSED : DELIVERED),
  });
  running.start();
  await time.until("all others are delivered", () => running.status.delivered === 8 && running.status.rejected === 3);
  assert.ok(time.now < 120_000, `${time.now} ms`);
  // Nothing behind the last one shows whether it is its fault.
  await time.pass(3_600_000);
  assert.deepEqual([running.status.rejected, running.status.state], [3, "failing"]);
  assert.ok(requests.length < 250, `${requests.length} requests`);
  log.push("r12");
  running.wake();
  await time.until("the new one is delivered", () => running.status.delivered === 9);
  assert.equal(running.status.rejected, 4);
  assert.deepEqual([...new Set(accepted)], ["r0", "r1", "r2", "r6", "r7", "r8", "r9", "r10", "r12"]);
});

test("INV-EXPORT-LOSES-NOTHING: a receiver that refuses everything for a day, an expired token, costs no record", async () => {
  let refuses = true;
  const { time, running, log, accepted, requests } = harness({
    log: ids(50),
    answer: () => (refuses ? { kind: "refused", problem: "The receiver answered 401." } : DELIVERED),
  });
  running.start();
  await time.pass(86_400_000);
  assert.deepEqual([running.status.rejected, accepted, running.status.state], [0, [], "failing"]);
  assert.ok(requests.length < 3_000, `${requests.length} requests in a day`);
  refuses = false;
  await time.until("all are delivered", () => running.status.delivered === 50);
  assert.equal(running.status.rejected, 0);
  assert.deepEqual(accepted.slice(-50).length, 50);
  assert.deepEqual([...new Set(accepted)].toSorted(), log.toSorted());
});

test("the order stands and nothing is lost, whatever a receiver answers and whenever the process ends", async () => {
  const partial: Delivery = { kind: "delivered", rejected: 1, problem: "p" };
  const replies = { ok: DELIVERED, failed: FAILED, refused: REFUSED, partial };
  const word = fc.constantFrom("ok", "failed", "refused", "partial", "crash");
  const answers = fc.array(word, { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(answers, async (script) => {
      const rest = [...script];
      let from: { file: string; offset: number } | undefined;
      const seen: string[] = [];
      for (let life = 0; ; life += 1) {
        let crashed = false;
        const one = harness({
          log: ids(20),
          changes: from === undefined ? {} : { from },
          answer: () => {
            const word = rest.shift() ?? "ok";
            if (word !== "crash") return replies[word];
            crashed = true;
            return new Promise(() => undefined);
          },
        });
        one.running.start();
        await one.time.until("it is over", () => crashed || one.accepted.includes("r19"));
        seen.push(...one.accepted);
        // What a process that is killed leaves: the cursor that was kept last.
        from = one.kept.at(-1) ?? from;
        if (!crashed) {
          const { rejected } = one.running.status;
          assert.ok(rejected <= script.filter((answer) => answer !== "ok").length);
          break;
        }
        assert.ok(life < 30);
      }
      // In order, where what was sent again does not count.
      const firsts = [...new Set(seen)];
      const missing = ids(20).filter((id) => !firsts.includes(id));
      const refusals = script.filter((answer) => answer === "refused").length;
      assert.ok(missing.length <= Math.max(0, refusals - 1), `${missing.length} are missing`);
      if (refusals === 0) assert.deepEqual(firsts, ids(20));
    }),
    { numRuns: 60 },
  );
});

test("what was shown before a failure does not count after it", async () => {
  const script: Delivery[] = [REFUSED, REFUSED, REFUSED, REFUSED, DELIVERED, FAILED, REFUSED];
  const { time, running, requests, accepted } = harness({ log: ids(2), answer: () => script.shift() ?? DELIVERED });
  running.start();
  await time.until("all are delivered", () => running.status.delivered === 2);
  assert.deepEqual(
    requests.map((request) => request.ids.join(" ")),
    ["r0 r1", "r0", "r0", "r0", "r1", "r0", "r0", "r1", "r0", "r1"],
  );
  assert.deepEqual([running.status.rejected, accepted], [0, ["r1", "r1", "r0", "r1"]]);
});

test("what a receiver says it did not keep, and what is no record, is counted, and not sent again", async () => {
  const { time, running, requests, rejected } = harness({
    log: ids(3),
    answer: () => ({ kind: "delivered", rejected: 2, problem: "The receiver rejected 2 of 3 records." }),
  });
  running.start();
  await time.until("it is done", () => requests.length === 1);
  await time.pass(5_000);
  assert.equal(requests.length, 1);
  assert.deepEqual([running.status.delivered, running.status.rejected, running.status.state], [1, 2, "ok"]);
  assert.deepEqual(rejected, ["2 at 3: The receiver rejected 2 of 3 records."]);

  const junk = harness({
    log: ["junk"],
    changes: { encode: () => ({ contentType: "", body: "[]", unreadable: 1 }) },
  });
  junk.running.start();
  await junk.time.until("it is passed over", () => junk.running.status.rejected === 1);
  assert.deepEqual(junk.requests, [], "nothing is nothing to send");

  const more = harness({ log: ids(2), answer: () => ({ kind: "delivered", rejected: 99, problem: "p" }) });
  more.running.start();
  await more.time.until("it is done", () => more.requests.length === 1);
  assert.deepEqual([more.running.status.delivered, more.running.status.rejected], [0, 2]);
});

test("a record that no encoder can say is passed over like one that is refused; one that is no record proves nothing", async () => {
  const { time, running, accepted } = harness({
    log: ["a", "bad", "b"],
    changes: {
      encode: (lines) => {
        if (lines.some(({ line }) => line === "bad")) throw new Error("a bug");
        return { contentType: "", body: lines.map(({ line }) => line).join("\n"), unreadable: 0 };
      },
    },
  });
  running.start();
  await time.until("the rest is delivered", () => running.status.delivered === 2);
  assert.deepEqual([running.status.rejected, [...new Set(accepted)]], [1, ["a", "b"]]);

  const alone = harness({
    log: ["refused", "junk"],
    answer: () => REFUSED,
    changes: {
      encode: (lines) => ({
        contentType: "",
        body: lines.map(({ line }) => line).join("\n"),
        unreadable: lines.filter(({ line }) => line === "junk").length,
      }),
    },
  });
  alone.running.start();
  await alone.time.pass(3_600_000);
  assert.equal(alone.running.status.rejected, 0);
});

test("a read, a delivery or an encoding that throws, and a cursor that cannot be kept, end nothing", async () => {
  let reads = 0;
  const outer = harness({
    log: ids(3),
    answer: (_ids, count) => {
      if (count < 3) throw new Error("a bug");
      return DELIVERED;
    },
    changes: {
      persist: () => Promise.reject(new Error("ENOSPC: no space")),
      read: (...asked) => {
        reads += 1;
        if (reads < 3) return Promise.reject(new Error("EMFILE: too many files"));
        return readOf(ids(3))(...asked);
      },
    },
  });
  outer.running.start();
  await outer.time.until("it is delivered", () => outer.accepted.length === 3);
  assert.deepEqual(
    outer.changes.map(({ lastProblem, state }) => `${state}: ${lastProblem}`),
    [
      "failing: The log cannot be read: EMFILE: too many files",
      "failing: The delivery failed: a bug",
      "ok: The delivery failed: a bug",
    ],
  );
  await outer.time.pass(2_000);
  assert.equal(outer.running.status.lastProblem, "The cursor cannot be kept: ENOSPC: no space");
  await outer.running.stop(millis(1_000));
});

test("what was passed over in the log is counted once, however often a batch is read", async () => {
  let refusals = 3;
  const { time, running, skipped, accepted } = harness({
    log: ids(8),
    answer: () => (refusals-- > 0 ? REFUSED : DELIVERED),
    changes: {
      read: async (cursor, limit) => ({
        ...(await readOf(ids(8))(cursor, limit)),
        ...(cursor === undefined ? { skippedSegments: 2, skippedLines: 1, problem: "Gone." } : {}),
      }),
    },
  });
  running.start();
  await time.until("all are delivered", () => accepted.length === 8);
  assert.deepEqual(skipped, ["2 1 Gone."]);
  assert.deepEqual([running.status.skippedSegments, running.status.skippedLines], [2, 1]);
});

test("news that come while the log is read are looked at as soon as it is", async () => {
  let isFirst = true;
  const one = harness({
    changes: {
      read: async (cursor, limit) => {
        const batch = await readOf(one.log)(cursor, limit);
        if (isFirst) {
          one.log.push("meanwhile");
          one.running.wake();
        }
        isFirst = false;
        return batch;
      },
    },
  });
  one.running.start();
  await one.time.settle();
  assert.deepEqual(one.requests, [{ ids: ["meanwhile"], at: 0 }]);
});

test("what cannot be passed over yet is not counted again with each look", async () => {
  const { time, running, skipped } = harness({
    changes: {
      from: { file: "audit-1", offset: 7 },
      read: (cursor) =>
        Promise.resolve({ lines: [], cursor, full: false, skippedSegments: 1, skippedLines: 0, problem: "Damaged." }),
    },
  });
  running.start();
  await time.pass(10_000);
  assert.deepEqual([skipped, running.status.skippedSegments], [[], 0]);
});

test("the lag is the age of the oldest record that waits, by its own time", async () => {
  const made = new Date(1_800_000_000_000 - 90_000).toISOString();
  let isDown = true;
  const { time, running, changes } = harness({
    log: [`{"a":1,"time":"${made}","uptime":7,"v":1}`, `{"time":"${made}","uptime":7,"v":1}`],
    records: 1,
    answer: (_ids, count) => {
      if (count === 2) isDown = false;
      return isDown || count === 3 ? FAILED : DELIVERED;
    },
  });
  running.start();
  await time.pass(10);
  assert.equal(running.status.lagSeconds, 90.01);
  await time.pass(400);
  assert.equal(running.status.lagSeconds, 90.41);
  await time.until("the first is delivered", () => running.status.delivered === 1);
  assert.equal(running.status.state, "lagging");
  await time.until("the other is, too", () => running.status.delivered === 2);
  await time.pass(1);
  assert.deepEqual([running.status.state, running.status.lagSeconds], ["ok", 0]);
  assert.deepEqual(
    changes.map(({ state }) => state),
    ["failing", "lagging", "failing", "ok"],
  );
});

test("the cursor is kept each second at most, one at a time, and at the end", async () => {
  let finish: (() => void) | undefined;
  let keeping = 0;
  let most = 0;
  const { time, running, log, accepted, kept } = harness({
    log: ids(2),
    changes: {
      persist: async (cursor) => {
        kept.push(cursor);
        keeping += 1;
        most = Math.max(most, keeping);
        if (kept.length === 2) await new Promise<void>((resolve) => (finish = resolve));
        keeping -= 1;
      },
    },
  });
  running.start();
  for (let second = 0; second < 5; second += 1) {
    log.push(`s${second}`);
    await time.pass(1_000);
  }
  assert.equal(accepted.length, 7, "a cursor that cannot be kept holds nothing up");
  assert.equal(kept.length, 2);
  finish?.();
  await time.pass(1_500);
  assert.equal(kept.at(-1)?.offset, 7);
  const before = kept.length;
  log.push("last");
  await running.stop(millis(1_000));
  assert.deepEqual([accepted.at(-1), kept.length, kept.at(-1)?.offset, most], ["last", before + 1, 8, 1]);
});

test("INV-EXPORT-STOP: to stop sends what there is, tries once what fails, and never takes longer than its deadline", async () => {
  const open = harness({ log: ids(100) });
  open.running.start();
  await open.running.stop(millis(1_000));
  assert.deepEqual([open.accepted.length, open.kept.at(-1)?.offset, open.time.now], [100, 100, 0]);

  const down = harness({ log: ids(9), answer: () => FAILED });
  down.running.start();
  await down.time.until("it backs off", () => down.requests.length === 4);
  await down.running.stop(millis(1_000));
  assert.deepEqual([down.requests.length, down.kept], [5, []]);

  let wasAborted = false;
  const hanging = harness({
    log: ids(9),
    answer: (_ids, _count, signal) => {
      signal.addEventListener("abort", () => (wasAborted = true));
      return new Promise(() => undefined);
    },
    changes: { persist: () => new Promise(() => undefined), from: { file: "audit-1", offset: 0 } },
  });
  hanging.running.start();
  await hanging.time.settle();
  let isOver = false;
  const stopping = hanging.running.stop(millis(3_000)).then(() => (isOver = true));
  await hanging.time.until("it is over", () => isOver);
  await stopping;
  assert.deepEqual([wasAborted, hanging.time.now], [true, 3_000]);

  const reading = harness({ changes: { read: () => new Promise(() => undefined) } });
  reading.running.start();
  let isDone = false;
  void reading.running.stop(millis(2_000)).then(() => (isDone = true));
  await reading.time.until("it is over", () => isDone);
  assert.equal(reading.time.now, 2_000);

  const never = harness({ log: ids(1) });
  await never.running.stop(millis(1));
  assert.deepEqual([never.accepted, never.kept], [[], []]);
});

test("an answer that comes after the end changes nothing any more", async () => {
  let answer: ((delivery: Delivery) => void) | undefined;
  const { time, running, kept } = harness({
    log: ids(3),
    answer: () => new Promise((resolve) => (answer = resolve)),
  });
  running.start();
  await time.settle();
  let isOver = false;
  void running.stop(millis(10)).then(() => (isOver = true));
  await time.until("it is over", () => isOver);
  answer?.(DELIVERED);
  await time.settle();
  assert.deepEqual([running.status.delivered, kept], [0, []]);
});

test("a timeline of the tests passes by itself only when nothing is left to do", async () => {
  const time = new Timeline();
  const order: string[] = [];
  time.after(millis(20), () => order.push("b"));
  time.after(millis(10), () => order.push("a"));
  time.after(millis(15), () => order.push("never"))();
  await time.pass(30);
  assert.deepEqual([order, time.now], [["a", "b"], 30]);
});
