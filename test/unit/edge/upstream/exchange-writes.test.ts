import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../../router/app/clock.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { createDeadlineWatch } from "../../../../router/edge/upstream/deadline-watch.ts";
import { dial } from "../../../../router/edge/upstream/dial.ts";
import { originConnection } from "../../../../router/edge/upstream/origin-connection.ts";
import { dialPermit } from "../../../fakes/dial-permit.ts";
import { fakeOrigin } from "../../../fakes/origin-server.ts";
import { atRest } from "../../../fakes/until.ts";

const CONTENT = 3_000;

for (const framing of [{ kind: "length", length: CONTENT } as const, { kind: "chunked" } as const]) {
  test(`of single octets only so many wait for a slow origin, and all arrive: ${framing.kind}`, async () => {
    let heard = "";
    const origin = await fakeOrigin((socket) =>
      socket.on("data", (octets) => {
        heard += octets.toString("latin1");
        const isWhole = framing.kind === "chunked" ? heard.endsWith("0\r\n\r\n") : heard.endsWith("x".repeat(CONTENT));
        if (isWhole) socket.write("HTTP/1.1 204 No Content\r\n\r\n");
      }),
    );
    const link = await dial(dialPermit(origin.port), {
      clock: systemClock,
      timeout: millis(2_000),
      signal: new AbortController().signal,
    });
    assert.ok(link.ok);
    const { socket } = link.value;
    const connection = originConnection(link.value);
    let asked = 0;
    async function* body(): AsyncGenerator<Uint8Array, void> {
      // What is written waits, as behind a peer that does not read.
      socket.cork();
      for (; asked < CONTENT; asked += 1) yield Buffer.from("x");
    }
    const ended = connection.exchange(
      {
        method: "POST",
        target: "/",
        host: "origin.test",
        fields: [],
        framing,
        body: body(),
        expectContinue: false,
        upgrade: undefined,
      },
      { proceed: () => undefined, head: () => undefined, data: () => undefined },
      {
        limits: { bytesOut: undefined, bytesIn: undefined, idle: millis(20_000), lifetime: millis(20_000) },
        watch: createDeadlineWatch(systemClock, millis(10)),
        signal: new AbortController().signal,
      },
    );
    const waiting = await atRest(() => asked);
    socket.uncork();
    const { cause } = await ended;
    connection.close();
    await origin.close();
    assert.ok(waiting < 300, `${waiting} wait`);
    assert.deepEqual([cause, heard.replaceAll(/[^x]/g, "").length >= CONTENT], ["completed", true]);
  });
}
