import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeOrigin } from "../../../fakes/origin-server.ts";
import { tunnelDoor } from "../../../fakes/tunnel.ts";
import { until } from "../../../fakes/until.ts";

test("of single octets only so many wait for a slow origin, and all of them arrive", async () => {
  let heard = "";
  const origin = await fakeOrigin((socket) => socket.on("data", (octets) => (heard += octets.toString("latin1"))));
  const door = await tunnelDoor();
  try {
    const { accepted, upstream, agent } = await door.open(origin.port);
    await until(() => !accepted.isPaused());
    let sent = 0;
    for (let round = 1; round <= 3; round += 1) {
      // What is written waits, as behind a peer that does not read.
      upstream.cork();
      const before = sent;
      for (; !accepted.isPaused() && sent - before < 10_000; sent += 1) accepted.emit("data", Buffer.from("x"));
      assert.ok(accepted.isPaused(), `${sent - before} wait`);
      assert.equal(sent - before, 256);
      upstream.uncork();
      await until(() => heard.length === sent && !accepted.isPaused());
    }
    agent.write("end");
    await until(() => heard.endsWith("xend"));
  } finally {
    await door.close();
    await origin.close();
  }
});
