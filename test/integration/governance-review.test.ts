import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { tcpOrigin } from "../fakes/origins.ts";
import { openTunnel } from "../fakes/raw-client.ts";
import { startSidecar } from "../fakes/sidecar.ts";

/** What an adversarial review of issue 5 found; each failed before it was mended. */
const settings = ["limits: { drain: 200ms }"];

test("INV-GOV-OBSERVE: what was let through only to be observed is cut when observing ends", async () => {
  await using origin = await tcpOrigin((socket) => socket.pipe(socket));
  const until = Date.now() + 6_000;
  await using sidecar = await startSidecar({
    allow: [
      `{ id: echo, hosts: [echo.example], ports: [${origin.port}], protocol: tcp, addresses: ["127.0.0.1:${origin.port}"] }`,
    ],
    hosts: { "echo.example": ["127.0.0.1"] },
    governance: ["mode: observe", `observeUntil: "${new Date(until).toISOString()}"`, "rules: []"],
    settings,
  });
  const tunnel = await openTunnel(sidecar.port, `echo.example:${origin.port}`);
  tunnel.resume().write("x");
  const closed = new Promise<void>((resolve) => tunnel.once("close", () => resolve()));
  await Promise.race([closed, delay(15_000).then(() => assert.fail("it goes on"))]);
  assert.ok(Date.now() >= until, "it was cut before");
});
