import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { BoundedOutput } from "../../../../router/edge/log/bounded-output.ts";

/** A stream whose reader can be stopped, and which can fail. */
class Sink extends Writable {
  readonly batches: string[] = [];
  failing = false;
  #stuck: (() => void) | undefined;
  #open = true;

  constructor() {
    super({ decodeStrings: false, autoDestroy: false });
  }

  override _write(batch: string, _encoding: string, done: (error?: Error) => void): void {
    const take = (): void => {
      if (this.failing) return done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      this.batches.push(batch);
      done();
    };
    if (this.#open) take();
    else this.#stuck = take;
  }

  stop(): void {
    this.#open = false;
  }

  go(): void {
    this.#open = true;
    this.#stuck?.();
    this.#stuck = undefined;
  }
}

test("lines of one turn of the event loop are one write, in order", async () => {
  const sink = new Sink();
  const output = new BoundedOutput(sink, 1000, () => assert.fail("nothing is lost"));
  for (const line of ["a\n", "b\n", "c\n"]) output.write(line);
  assert.deepEqual(sink.batches, []);
  await output.flush(1000);
  assert.deepEqual(sink.batches, ["a\nb\nc\n"]);
  output.write("d\n");
  await output.flush(1000);
  assert.deepEqual(sink.batches, ["a\nb\nc\n", "d\n"]);
});

test("INV-LOG-2: a reader that stops costs lines and nothing else; the loss is counted, and told when it reads again", async () => {
  const sink = new Sink();
  const told: number[] = [];
  const output = new BoundedOutput(sink, 100, (lost) => {
    told.push(lost);
    output.write(`lost ${lost}\n`);
  });
  sink.stop();
  output.write("0123456789\n");
  await delay(5);
  for (let line = 0; line < 1000; line += 1) output.write("0123456789\n");
  assert.equal(output.lost, 992, "nine lines of eleven fit into a hundred, in flight or waiting");
  const before = performance.now();
  await output.flush(50);
  assert.ok(performance.now() - before < 500, "flush does not wait for ever");
  sink.go();
  await output.flush(1000);
  assert.deepEqual(told, [992]);
  const text = sink.batches.join("");
  assert.equal(text.split("0123456789\n").length - 1, 9);
  assert.ok(text.endsWith("lost 992\n"));
});

test("a reader that is gone: every line is lost, and counted once", async () => {
  const sink = new Sink();
  const output = new BoundedOutput(sink, 100, () => assert.fail("it never takes lines again"));
  sink.failing = true;
  output.write("a\n");
  output.write("b\n");
  await output.flush(1000);
  assert.equal(output.lost, 2);
  for (let line = 0; line < 10; line += 1) output.write("c\n");
  await output.flush(1000);
  assert.deepEqual([output.lost, sink.batches], [12, []]);
});

test("a stream that fails of itself, with lines in flight", async () => {
  const sink = new Sink();
  const output = new BoundedOutput(sink, 100, () => undefined);
  sink.stop();
  output.write("a\n");
  await delay(5);
  output.write("b\n");
  sink.destroy(new Error("EIO"));
  await output.flush(1000);
  assert.equal(output.lost, 2);
});

test("a destroyed stream costs nothing either", async () => {
  const sink = new Sink();
  const output = new BoundedOutput(sink, 100, () => undefined);
  sink.destroy();
  output.write("a\n");
  await output.flush(20);
  assert.equal(output.lost, 1);
});
