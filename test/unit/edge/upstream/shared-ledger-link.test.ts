import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { systemClock } from "../../../../router/app/clock.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok } from "../../../../router/core/base/result.ts";
import { SharedLedgerLink } from "../../../../router/edge/upstream/shared-ledger-link.ts";

/** A link, and the server's end of its connection. */
async function linked(deadline = 2_000): Promise<{ link: SharedLedgerLink; peer: Socket } & AsyncDisposable> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  const peer = await accepted;
  peer.on("error", () => undefined);
  const link = new SharedLedgerLink(socket, systemClock, millis(deadline));
  return {
    link,
    peer,
    async [Symbol.asyncDispose]() {
      link.destroy("the test is over");
      peer.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

test("answers go to commands in their order, and commands of one turn leave together", async () => {
  await using pair = await linked();
  const replies = [pair.link.send(["A"]), pair.link.send(["B", "b"]), pair.link.send(["C"])];
  const octets = await new Promise<string>((resolve) => pair.peer.once("data", (piece) => resolve(piece.toString())));
  assert.equal(octets, "*1\r\n$1\r\nA\r\n*2\r\n$1\r\nB\r\n$1\r\nb\r\n*1\r\n$1\r\nC\r\n");
  pair.peer.write(":1\r\n-OOM command not allowed, 'secret'\r\n+");
  pair.peer.write("three\r\n");
  const refused = { kind: "refused", code: "OOM", sentence: "the server said OOM" };
  assert.deepEqual(await Promise.all(replies), [ok(1), fail(refused), ok("three")]);
});

test("what nobody asked for ends the connection", async () => {
  await using pair = await linked();
  const asked = pair.link.send(["A"]);
  pair.peer.write(":1\r\n:2\r\n");
  assert.deepEqual(await asked, ok(1));
  assert.equal(await pair.link.closed, "the server sent what nobody asked for");
  const sentence = "the server sent what nobody asked for";
  assert.deepEqual(await pair.link.send(["B"]), fail({ kind: "down", sentence }));
});

test("an error that comes before any command is told by its code", async () => {
  await using pair = await linked();
  pair.peer.write("-ERR max number of clients reached\r\n");
  assert.equal(await pair.link.closed, "the server said ERR");
});

test("the first command that is not answered in time ends the connection, and all that wait with it", async () => {
  await using pair = await linked(60);
  const first = pair.link.send(["A"]);
  await new Promise((resolve) => setTimeout(resolve, 40));
  pair.peer.write(":1\r\n");
  assert.deepEqual(await first, ok(1));
  const began = performance.now();
  const waiting = [pair.link.send(["B"]), pair.link.send(["C"])];
  const sentence = "the server did not answer within 60 ms";
  const unanswered = fail({ kind: "unanswered", sentence });
  assert.deepEqual(await Promise.all(waiting), [unanswered, unanswered]);
  assert.ok(performance.now() - began >= 55, "counted from when it was sent");
  assert.equal(await pair.link.closed, sentence);
});

test("an answer that came while this thread was busy is in time", async () => {
  await using pair = await linked(50);
  const asked = pair.link.send(["A"]);
  await once(pair.peer, "data");
  pair.peer.write(":1\r\n");
  const until = performance.now() + 120;
  while (performance.now() < until);
  assert.deepEqual(await asked, ok(1));
});

test("2,000 answers in one piece", async () => {
  await using pair = await linked();
  const asked = Array.from({ length: 2_000 }, (_, at) => pair.link.send(["A", String(at)]));
  pair.peer.resume().write(Array.from({ length: 2_000 }, (_, at) => `:${at}\r\n`).join(""));
  assert.deepEqual(
    await Promise.all(asked),
    Array.from({ length: 2_000 }, (_, at) => ok(at)),
  );
});
