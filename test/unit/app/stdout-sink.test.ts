import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { createStdoutSink } from "../../../router/app/stdout-sink.ts";
import { millis } from "../../../router/core/base/quantity.ts";
import { harness, ids, Timeline } from "./export-fixture.ts";

/** A stream that hands on only when told. */
class Pipe extends Writable {
  readonly chunks: string[] = [];
  #taken: ((error?: Error) => void) | undefined;
  stuck = false;

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(chunk: string, _encoding: string, callback: (error?: Error) => void): void {
    this.chunks.push(chunk);
    if (this.stuck) this.#taken = callback;
    else callback();
  }

  take(error?: Error): void {
    this.stuck = false;
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.(error);
  }
}

const NEVER = new AbortController().signal;
const payload = (body: string) => ({ contentType: "", body, unreadable: 0 });

test("INV-EXPORT-STDOUT: a reader that does not read only makes the sink lag: one batch waits, written once", async () => {
  const time = new Timeline();
  const pipe = new Pipe();
  const sink = createStdoutSink(pipe, millis(5_000), time.after);
  const { running, accepted } = harness({
    log: ids(30),
    records: 10,
    changes: {
      clock: time.clock,
      after: time.after,
      encode: (lines) => payload(lines.map(({ line }) => `${line}\n`).join("")),
      deliver: (...given) => sink.deliver(...given),
    },
  });
  pipe.stuck = true;
  running.start();
  await time.pass(600_000);
  assert.deepEqual(pipe.chunks, [`${ids(10).join("\n")}\n`], "nothing is written behind what is not taken");
  assert.ok(pipe.writableLength <= 40);
  assert.deepEqual([running.status.state, running.status.lastProblem], ["failing", "Standard output is not read."]);
  // Lines of the log go between batches, never into one.
  pipe.write("a line of the log\n");
  pipe.take();
  await time.until("all is written", () => running.status.delivered === 30);
  assert.equal(
    pipe.chunks.join(""),
    ["", ...ids(10)].join("\n").slice(1) + `\na line of the log\n${ids(20, 10).join("\n")}\n`,
  );
  assert.deepEqual([running.status.state, accepted], ["ok", []]);
});

test("a stream that is closed fails each delivery and ends nothing", async () => {
  const time = new Timeline();
  const pipe = new Pipe();
  const sink = createStdoutSink(pipe, millis(5_000), time.after);
  pipe.stuck = true;
  const first = sink.deliver(payload("a\n"), 1, NEVER);
  pipe.take(Object.assign(new Error("EPIPE"), { code: "EPIPE" }));
  const closed = { kind: "failed", problem: "Standard output is closed.", retryAfter: undefined };
  assert.deepEqual(await first, closed);
  assert.deepEqual(await sink.deliver(payload("a\n"), 1, NEVER), closed);
});

test("a delivery ends with its signal, and another batch never overtakes one that is being written", async () => {
  const time = new Timeline();
  const pipe = new Pipe();
  const sink = createStdoutSink(pipe, millis(5_000), time.after);
  pipe.stuck = true;
  const stop = new AbortController();
  const batch = payload("a\n");
  const given = sink.deliver(batch, 1, stop.signal);
  stop.abort();
  const unread = { kind: "failed", problem: "Standard output is not read.", retryAfter: undefined };
  assert.deepEqual(await given, unread);
  assert.deepEqual(await sink.deliver(batch, 1, stop.signal), unread);
  await assert.rejects(sink.deliver(payload("b\n"), 1, NEVER), /still being written/);
  pipe.take();
  assert.deepEqual(await sink.deliver(batch, 1, NEVER), { kind: "delivered", rejected: 0, problem: undefined });
  assert.deepEqual((await sink.deliver(payload("b\n"), 1, NEVER)).kind, "delivered");
  assert.deepEqual(pipe.chunks, ["a\n", "b\n"]);
});
